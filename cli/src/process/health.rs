//! What a worker answers: whether it lives, whether it takes jobs, and its metrics.

use std::sync::Arc;

use axum::{Router, http::StatusCode, routing::get};
use tokio_util::sync::CancellationToken;

use crate::telemetry::Exposition;

/// `/livez`, `/readyz` (503 while it stops) and `/metrics`.
pub(crate) fn router(exposition: Arc<Exposition>, draining: CancellationToken) -> Router {
    let ready = move || async move {
        if draining.is_cancelled() {
            (StatusCode::SERVICE_UNAVAILABLE, "stopping\n")
        } else {
            (StatusCode::OK, "ready\n")
        }
    };
    let metrics = move || async move {
        let content_type = ("content-type", "text/plain; version=0.0.4");
        ([content_type], exposition.text().await)
    };
    Router::new()
        .route("/livez", get(async || "alive\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
}
