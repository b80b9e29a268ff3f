//! `DELETE /v1/webhooks/{id}`: removes one.

use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{refusal, webhook_id};
use crate::{app::SharedApp, http::errors::Problem, problem::ApiError, tenancy::Caller};

/// A webhook that is no more.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeletedWebhook {
    /// Its id.
    id: String,
    /// Always `webhook`.
    object: &'static str,
    /// Always true.
    deleted: bool,
}

/// Delete a webhook
///
/// What waits for it is not told.
#[utoipa::path(delete, path = "/v1/webhooks/{id}", tag = "Webhooks",
    params(("id" = String, Path, description = "The webhook's id.")),
    responses(
        (status = 200, description = "It is gone.", body = DeletedWebhook),
        (status = 404, description = "There is no such webhook.",
            body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The records do not answer.",
            body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn delete_webhook(
    State(app): State<SharedApp>,
    caller: Caller,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<DeletedWebhook>, ApiError> {
    let id = webhook_id(id)?;
    let deleted = app.webhooks.delete(&caller.tenant, &id).await;
    deleted.map_err(refusal)?;
    Ok(Json(DeletedWebhook {
        id: id.as_str().to_owned(),
        object: "webhook",
        deleted: true,
    }))
}
