//! Reading `multipart/form-data`: one file within a byte bound, and short text fields by name.

use std::time::Duration;

use axum::{
    body::Body,
    extract::{
        FromRequest, Multipart, Request,
        multipart::{Field, MultipartError},
    },
};
use bytes::{Bytes, BytesMut};
use http_body_util::Limited;
use tokio::sync::OwnedSemaphorePermit;
use voicefleet_core::{ErrorCode, Failure};

use super::body::{BodyKind, DISCARD_FACTOR, unreadable, unsupported};
use crate::{app::App, problem::ApiError};

/// Most bytes of one text field, and of all framing around the fields.
const MAX_TEXT_BYTES: usize = 64 * 1024;

/// Most fields of a form.
const MAX_FIELDS: usize = 32;

/// Bounds of a form.
#[derive(Clone, Copy, Debug)]
struct FormLimits {
    max_file_bytes: usize,
    /// From the first byte to the last.
    patience: Duration,
}

/// A form that has been read.
#[derive(Debug, Default)]
pub(crate) struct Form {
    file: Option<Bytes>,
    /// What the client calls the file.
    pub(crate) file_name: Option<String>,
    texts: Vec<(String, String)>,
}

impl Form {
    /// The field's text; an empty field counts as absent, as browsers send those for blank inputs.
    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        let place = self.texts.iter().position(|(known, _)| known == name)?;
        Some(self.texts.swap_remove(place).1).filter(|text| !text.is_empty())
    }

    /// Whether the field is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        let mut texts = self.texts.iter();
        texts.any(|(known, text)| known == name && !text.is_empty())
    }

    /// The field's number.
    pub(crate) fn take_number(&mut self, name: &str) -> Result<Option<f32>, Failure> {
        let Some(text) = self.take(name) else {
            return Ok(None);
        };
        text.trim().parse().map(Some).map_err(|_| {
            let shown: String = text.chars().take(32).collect();
            let message = format!("'{shown}' is not a number");
            Failure::of_field(ErrorCode::InvalidRequest, name, message)
        })
    }

    /// All fields that are there.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        let texts = self.texts.iter();
        texts.map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// Every value of a field that may be repeated.
    pub(crate) fn take_all(&mut self, name: &str) -> Vec<String> {
        let (wanted, rest) = std::mem::take(&mut self.texts)
            .into_iter()
            .partition(|(known, _)| known == name);
        self.texts = rest;
        wanted.into_iter().map(|(_, text)| text).collect()
    }
}

/// Reads a form with audio in it, once there is room for the audio in memory.
pub(crate) async fn audio_form(
    app: &App,
    request: Request,
    fields: &[&str],
) -> Result<(Form, Bytes, OwnedSemaphorePermit), ApiError> {
    let room = app.room_for_upload()?;
    let limits = FormLimits {
        max_file_bytes: app.limits.max_upload_bytes,
        patience: app.limits.upload_patience,
    };
    let mut form = read_form(request, fields, limits).await?;
    let file = form.file.take().ok_or_else(|| {
        let message = "the form has no field 'file'";
        Failure::of_field(ErrorCode::InvalidRequest, "file", message)
    })?;
    Ok((form, file, room))
}

/// Reads a form whose text fields are among `fields`; a name ending in `[]` may be repeated.
async fn read_form(
    request: Request,
    fields: &[&str],
    limits: FormLimits,
) -> Result<Form, ApiError> {
    if BodyKind::of(request.headers()) != BodyKind::Form {
        return Err(unsupported("multipart/form-data"));
    }
    let patience = limits.patience;
    tokio::time::timeout(patience, read_fields(request, fields, limits))
        .await
        .unwrap_or_else(|_| Err(unreadable(&format!("not complete after {patience:?}"))))
}

async fn read_fields(
    request: Request,
    fields: &[&str],
    limits: FormLimits,
) -> Result<Form, ApiError> {
    let bound = limits
        .max_file_bytes
        .saturating_mul(DISCARD_FACTOR)
        .saturating_add(MAX_FIELDS * MAX_TEXT_BYTES);
    let request = request.map(|body| Body::new(Limited::new(body, bound)));
    let mut parts = Multipart::from_request(request, &())
        .await
        .map_err(|rejection| malformed(&rejection.body_text()))?;
    let mut form = Form::default();
    let mut count = 0;
    while let Some(part) = parts.next_field().await.map_err(|error| broken(&error))? {
        count += 1;
        if count > MAX_FIELDS {
            return Err(malformed(&format!("more than {MAX_FIELDS} fields")));
        }
        match part.name().map(str::to_owned) {
            Some(name) if name == "file" => {
                refuse_repeated(form.file.is_some(), &name)?;
                form.file_name = part.file_name().map(str::to_owned);
                form.file = Some(read_file(part, limits.max_file_bytes).await?);
            }
            Some(name) if fields.contains(&name.as_str()) => {
                let repeated = form.texts.iter().any(|(known, _)| *known == name);
                refuse_repeated(repeated && !name.ends_with("[]"), &name)?;
                let text = read_text(part, &name).await?;
                form.texts.push((name, text));
            }
            Some(name) => return Err(unknown_field(&name, fields).into()),
            None => return Err(malformed("a field has no name")),
        }
    }
    Ok(form)
}

async fn read_file(mut part: Field<'_>, limit: usize) -> Result<Bytes, ApiError> {
    let mut file = BytesMut::new();
    let mut too_large = false;
    while let Some(chunk) = part.chunk().await.map_err(|error| broken(&error))? {
        too_large = too_large || file.len() + chunk.len() > limit;
        if too_large {
            file = BytesMut::new();
        } else {
            file.extend_from_slice(&chunk);
        }
    }
    if too_large {
        let message = format!("the file is larger than the limit of {limit} bytes");
        return Err(Failure::of_field(ErrorCode::UploadTooLarge, "file", message).into());
    }
    Ok(file.freeze())
}

async fn read_text(mut part: Field<'_>, name: &str) -> Result<String, ApiError> {
    let refuse = |why: &str| {
        let message = format!("the field '{name}' {why}");
        ApiError::from(Failure::of_field(ErrorCode::InvalidRequest, name, message))
    };
    let mut text = Vec::new();
    while let Some(chunk) = part.chunk().await.map_err(|error| broken(&error))? {
        text.extend_from_slice(&chunk);
        if text.len() > MAX_TEXT_BYTES {
            return Err(refuse(&format!("is longer than {MAX_TEXT_BYTES} bytes")));
        }
    }
    String::from_utf8(text).map_err(|_| refuse("is not UTF-8"))
}

fn refuse_repeated(repeated: bool, name: &str) -> Result<(), Failure> {
    if repeated {
        let message = format!("the field '{name}' is given more than once");
        return Err(Failure::of_field(ErrorCode::InvalidRequest, name, message));
    }
    Ok(())
}

fn unknown_field(name: &str, fields: &[&str]) -> Failure {
    let shown: String = name.chars().take(64).collect();
    let message = format!(
        "there is no field '{shown}' here; use file, {}",
        fields.join(", ")
    );
    Failure::of_field(ErrorCode::InvalidRequest, shown, message)
}

fn malformed(detail: &str) -> ApiError {
    ApiError::new(
        ErrorCode::InvalidRequest,
        format!("the form is malformed: {detail}"),
    )
}

fn broken(error: &MultipartError) -> ApiError {
    if error.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE {
        let message = "the body is larger than the limit";
        return Failure::of_field(ErrorCode::UploadTooLarge, "file", message).into();
    }
    malformed(&error.body_text())
}
