//! Reading bodies within bounds, and JSON with errors that name the field.

use axum::{
    body::{Body, HttpBody},
    extract::Request,
    http::{HeaderMap, header},
};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use serde::de::DeserializeOwned;
use voicefleet_core::{ErrorCode, Failure};

use crate::problem::ApiError;

/// How many times its bound a body may go on before the connection is dropped. What is beyond the
/// bound is read and thrown away: a client that is still sending would not see the answer otherwise.
pub(crate) const DISCARD_FACTOR: usize = 2;

/// What a body claims to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyKind {
    Json,
    Form,
    Other,
}

impl BodyKind {
    /// By the `Content-Type` header.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let value = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let essence = value.split(';').next().unwrap_or_default().trim();
        match essence.to_ascii_lowercase().as_str() {
            "application/json" => Self::Json,
            "multipart/form-data" => Self::Form,
            _ => Self::Other,
        }
    }
}

/// The refusal of a body that is none of `accepted`.
pub(crate) fn unsupported(accepted: &str) -> ApiError {
    ApiError::new(
        ErrorCode::UnsupportedMediaType,
        format!("send the body as {accepted}, with that Content-Type"),
    )
}

/// The body of a JSON request, at most `limit` bytes.
pub(crate) async fn read_json(request: Request, limit: usize) -> Result<Bytes, ApiError> {
    if BodyKind::of(request.headers()) != BodyKind::Json {
        return Err(unsupported("application/json"));
    }
    read_bounded(request.into_body(), limit).await
}

async fn read_bounded(body: Body, limit: usize) -> Result<Bytes, ApiError> {
    let hint = usize::try_from(body.size_hint().lower()).unwrap_or(limit);
    let mut kept = BytesMut::with_capacity(hint.min(limit));
    let mut seen = 0_usize;
    let mut frames = body.into_data_stream();
    while let Some(frame) = frames.next().await {
        let frame = frame.map_err(|error| unreadable(&error.to_string()))?;
        seen = seen.saturating_add(frame.len());
        if seen <= limit {
            kept.extend_from_slice(&frame);
        } else if seen > limit.saturating_mul(DISCARD_FACTOR) {
            break;
        }
    }
    if seen > limit {
        return Err(ApiError::new(
            ErrorCode::UploadTooLarge,
            format!("the body is larger than the limit of {limit} bytes"),
        ));
    }
    Ok(kept.freeze())
}

/// The refusal of a body that broke off or stalled.
pub(crate) fn unreadable(detail: &str) -> ApiError {
    ApiError::new(
        ErrorCode::InvalidRequest,
        format!("the body could not be read: {detail}"),
    )
}

/// Reads `T` from JSON; the failure names the field.
pub(crate) fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let message = format!("the JSON body is not as documented: {}", error.inner());
        let mut failure = Failure::new(ErrorCode::InvalidRequest, message);
        failure.field = Some(path)
            .filter(|path| path != ".")
            .or_else(|| quoted_field(&error.inner().to_string()));
        failure
    })?;
    json.end().map_err(|error| {
        let message = format!("the JSON body goes on after its end: {error}");
        Failure::new(ErrorCode::InvalidRequest, message)
    })?;
    Ok(value)
}

/// The field in serde's "missing field `x`", "unknown field `x`" and "duplicate field `x`".
fn quoted_field(message: &str) -> Option<String> {
    let (kind, rest) = message.split_once(" field `")?;
    let known = matches!(kind, "missing" | "unknown" | "duplicate");
    let (field, _) = rest.split_once('`')?;
    (known && field.len() <= 64).then(|| field.to_owned())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[expect(dead_code, reason = "only its reading is of interest")]
        input: String,
        #[expect(dead_code, reason = "only its reading is of interest")]
        speed: Option<f32>,
    }

    fn field_of(json: &str) -> Option<String> {
        parse_json::<Sample>(json.as_bytes()).expect_err(json).field
    }

    #[test]
    fn every_error_about_a_field_names_it() {
        assert_eq!(field_of("{}").as_deref(), Some("input"));
        assert_eq!(field_of(r#"{"input":5}"#).as_deref(), Some("input"));
        assert_eq!(
            field_of(r#"{"input":"a","speed":"b"}"#).as_deref(),
            Some("speed")
        );
        assert_eq!(
            field_of(r#"{"input":"a","sped":1}"#).as_deref(),
            Some("sped")
        );
        assert_eq!(
            field_of(r#"{"input":"a","input":"b"}"#).as_deref(),
            Some("input")
        );
        assert_eq!(field_of(r#"["a"]"#), None);
        assert_eq!(field_of(r#"{"input":"a"} x"#), None);
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_limit_and_no_further() {
        let read = |bytes: usize| read_bounded(Body::from(vec![b'x'; bytes]), 10);
        assert_eq!(read(10).await.expect("within the limit").len(), 10);
        let error = read(11).await.expect_err("over the limit");
        assert_eq!(error.failure.code, ErrorCode::UploadTooLarge);
    }
}
