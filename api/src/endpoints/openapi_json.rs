//! `GET /openapi.json`: this API for programs.

use std::sync::LazyLock;

use axum::{
    http::{HeaderValue, header},
    response::IntoResponse,
};

/// Written once: the document does not change while the process runs.
static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    crate::openapi()
        .to_json()
        .expect("the document is made of plain maps and texts")
});

/// The OpenAPI document
#[utoipa::path(get, path = "/openapi.json", tag = "Service", responses(
    (status = 200, description = "This document.", body = Object, content_type = "application/json"),
))]
pub(crate) async fn openapi_json() -> impl IntoResponse {
    let kind = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, kind)], DOCUMENT.as_str())
}
