//! `POST /v1/webhooks/{id}/rotate`: a new secret.

use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
};

use super::{WebhookWithSecret, refusal, webhook_id};
use crate::{app::SharedApp, http::errors::Problem, problem::ApiError, tenancy::Caller};

/// Rotate a webhook's secret
///
/// For 24 hours signatures are made with both secrets, so that receivers can change over in peace.
#[utoipa::path(post, path = "/v1/webhooks/{id}/rotate", tag = "Webhooks",
    params(("id" = String, Path, description = "The webhook's id.")),
    responses(
        (status = 200, description = "The webhook, with its new secret.", body = WebhookWithSecret),
        (status = 404, description = "There is no such webhook.",
            body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The records do not answer.",
            body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn rotate_webhook(
    State(app): State<SharedApp>,
    caller: Caller,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<WebhookWithSecret>, ApiError> {
    let id = webhook_id(id)?;
    let rotated = app.webhooks.rotate_secret(&caller.tenant, &id).await;
    let (endpoint, secret) = rotated.map_err(refusal)?;
    Ok(Json(WebhookWithSecret::new(endpoint, &secret)))
}
