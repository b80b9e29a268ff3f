//! `DELETE /v1/files/{id}`: forgets an uploaded file.

use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
};
use serde::Serialize;
use utoipa::ToSchema;
use voicefleet_core::ErrorCode;

use crate::{
    app::SharedApp,
    http::{errors::Problem, path::segment},
    problem::ApiError,
    tenancy::Caller,
    transcription::upload::{FileId, not_found},
};

/// A file that is no more.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeletedFile {
    /// Its id.
    id: String,
    /// Always `file`.
    object: &'static str,
    /// Always true.
    deleted: bool,
}

/// Delete a file
///
/// Jobs that still wait for it fail with `file_not_found`. Transcripts that were made of it stay.
#[utoipa::path(delete, path = "/v1/files/{id}", tag = "Files",
    params(("id" = String, Path, description = "The file's id.")),
    responses(
        (status = 200, description = "It is gone.", body = DeletedFile),
        (status = 404, description = "There is no such file (any more).",
            body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store does not answer.",
            body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn delete_file(
    State(app): State<SharedApp>,
    caller: Caller,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<DeletedFile>, ApiError> {
    let text = segment(id, ErrorCode::FileNotFound)?;
    let id = FileId::parse(&text, &caller.tenant).ok_or_else(|| not_found(&text))?;
    if !app.blobs.contains(&id.key()).await? {
        return Err(not_found(&text).into());
    }
    app.blobs.delete(&id.key()).await?;
    Ok(Json(DeletedFile {
        id: text,
        object: "file",
        deleted: true,
    }))
}
