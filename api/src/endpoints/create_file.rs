//! `POST /v1/files`: uploads audio for transcription jobs, or the lines of a batch.

use axum::{
    Json,
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;
use utoipa::ToSchema;
use uuid::Uuid;
use voicefleet_core::ports::{Blob, Retention};

use crate::{
    app::{App, SharedApp},
    batches::input,
    files::{self, FileRecord},
    http::{errors::Problem, form::audio_form},
    problem::ApiError,
    schema::Binary,
    tenancy::Caller,
    transcription::upload,
};

/// A file.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = File)]
pub(crate) struct FileObject {
    /// What `file_id` in a job, or `input_file_id` in a batch, refers to. Equal audio has one id.
    id: String,
    /// Always `file`.
    object: &'static str,
    /// Size, bytes.
    bytes: usize,
    /// When it was first uploaded, Unix seconds; 0 where that is not known any more.
    created_at: i64,
    /// The name that it was uploaded with.
    filename: String,
    /// What for; `batch_output` for what a batch came to.
    purpose: String,
    /// Always `processed`.
    status: &'static str,
    /// Length of the audio, seconds; only there where the file is audio.
    #[serde(skip_serializing_if = "Option::is_none")]
    audio_seconds: Option<f64>,
}

impl From<FileRecord> for FileObject {
    fn from(file: FileRecord) -> Self {
        Self {
            id: file.id,
            object: "file",
            bytes: file.bytes,
            created_at: file.created_at.0.div_euclid(1000),
            filename: file.filename,
            purpose: file.purpose,
            status: "processed",
            audio_seconds: file.audio_seconds,
        }
    }
}

/// The form.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the form, which is read field by field")]
pub(crate) struct FileForm {
    /// The audio: wav, mp3, ogg, opus, flac, m4a or webm. With the purpose `batch`: JSONL, at most 50,000
    /// lines of `{"custom_id", "method": "POST", "url", "body"}`.
    file: Binary,
    /// `batch` for the lines of a batch; with anything else the file is audio.
    purpose: Option<String>,
}

/// Upload audio, or the lines of a batch
///
/// Kept until room is needed for newer files; a file that a waiting job refers to stays until that job ends,
/// and a batch has a copy of its lines.
#[utoipa::path(post, path = "/v1/files", tag = "Files",
    request_body(content = FileForm, content_type = "multipart/form-data"),
    responses(
        (status = 201, description = "The file.", body = FileObject, headers(("Location" = String))),
        (status = 400, description = "The form is malformed, or the file is empty, truncated or silent.",
            body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Too many bytes, lines or seconds of audio.",
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
    let (mut form, file, room) = audio_form(&app, request, &["purpose"]).await?;
    let purpose = form.take("purpose");
    let record = if purpose.as_deref() == Some(files::BATCH) {
        keep_lines(&app, &caller, file).await?
    } else {
        keep_audio(&app, &caller, file, room).await?
    };
    let record = record.called(form.file_name.as_deref(), purpose.as_deref());
    let record = files::note(&app, &caller.tenant, record).await?;
    let location = [(header::LOCATION, format!("/v1/files/{}", record.id))];
    let file = Json(FileObject::from(record));
    Ok((StatusCode::CREATED, location, file).into_response())
}

async fn keep_audio(
    app: &App,
    caller: &Caller,
    file: Bytes,
    room: OwnedSemaphorePermit,
) -> Result<FileRecord, ApiError> {
    let upload = upload::probe(app, &caller.tenant, file, room).await?;
    // What is there already stays as it is: a waiting job may have pinned it.
    if !app.blobs.contains(&upload.id.key()).await? {
        let (key, blob) = (upload.id.key(), upload.blob());
        app.blobs.put(&key, blob, Retention::Cache).await?;
    }
    Ok(FileRecord {
        created_at: app.clock.now(),
        ..FileRecord::of_audio(&upload.id, upload.len())
    })
}

/// Whether the lines are what they should be is found out when a batch is made of them.
async fn keep_lines(app: &App, caller: &Caller, file: Bytes) -> Result<FileRecord, ApiError> {
    input::check_size(&file)?;
    app.meters.uploaded(file.len());
    let record = FileRecord {
        id: files::batch_file_id(&Uuid::now_v7().simple().to_string()),
        bytes: file.len(),
        created_at: app.clock.now(),
        filename: "batch.jsonl".to_owned(),
        purpose: files::BATCH.to_owned(),
        audio_seconds: None,
    };
    let blob = Blob {
        bytes: file,
        content_type: files::JSONL.to_owned(),
    };
    let key = files::key_of(&caller.tenant, &record.id);
    app.blobs.put(&key, blob, Retention::Cache).await?;
    Ok(record)
}
