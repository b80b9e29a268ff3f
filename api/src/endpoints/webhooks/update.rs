//! `PATCH /v1/webhooks/{id}`: changes one.

use axum::{
    Json,
    extract::{Path, Request, State, rejection::PathRejection},
};
use serde::Deserialize;
use utoipa::ToSchema;
use voicefleet_webhooks::EndpointChange;

use super::{WebhookObject, events, refusal, webhook_id};
use crate::{
    app::SharedApp,
    http::{
        body::{parse_json, read_json},
        errors::Problem,
    },
    problem::ApiError,
    tenancy::Caller,
};

/// What is to change; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateWebhookRequest {
    /// Where events are posted from now on, also those that wait.
    url: Option<String>,
    /// Which events; all if the list is empty.
    events: Option<Vec<String>>,
    /// Whether it is told anything. What comes due while it is disabled is dropped.
    enabled: Option<bool>,
}

/// Update a webhook
#[utoipa::path(patch, path = "/v1/webhooks/{id}", tag = "Webhooks",
    params(("id" = String, Path, description = "The webhook's id.")),
    request_body = UpdateWebhookRequest,
    responses(
        (status = 200, description = "The webhook as it is now.", body = WebhookObject),
        (status = 400, description = "A field is not as documented, or the address may not be told; `field` names it.",
            body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such webhook.",
            body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large.",
            body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON.",
            body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The records do not answer.",
            body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn update_webhook(
    State(app): State<SharedApp>,
    caller: Caller,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Json<WebhookObject>, ApiError> {
    let id = webhook_id(id)?;
    let body = read_json(request, app.limits.max_json_bytes).await?;
    let wanted: UpdateWebhookRequest = parse_json(&body)?;
    let change = EndpointChange {
        url: wanted.url,
        events: wanted.events.as_deref().map(events).transpose()?,
        enabled: wanted.enabled,
    };
    let changed = app.webhooks.update(&caller.tenant, &id, change).await;
    Ok(Json(changed.map_err(refusal)?.into()))
}
