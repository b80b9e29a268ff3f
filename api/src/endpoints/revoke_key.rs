//! `DELETE /v1/keys/{id}`: takes a key's use away.

use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
};
use voicefleet_core::ErrorCode;

use super::create_key::KeyObject;
use crate::{
    app::SharedApp,
    http::{errors::Problem, path::segment},
    problem::ApiError,
    tenancy::{self, Admin, Directory, KeyChange},
};

/// Revoke a key
///
/// It is of no use from the next request on, and stays in the list. What was submitted with it goes on.
/// One that stands in the server's configuration is revoked there, and refused here with 403.
#[utoipa::path(delete, path = "/v1/keys/{id}", tag = "Keys",
    params(("id" = String, Path, description = "The key's id: the part between the underscores.")),
    responses(
        (status = 200, description = "It is revoked, now or since before.", body = KeyObject),
        (status = 404, description = "There is no such key.",
            body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The records do not answer.",
            body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn revoke_key(
    State(app): State<SharedApp>,
    Admin(caller): Admin,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<KeyObject>, ApiError> {
    let text = segment(id, ErrorCode::KeyNotFound)?;
    let id = text.parse().map_err(|_| tenancy::key_not_found(&text))?;
    match Directory(&app).revoke(&id).await? {
        KeyChange::Revoked(key) => {
            let by = caller.key_name();
            tracing::info!(target: "audit", key = text, tenant = %key.grant.tenant, by, "a key is revoked");
            Ok(Json(key.into()))
        }
        KeyChange::RevokedBefore(key) => Ok(Json(key.into())),
    }
}
