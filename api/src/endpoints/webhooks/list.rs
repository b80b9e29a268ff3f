//! `GET /v1/webhooks`: the tenant's.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use super::{WebhookObject, refusal};
use crate::{app::SharedApp, http::errors::Problem, problem::ApiError, tenancy::Caller};

/// All webhooks of a tenant.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WebhookList {
    /// Always `list`.
    object: &'static str,
    /// Oldest first; at most 20.
    data: Vec<WebhookObject>,
}

/// List webhooks
#[utoipa::path(get, path = "/v1/webhooks", tag = "Webhooks", responses(
    (status = 200, description = "The webhooks, without their secrets.", body = WebhookList),
    (status = 503, description = "The records do not answer.",
        body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_webhooks(
    State(app): State<SharedApp>,
    caller: Caller,
) -> Result<Json<WebhookList>, ApiError> {
    let found = app.webhooks.list(&caller.tenant).await.map_err(refusal)?;
    Ok(Json(WebhookList {
        object: "list",
        data: found.into_iter().map(WebhookObject::from).collect(),
    }))
}
