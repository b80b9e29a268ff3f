//! `GET /metrics`: the figures for Prometheus.

use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::IntoResponse,
};

use crate::app::SharedApp;

/// Prometheus' text format.
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// Metrics in Prometheus' text format
#[utoipa::path(get, path = "/metrics", tag = "Service", responses(
    (status = 200, description = "The metrics.", body = String, content_type = "text/plain"),
))]
pub(crate) async fn metrics(State(app): State<SharedApp>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, TEXT)], (app.metrics)().await)
}
