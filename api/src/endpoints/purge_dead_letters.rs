//! `DELETE /v1/dead-letters`: forgets the messages that were set aside.

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use voicefleet_core::{Catalog, EngineId, ErrorCode, Failure, Tier};

use crate::{
    app::SharedApp,
    http::{errors::Problem, query::query},
    problem::ApiError,
    schema::TierName,
    tenancy::Admin,
    urgency,
};

/// Whose dead letters to remove.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PurgeQuery {
    /// Of this engine.
    #[param(required, example = "piper")]
    engine: Option<String>,
    /// Of this tier; of all if left out.
    #[param(value_type = Option<TierName>)]
    tier: Option<String>,
}

/// Dead letters that are no more.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PurgedDeadLetters {
    /// Always `purged_dead_letters`.
    object: &'static str,
    /// The engine.
    engine: String,
    /// The tiers.
    #[schema(value_type = Vec<TierName>)]
    tiers: Vec<&'static str>,
    /// How many were removed.
    purged: u64,
}

/// Remove dead letters
///
/// For good. The records of their jobs stay, and such a job can still be submitted again.
#[utoipa::path(delete, path = "/v1/dead-letters", tag = "Jobs", params(PurgeQuery), responses(
    (status = 200, description = "They are gone.", body = PurgedDeadLetters),
    (status = 400, description = "A parameter is not as documented; `field` names it.",
        body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The queue does not answer.",
        body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn purge_dead_letters(
    State(app): State<SharedApp>,
    _admin: Admin,
    parsed: Result<Query<PurgeQuery>, QueryRejection>,
) -> Result<Json<PurgedDeadLetters>, ApiError> {
    let asked = query(parsed)?;
    let engine = known_engine(asked.engine.as_deref(), &app.catalog_now())?;
    let tiers = tiers(asked.tier.as_deref())?;
    let mut purged = 0;
    for tier in &tiers {
        purged += app.queue.purge_dead(&engine, *tier).await?;
    }
    tracing::info!(%engine, purged, "dead letters removed");
    Ok(Json(PurgedDeadLetters {
        object: "purged_dead_letters",
        engine: engine.to_string(),
        tiers: tiers.into_iter().map(Tier::name).collect(),
        purged,
    }))
}

/// One that has to be named: all dead letters of the fleet are not removed by leaving something out.
fn known_engine(name: Option<&str>, catalog: &Catalog) -> Result<EngineId, Failure> {
    let engines = catalog.all_engines();
    let known: Vec<&str> = engines.iter().map(EngineId::as_str).collect();
    let Some(name) = name else {
        let message = format!("say which engine: one of {}", known.join(", "));
        return Err(Failure::of_field(
            ErrorCode::InvalidRequest,
            "engine",
            message,
        ));
    };
    let found = engines.iter().find(|engine| engine.as_str() == name);
    found.cloned().ok_or_else(|| {
        let shown: String = name.chars().take(32).collect();
        let message = format!(
            "there is no engine '{shown}'; use one of {}",
            known.join(", ")
        );
        Failure::of_field(ErrorCode::UnknownEngine, "engine", message)
    })
}

fn tiers(name: Option<&str>) -> Result<Vec<Tier>, Failure> {
    match name {
        None => Ok(Tier::ALL.to_vec()),
        Some(_) => urgency::tier(name, Tier::default()).map(|tier| vec![tier]),
    }
}
