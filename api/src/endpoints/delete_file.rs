//! `DELETE /v1/files/{id}`: forgets a file.

use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
};
use serde::Serialize;
use utoipa::ToSchema;
use voicefleet_core::ErrorCode;

use crate::{
    app::SharedApp,
    files,
    http::{errors::Problem, path::segment},
    problem::ApiError,
    tenancy::Caller,
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
/// Jobs that still wait for it fail with `file_not_found`. Transcripts that were made of it
/// stay, and a batch has a copy of its lines.
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
    let id = segment(id, ErrorCode::FileNotFound)?;
    files::find(&app, &caller.tenant, &id).await?;
    files::delete(&app, &caller.tenant, &id).await?;
    Ok(Json(DeletedFile {
        id,
        object: "file",
        deleted: true,
    }))
}
