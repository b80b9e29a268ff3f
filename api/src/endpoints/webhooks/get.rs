//! `GET /v1/webhooks/{id}`: one.

use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
};

use super::{WebhookObject, refusal, webhook_id};
use crate::{app::SharedApp, http::errors::Problem, problem::ApiError, tenancy::Caller};

/// Get a webhook
#[utoipa::path(get, path = "/v1/webhooks/{id}", tag = "Webhooks",
    params(("id" = String, Path, description = "The webhook's id.")),
    responses(
        (status = 200, description = "The webhook, without its secret.", body = WebhookObject),
        (status = 404, description = "There is no such webhook.",
            body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The records do not answer.",
            body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_webhook(
    State(app): State<SharedApp>,
    caller: Caller,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<WebhookObject>, ApiError> {
    let found = app.webhooks.get(&caller.tenant, &webhook_id(id)?).await;
    Ok(Json(found.map_err(refusal)?.into()))
}
