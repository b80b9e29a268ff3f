//! `/v1/webhooks`: addresses that are told of the ends of jobs.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod deliveries;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod redeliver;
pub(crate) mod rotate;
pub(crate) mod update;

use axum::extract::{Path, rejection::PathRejection};
use serde::Serialize;
use utoipa::ToSchema;
use voicefleet_core::{ErrorCode, Failure};
use voicefleet_webhooks::{Endpoint, EndpointId, EventKind, Secret, UnknownEvent, WebhookError};

use crate::{http::path::segment, job_object::rfc3339, problem::ApiError};

/// An address that is told of events.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Webhook)]
pub(crate) struct WebhookObject {
    /// Its id.
    id: String,
    /// Always `webhook`.
    object: &'static str,
    /// Where events are posted.
    #[schema(example = "https://example.com/speech-events")]
    url: String,
    /// Which events; all if the list is empty.
    #[schema(example = json!(["job.succeeded", "job.failed"]))]
    events: Vec<&'static str>,
    /// RFC 3339.
    created_at: String,
    /// Whether it is told anything.
    enabled: bool,
    /// Why it is not: `asked`, `gone` (it answered 410) or `failing`.
    disabled_because: Option<&'static str>,
    /// Until when signatures are also made with the secret before the present one; RFC 3339.
    old_secret_until: Option<String>,
}

impl From<Endpoint> for WebhookObject {
    fn from(endpoint: Endpoint) -> Self {
        Self {
            id: endpoint.id.as_str().to_owned(),
            object: "webhook",
            url: endpoint.url,
            events: endpoint.events.into_iter().map(EventKind::name).collect(),
            created_at: rfc3339(endpoint.created_at),
            enabled: endpoint.disabled.is_none(),
            disabled_because: endpoint.disabled.map(|disabled| disabled.why.name()),
            old_secret_until: endpoint.old_secret_until.map(rfc3339),
        }
    }
}

/// A webhook with its secret, which is told this once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WebhookWithSecret {
    /// The webhook.
    #[serde(flatten)]
    webhook: WebhookObject,
    /// What its signatures are checked with, by Standard Webhooks.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLwSw")]
    secret: String,
}

impl WebhookWithSecret {
    fn new(endpoint: Endpoint, secret: &Secret) -> Self {
        Self {
            webhook: endpoint.into(),
            secret: secret.reveal(),
        }
    }
}

/// The id in the path. What is none names nothing.
fn webhook_id(parsed: Result<Path<String>, PathRejection>) -> Result<EndpointId, ApiError> {
    let text = segment(parsed, ErrorCode::WebhookNotFound)?;
    text.parse().map_err(|_| no_webhook(&text).into())
}

fn no_webhook(id: &str) -> Failure {
    let shown: String = id.chars().take(64).collect();
    Failure::new(
        ErrorCode::WebhookNotFound,
        format!("there is no webhook '{shown}'"),
    )
}

/// The names of events.
fn events(names: &[String]) -> Result<Vec<EventKind>, Failure> {
    let kinds = names.iter().map(|name| name.parse());
    kinds
        .collect::<Result<_, UnknownEvent>>()
        .map_err(|error| Failure::of_field(ErrorCode::InvalidRequest, "events", error.to_string()))
}

/// What a client is told.
fn refusal(error: WebhookError) -> ApiError {
    let message = error.to_string();
    match error {
        WebhookError::NoEndpoint(id) => no_webhook(id.as_str()).into(),
        WebhookError::NoDelivery(_) => ApiError::new(ErrorCode::DeliveryNotFound, message),
        WebhookError::Url(_) => Failure::of_field(ErrorCode::InvalidRequest, "url", message).into(),
        WebhookError::TooManyEndpoints => ApiError::new(ErrorCode::TooManyWebhooks, message),
        WebhookError::EndpointDisabled => ApiError::new(ErrorCode::WebhookDisabled, message),
        WebhookError::Contended => ApiError::new(ErrorCode::Unavailable, message),
        WebhookError::Unavailable(detail) => ApiError::unavailable("the job store", &detail),
        WebhookError::PayloadTooLarge(_)
        | WebhookError::Damaged(_)
        | WebhookError::NoRandomness(_) => ApiError::internal(&message),
    }
}
