//! `GET /v1/files/{id}/content`: the bytes of a file.

use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::header,
    response::{IntoResponse, Response},
};
use voicefleet_core::ErrorCode;

use crate::{
    app::SharedApp,
    files,
    http::{errors::Problem, path::segment},
    problem::ApiError,
    schema::Binary,
    tenancy::Caller,
    transcription::upload::not_found,
};

/// Get the content of a file
///
/// Audio as it was uploaded; of a batch its lines, or what came of them.
#[utoipa::path(get, path = "/v1/files/{id}/content", tag = "Files",
    params(("id" = String, Path, description = "The file's id.")),
    responses(
        (status = 200, description = "The bytes.", content(
            (Binary = "application/octet-stream"), (String = "application/jsonl"),
        )),
        (status = 404, description = "There is no such file (any more).",
            body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store does not answer.",
            body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_file_content(
    State(app): State<SharedApp>,
    caller: Caller,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiError> {
    let id = segment(id, ErrorCode::FileNotFound)?;
    files::find(&app, &caller.tenant, &id).await?;
    let found = app.blobs.get(&files::key_of(&caller.tenant, &id)).await?;
    let blob = found.ok_or_else(|| not_found(&id))?;
    let kind = if files::is_batch_file(&id) {
        files::JSONL
    } else {
        "application/octet-stream"
    };
    Ok(([(header::CONTENT_TYPE, kind)], blob.bytes).into_response())
}
