//! `GET /v1/files/{id}`: what is known of a file.

use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
};
use voicefleet_core::ErrorCode;

use super::create_file::FileObject;
use crate::{
    app::SharedApp,
    files,
    http::{errors::Problem, path::segment},
    problem::ApiError,
    tenancy::Caller,
};

/// Get a file
#[utoipa::path(get, path = "/v1/files/{id}", tag = "Files",
    params(("id" = String, Path, description = "The file's id.")),
    responses(
        (status = 200, description = "The file.", body = FileObject),
        (status = 404, description = "There is no such file (any more).",
            body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store does not answer.",
            body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_file(
    State(app): State<SharedApp>,
    caller: Caller,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<FileObject>, ApiError> {
    let id = segment(id, ErrorCode::FileNotFound)?;
    let file = files::find(&app, &caller.tenant, &id).await?;
    Ok(Json(file.into()))
}
