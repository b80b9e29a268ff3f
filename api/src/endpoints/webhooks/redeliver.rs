//! `POST /v1/webhooks/{id}/deliveries/{delivery}/redeliver`: tells once more.

use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use voicefleet_core::ErrorCode;

use super::{deliveries::DeliveryObject, no_webhook, refusal};
use crate::{app::SharedApp, http::errors::Problem, problem::ApiError, tenancy::Caller};

/// Redeliver an event
///
/// Under the same `webhook-id`. What still waits for its next attempt is due now; of what has ended a new
/// delivery is made.
#[utoipa::path(post, path = "/v1/webhooks/{id}/deliveries/{delivery}/redeliver", tag = "Webhooks",
    params(
        ("id" = String, Path, description = "The webhook's id."),
        ("delivery" = String, Path, description = "The delivery's id."),
    ),
    responses(
        (status = 202, description = "The delivery that is due now.", body = DeliveryObject),
        (status = 404, description = "There is no such webhook or delivery.",
            body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The webhook is disabled.",
            body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The records do not answer.",
            body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn redeliver(
    State(app): State<SharedApp>,
    caller: Caller,
    parsed: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, ApiError> {
    let Path((webhook, delivery)) =
        parsed.map_err(|_| ApiError::new(ErrorCode::WebhookNotFound, "the path is not UTF-8"))?;
    let id = webhook.parse().map_err(|_| no_webhook(&webhook))?;
    let delivery = delivery.parse().map_err(|_| {
        let shown: String = delivery.chars().take(64).collect();
        let message = format!("there is no delivery '{shown}'");
        ApiError::new(ErrorCode::DeliveryNotFound, message)
    })?;
    let again = app.webhooks.redeliver(&caller.tenant, &id, &delivery).await;
    let again = DeliveryObject::from(again.map_err(refusal)?);
    Ok((StatusCode::ACCEPTED, Json(again)).into_response())
}
