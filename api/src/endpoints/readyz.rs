//! `GET /readyz`: whether the parts that requests need answer.

use std::{collections::BTreeSet, fmt::Display, future::Future, time::Duration};

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use futures::future::try_join_all;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use voicefleet_core::{
    ErrorCode,
    ports::{BlobKey, JobFilter},
};

use crate::{
    app::{App, SharedApp},
    http::errors::Problem,
    problem::ApiError,
};

/// A key that is looked up only to see whether the store answers.
const PROBE: &str = "readiness";

/// Which parts answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// Always `ready`.
    status: &'static str,
    /// `ok` for each part, or what is the matter.
    parts: Parts,
}

/// The parts that requests need.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Parts {
    /// The queue.
    #[schema(example = "ok")]
    queue: &'static str,
    /// The job records.
    #[schema(example = "ok")]
    records: &'static str,
    /// The store of uploads and results.
    #[schema(example = "ok")]
    blobs: &'static str,
}

const OK: &str = "ok";

/// Whether requests can be served
#[utoipa::path(get, path = "/readyz", tag = "Service", responses(
    (status = 200, description = "They can.", body = Readiness),
    (status = 503, description = "The member `parts` says what does not answer; without it, the server is stopping.",
        body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn readyz(State(app): State<SharedApp>) -> Result<Response, ApiError> {
    if app.stop.draining.is_cancelled() {
        return Err(ApiError::new(
            ErrorCode::Unavailable,
            "the server is stopping",
        ));
    }
    let within = app.limits.ready_within;
    let (queue, records, blobs) = tokio::join!(
        answer(within, queue(&app)),
        answer(within, async { app.records.list(&newest()).await }),
        answer(within, async {
            app.blobs.contains(&BlobKey::Upload(PROBE.to_owned())).await
        }),
    );
    let parts = Parts {
        queue,
        records,
        blobs,
    };
    if [queue, records, blobs] == [OK; 3] {
        let status = "ready";
        return Ok(Json(Readiness { status, parts }).into_response());
    }
    let error = ApiError::new(ErrorCode::Unavailable, "not every part answers");
    Err(error.member("parts", json!(parts)))
}

async fn queue(app: &App) -> Result<(), voicefleet_core::ports::QueueError> {
    let catalog = app.catalog_now();
    let engines: BTreeSet<_> = catalog.models.iter().map(|model| &model.engine).collect();
    try_join_all(engines.into_iter().map(|engine| app.queue.gauge(engine))).await?;
    Ok(())
}

fn newest() -> JobFilter {
    JobFilter {
        limit: 1,
        ..JobFilter::default()
    }
}

async fn answer<T, E: Display>(
    within: Duration,
    asking: impl Future<Output = Result<T, E>>,
) -> &'static str {
    match tokio::time::timeout(within, asking).await {
        Ok(Ok(_)) => OK,
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready");
            "unavailable"
        }
        Err(_) => "no answer in time",
    }
}
