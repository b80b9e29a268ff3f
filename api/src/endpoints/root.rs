//! `GET /`: says what this is. Clients call it to open a connection early, so it does nothing.

use axum::{Json, response::IntoResponse};
use serde::Serialize;
use utoipa::ToSchema;

/// What is running here.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Welcome {
    /// Always `voicefleet`.
    name: &'static str,
    /// The version.
    version: &'static str,
    /// Where the API is described for people.
    docs: &'static str,
    /// Where it is described for programs.
    openapi: &'static str,
}

/// What is running here
#[utoipa::path(get, path = "/", tag = "Service", responses(
    (status = 200, description = "The service.", body = Welcome),
))]
pub(crate) async fn root() -> impl IntoResponse {
    Json(Welcome {
        name: "voicefleet",
        version: env!("CARGO_PKG_VERSION"),
        docs: "/docs",
        openapi: "/openapi.json",
    })
}
