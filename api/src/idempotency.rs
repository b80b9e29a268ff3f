//! `Idempotency-Key`: the same request twice is one job
//! (draft-ietf-httpapi-idempotency-key-header-07).
//!
//! The key is kept with the id that the job is going to have, before there is a job. Whoever comes again
//! with the same key submits the same id, which the records take once: so a server that dies in between
//! leaves nothing that has to be waited for, and two requests at the same time get the same job.

use std::time::Duration;

use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use voicefleet_core::{
    ErrorCode, Failure, JobId,
    fingerprint::digest_of,
    ports::{Collection, DocumentError, DocumentWrite, Precondition},
};

use crate::{app::App, problem::ApiError, tenancy::Caller};

/// The header, on requests.
const HEADER: &str = "idempotency-key";

/// For how long a key is remembered.
const REMEMBERED_FOR: Duration = Duration::from_hours(24);

/// Longest key, bytes.
const MAX_LENGTH: usize = 255;

/// What a request asks for, whatever it is called by: equal for equal requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestDigest(String);

impl RequestDigest {
    /// Of JSON: spaces and the order of members make no difference.
    pub(crate) fn of_json(body: &[u8]) -> Self {
        let value: Option<serde_json::Value> = serde_json::from_slice(body).ok();
        let canonical = value.map(|value| value.to_string().into_bytes());
        Self(digest_of(canonical.as_deref().unwrap_or(body)))
    }

    /// Of a form: its fields by name, and the file.
    pub(crate) fn of_form<'a>(
        fields: impl IntoIterator<Item = (&'a str, &'a str)>,
        file: &[u8],
    ) -> Self {
        let mut fields: Vec<_> = fields.into_iter().collect();
        fields.sort_unstable();
        Self(digest_of(
            format!("{fields:?}{}", digest_of(file)).as_bytes(),
        ))
    }
}

/// What is kept of a key.
#[derive(Deserialize, Serialize)]
struct Kept {
    digest: String,
    job: JobId,
}

/// A job's id, and whether a request with the same key came before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Assigned {
    pub(crate) id: JobId,
    pub(crate) again: bool,
}

/// The id for the job of this request.
pub(crate) async fn assign(
    app: &App,
    caller: &Caller,
    headers: &HeaderMap,
    digest: &RequestDigest,
) -> Result<Assigned, ApiError> {
    let fresh = Assigned {
        id: JobId::generate(),
        again: false,
    };
    let Some(key) = key_in(headers)? else {
        return Ok(fresh);
    };
    let kept = Kept {
        digest: digest.0.clone(),
        job: fresh.id,
    };
    let body = serde_json::to_string(&kept);
    let id = document_id(caller, key);
    let write = DocumentWrite {
        collection: Collection::Idempotency,
        id: id.clone(),
        body: body.map_err(|error| ApiError::internal(&error.to_string()))?,
        ttl: Some(REMEMBERED_FOR),
        only_if: Precondition::Absent,
    };
    match app.documents.put(write).await {
        Ok(_) => Ok(fresh),
        Err(DocumentError::Conflict) => before(app, &id, digest).await,
        Err(error) => Err(error.into()),
    }
}

/// Forgets the key of a request that was refused: sent again, it is a new one.
pub(crate) async fn forget(app: &App, caller: &Caller, headers: &HeaderMap) {
    let Ok(Some(key)) = key_in(headers) else {
        return;
    };
    let id = document_id(caller, key);
    let deleted = app
        .documents
        .delete(Collection::Idempotency, &id, Precondition::None);
    if let Err(error) = deleted.await {
        tracing::debug!(%error, "the Idempotency-Key of a refused request is remembered");
    }
}

/// Keys may hold anything visible; ids of documents should not.
fn document_id(caller: &Caller, key: &str) -> String {
    format!("{}/{}", caller.tenant, digest_of(key.as_bytes()))
}

/// The id that the request got that came first.
async fn before(app: &App, id: &str, digest: &RequestDigest) -> Result<Assigned, ApiError> {
    let found = app.documents.get(Collection::Idempotency, id).await?;
    // It has expired just now: the client comes again.
    let document = found.ok_or(DocumentError::Conflict)?;
    let kept: Kept = serde_json::from_str(&document.body)
        .map_err(|error| ApiError::internal(&format!("an idempotency key: {error}")))?;
    if kept.digest != digest.0 {
        let message = "this Idempotency-Key has been used for another request in the last 24 hours";
        let refusal = Failure::of_field(ErrorCode::IdempotencyMismatch, "Idempotency-Key", message);
        return Err(refusal.into());
    }
    Ok(Assigned {
        id: kept.job,
        again: true,
    })
}

fn key_in(headers: &HeaderMap) -> Result<Option<&str>, Failure> {
    let Some(value) = headers.get(HEADER) else {
        return Ok(None);
    };
    let key = value.to_str().ok().map(str::trim);
    match key {
        Some(key) if (1..=MAX_LENGTH).contains(&key.len()) => Ok(Some(key)),
        _ => {
            let message =
                format!("an Idempotency-Key is 1 to {MAX_LENGTH} visible ASCII characters");
            let field = "Idempotency-Key";
            Err(Failure::of_field(ErrorCode::InvalidRequest, field, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use voicefleet_core::Fingerprint;

    use super::*;

    #[test]
    fn equal_requests_have_equal_digests() {
        let one = RequestDigest::of_json(br#"{"a": 1, "b": [true]}"#);
        assert_eq!(one, RequestDigest::of_json(br#"{"b":[true],"a":1}"#));
        assert_ne!(one, RequestDigest::of_json(br#"{"b":[true],"a":2}"#));
        let form = RequestDigest::of_form([("a", "1"), ("b", "2")], b"x");
        assert_eq!(form, RequestDigest::of_form([("b", "2"), ("a", "1")], b"x"));
        assert_ne!(form, RequestDigest::of_form([("b", "2"), ("a", "1")], b"y"));
        assert_ne!(
            RequestDigest::of_form([("a", "1\"), (\"b"), ("c", "2")], b""),
            RequestDigest::of_form([("a", "1"), ("b", "c"), ("", "2")], b"")
        );
        assert!(Fingerprint::parse(&one.0).is_some());
    }
}
