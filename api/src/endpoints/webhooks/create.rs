//! `POST /v1/webhooks`: makes one.

use axum::{
    Json,
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa::ToSchema;
use voicefleet_webhooks::NewEndpoint;

use super::{WebhookWithSecret, events, refusal};
use crate::{
    app::SharedApp,
    http::{
        body::{parse_json, read_json},
        errors::Problem,
    },
    problem::ApiError,
    tenancy::Caller,
};

/// A webhook to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateWebhookRequest {
    /// Where events are posted: `https`, at a public address, unless the operator allows more.
    #[schema(example = "https://example.com/speech-events", max_length = 2000)]
    url: String,
    /// Which events: `job.succeeded`, `job.failed`, `job.cancelled`, `job.expired`; all if left out.
    #[serde(default)]
    #[schema(example = json!(["job.succeeded", "job.failed"]))]
    events: Vec<String>,
}

/// Create a webhook
///
/// It is told of the end of each job by a POST of `{type, timestamp, data}`, signed by Standard Webhooks
/// (`webhook-id`, `webhook-timestamp`, `webhook-signature`). What does not answer 2xx within 20 s is told
/// again, ten times in about three days; 410 disables it. Redirects are not followed. It may be told
/// twice of the same; `webhook-id` is the same then.
#[utoipa::path(post, path = "/v1/webhooks", tag = "Webhooks", request_body = CreateWebhookRequest, responses(
    (status = 201, description = "The webhook, with its secret.", body = WebhookWithSecret,
        headers(("Location" = String))),
    (status = 400, description = "A field is not as documented, or the address may not be told; `field` names it.",
        body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "There are 20 already.",
        body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "The body is too large.",
        body = Problem, content_type = "application/problem+json"),
    (status = 415, description = "The body is not JSON.",
        body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The records do not answer.",
        body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn create_webhook(
    State(app): State<SharedApp>,
    caller: Caller,
    request: Request,
) -> Result<Response, ApiError> {
    let body = read_json(request, app.limits.max_json_bytes).await?;
    let wanted: CreateWebhookRequest = parse_json(&body)?;
    let new = NewEndpoint {
        url: wanted.url,
        events: events(&wanted.events)?,
    };
    let made = app.webhooks.create(&caller.tenant, new).await;
    let (endpoint, secret) = made.map_err(refusal)?;
    let location = format!("/v1/webhooks/{}", endpoint.id.as_str());
    let created = Json(WebhookWithSecret::new(endpoint, &secret));
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], created).into_response())
}
