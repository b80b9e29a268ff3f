//! `GET /v1/batches/{id}`: how far a batch has come.

use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
};

use super::create_batch::BatchObject;
use crate::{
    app::SharedApp,
    batches::store,
    http::{errors::OpenAiError, path::batch_id},
    problem::ApiError,
    tenancy::Caller,
};

/// Get a batch
///
/// It is kept for 30 days after its end, and so are the files with what it came to.
#[utoipa::path(get, path = "/v1/batches/{id}", tag = "Batches",
    params(("id" = String, Path, description = "The batch's id.")),
    responses(
        (status = 200, description = "The batch.", body = BatchObject),
        (status = 404, description = "There is no such batch.", body = OpenAiError),
        (status = 503, description = "The store does not answer.", body = OpenAiError),
    )
)]
pub(crate) async fn get_batch(
    State(app): State<SharedApp>,
    caller: Caller,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<BatchObject>, ApiError> {
    let stored = store::get(&app, &caller.tenant, batch_id(id)?).await?;
    Ok(Json(stored.batch.into()))
}
