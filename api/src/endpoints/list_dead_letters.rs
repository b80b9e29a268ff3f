//! `GET /v1/dead-letters`: how many messages were set aside.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;
use voicefleet_core::{EngineId, ports::TierGauge};

use crate::{
    app::SharedApp, http::errors::Problem, problem::ApiError, schema::TierName, tenancy::Admin,
};

/// What was set aside, by lane.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeadLetterList {
    /// Always `list`.
    object: &'static str,
    /// Every engine and tier, those without any included.
    data: Vec<DeadLetterCount>,
    /// All of them together.
    total: u64,
}

/// What was set aside in one lane.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeadLetterCount {
    /// The engine.
    #[schema(example = "piper")]
    engine: String,
    /// The tier.
    #[schema(value_type = TierName)]
    tier: &'static str,
    /// How many there are.
    dead: u64,
}

/// Count dead letters
///
/// The message of a job that fails for good is set aside in the queue. `GET /v1/jobs?status=failed` lists
/// the jobs with their reasons.
#[utoipa::path(get, path = "/v1/dead-letters", tag = "Jobs", responses(
    (status = 200, description = "The numbers, by engine and tier.", body = DeadLetterList),
    (status = 503, description = "The queue does not answer.",
        body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_dead_letters(
    State(app): State<SharedApp>,
    _admin: Admin,
) -> Result<Json<DeadLetterList>, ApiError> {
    let mut data = Vec::new();
    for engine in app.catalog_now().all_engines() {
        let gauge = app.queue.gauge(&engine).await?;
        data.extend(gauge.tiers.iter().map(|tier| count(&engine, tier)));
    }
    Ok(Json(DeadLetterList {
        object: "list",
        total: data.iter().map(|lane| lane.dead).sum(),
        data,
    }))
}

fn count(engine: &EngineId, gauge: &TierGauge) -> DeadLetterCount {
    DeadLetterCount {
        engine: engine.to_string(),
        tier: gauge.tier.name(),
        dead: gauge.dead,
    }
}
