//! `POST /v1/batches/{id}/cancel`: withdraws a batch.

use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
};

use super::create_batch::BatchObject;
use crate::{
    app::SharedApp,
    batches::{record::BatchStatus, store},
    http::{errors::OpenAiError, path::batch_id},
    problem::ApiError,
    tenancy::Caller,
};

/// Cancel a batch
///
/// No further line is begun, and the jobs in flight are withdrawn; what is done by then is in the output. The
/// batch is `cancelling` until that has happened. One whose lines are all done already stays as it is.
#[utoipa::path(post, path = "/v1/batches/{id}/cancel", tag = "Batches",
    params(("id" = String, Path, description = "The batch's id.")),
    responses(
        (status = 200, description = "The batch as it is now.", body = BatchObject),
        (status = 404, description = "There is no such batch.", body = OpenAiError),
        (status = 503, description = "The store does not answer.", body = OpenAiError),
    )
)]
pub(crate) async fn cancel_batch(
    State(app): State<SharedApp>,
    caller: Caller,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<BatchObject>, ApiError> {
    let now = app.clock.now();
    let batch = store::change(&app, &caller.tenant, batch_id(id)?, |batch| {
        let can_be = matches!(
            batch.status,
            BatchStatus::Validating | BatchStatus::InProgress
        );
        if can_be {
            batch.status = BatchStatus::Cancelling;
            batch.times.cancelling = Some(now);
        }
        can_be
    });
    Ok(Json(batch.await?.into()))
}
