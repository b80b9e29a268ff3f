//! `POST /v1/files`: uploads audio for transcription jobs.

use axum::{
    Json,
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;
use voicefleet_core::ports::Retention;

use crate::{
    app::SharedApp,
    http::{errors::Problem, form::audio_form},
    problem::ApiError,
    schema::Binary,
    tenancy::Caller,
    transcription::upload::{self, FileId},
};

/// An uploaded file.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = File)]
pub(crate) struct FileObject {
    /// What `file_id` in a job refers to. Equal uploads have one id.
    id: String,
    /// Always `file`.
    object: &'static str,
    /// Size, bytes.
    bytes: usize,
    /// Length of the audio, seconds.
    audio_seconds: f64,
}

impl FileObject {
    pub(crate) fn new(id: &FileId, bytes: usize) -> Self {
        Self {
            id: id.to_string(),
            object: "file",
            bytes,
            audio_seconds: id.seconds(),
        }
    }
}

/// The form.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the form, which is read field by field")]
pub(crate) struct FileForm {
    /// The audio: wav, mp3, ogg, opus, flac, m4a or webm.
    file: Binary,
    /// OpenAI's field; anything is accepted and nothing comes of it.
    purpose: Option<String>,
}

/// Upload audio
///
/// Kept until room is needed for newer files; a file that a waiting job refers to stays until that job ends.
#[utoipa::path(post, path = "/v1/files", tag = "Files",
    request_body(content = FileForm, content_type = "multipart/form-data"),
    responses(
        (status = 201, description = "The file.", body = FileObject, headers(("Location" = String))),
        (status = 400, description = "The form is malformed, or the audio is empty, truncated or silent.",
            body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Too many bytes, or too many seconds of audio.",
            body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not a form, or not audio.",
            body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store does not answer or is full; see `Retry-After`.",
            body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn create_file(
    State(app): State<SharedApp>,
    caller: Caller,
    request: Request,
) -> Result<Response, ApiError> {
    let (_, file, room) = audio_form(&app, request, &["purpose"]).await?;
    let upload = upload::probe(&app, &caller.tenant, file, room).await?;
    // What is there already stays as it is: a waiting job may have pinned it.
    if !app.blobs.contains(&upload.id.key()).await? {
        let (key, blob) = (upload.id.key(), upload.blob());
        app.blobs.put(&key, blob, Retention::Cache).await?;
    }
    let location = [(header::LOCATION, format!("/v1/files/{}", upload.id))];
    let file = Json(FileObject::new(&upload.id, upload.len()));
    Ok((StatusCode::CREATED, location, file).into_response())
}
