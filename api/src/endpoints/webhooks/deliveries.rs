//! `GET /v1/webhooks/{id}/deliveries`: what it was told, and what came of it.

use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
};
use serde::Serialize;
use utoipa::ToSchema;
use voicefleet_core::{ErrorCode, Failure};
use voicefleet_webhooks::{Attempt, Delivery, DeliveryId};

use super::{refusal, webhook_id};
use crate::{
    app::SharedApp,
    http::{
        errors::Problem,
        query::{PageQuery, query},
    },
    job_object::rfc3339,
    problem::ApiError,
    tenancy::Caller,
};

/// A page of deliveries.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryList {
    /// Always `list`.
    object: &'static str,
    /// Newest first.
    data: Vec<DeliveryObject>,
    /// Id of the last in `data`: `after` of the next page.
    last_id: Option<String>,
    /// Whether there is a next page.
    has_more: bool,
}

/// An event that is told to a webhook.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookDelivery)]
pub(crate) struct DeliveryObject {
    /// Its id.
    id: String,
    /// Always `webhook_delivery`.
    object: &'static str,
    /// The `webhook-id`: the same whenever the same is told.
    event_id: String,
    /// What is told.
    #[schema(example = "job.succeeded")]
    event: &'static str,
    /// `pending`, `delivered`, `failed` or `dropped`.
    status: &'static str,
    /// What is posted.
    payload: String,
    /// RFC 3339.
    created_at: String,
    /// RFC 3339; null once it has ended.
    next_try_at: Option<String>,
    /// Oldest first; up to ten.
    attempts: Vec<AttemptObject>,
    /// The delivery that this one repeats.
    repeats: Option<String>,
}

/// One attempt to deliver.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AttemptObject {
    /// RFC 3339.
    at: String,
    /// The status that was answered.
    status: Option<u16>,
    /// Why it does not count.
    error: Option<String>,
    /// Until the answer, milliseconds.
    duration_ms: u64,
}

impl From<Attempt> for AttemptObject {
    fn from(attempt: Attempt) -> Self {
        Self {
            at: rfc3339(attempt.at),
            status: attempt.status,
            error: attempt.error,
            duration_ms: attempt.duration_ms,
        }
    }
}

impl From<Delivery> for DeliveryObject {
    fn from(delivery: Delivery) -> Self {
        let attempts = delivery.attempts.into_iter();
        Self {
            id: delivery.id.as_str().to_owned(),
            object: "webhook_delivery",
            event_id: delivery.event.as_str().to_owned(),
            event: delivery.kind.name(),
            status: delivery.status.name(),
            payload: delivery.payload,
            created_at: rfc3339(delivery.created_at),
            next_try_at: delivery.next_try.map(rfc3339),
            attempts: attempts.map(AttemptObject::from).collect(),
            repeats: delivery.repeats.map(|id| id.as_str().to_owned()),
        }
    }
}

/// List a webhook's deliveries
///
/// Kept for seven days after the last attempt.
#[utoipa::path(get, path = "/v1/webhooks/{id}/deliveries", tag = "Webhooks",
    params(("id" = String, Path, description = "The webhook's id."), PageQuery),
    responses(
        (status = 200, description = "A page of deliveries, newest first.", body = DeliveryList),
        (status = 400, description = "A parameter is not as documented; `field` names it.",
            body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such webhook.",
            body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The records do not answer.",
            body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_deliveries(
    State(app): State<SharedApp>,
    caller: Caller,
    id: Result<Path<String>, PathRejection>,
    parsed: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Json<DeliveryList>, ApiError> {
    let (id, asked) = (webhook_id(id)?, query(parsed)?);
    let limit = asked.limit()?;
    let after = asked.after()?.map(cursor).transpose()?;
    let page = app
        .webhooks
        .deliveries(&caller.tenant, &id, after.as_ref(), limit)
        .await
        .map_err(refusal)?;
    let data: Vec<DeliveryObject> = page.deliveries.into_iter().map(Into::into).collect();
    Ok(Json(DeliveryList {
        object: "list",
        last_id: data.last().map(|delivery| delivery.id.clone()),
        has_more: page.has_more,
        data,
    }))
}

fn cursor(after: &str) -> Result<DeliveryId, Failure> {
    after.parse().map_err(|_| {
        let message = "the cursor is not a delivery's id";
        Failure::of_field(ErrorCode::InvalidRequest, "after", message)
    })
}
