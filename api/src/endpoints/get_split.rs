//! `GET /v1/split`: how the compute is divided, as it is meant and as it is.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;
use voicefleet_core::{
    Tier,
    scaling::{Limit, PoolSurvey, Survey},
};

use crate::{
    app::{App, SharedApp},
    http::errors::Problem,
    problem::ApiError,
    tenancy::Admin,
};

/// How the compute is divided.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SplitObject {
    /// Always `split`.
    object: &'static str,
    /// Per cent that each pool gets while all of them want more.
    shares: BTreeMap<String, u32>,
    /// Slots that the pools on one kind of hardware may take together; without one, as many as they want.
    budgets: BTreeMap<&'static str, u32>,
    /// What that means now.
    pools: Vec<PoolObject>,
}

/// One pool now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PoolObject {
    /// Its name: that of the engine.
    #[schema(example = "piper")]
    pool: String,
    /// Its share, per cent.
    share: u32,
    /// The part of the slots that it is to have now, 0 to 1: pools without work lend theirs.
    target_ratio: f64,
    /// The part that it had of the compute of the last five minutes, 0 to 1; null if nothing was computed.
    actual_ratio: Option<f64>,
    /// Workers that its work asks for.
    workers_demanded: u32,
    /// Workers that it is to have.
    workers_wanted: u32,
    /// Workers that are there.
    workers_up: u32,
    /// What bounds them: `idle`, `demand`, `share` or `maximum`.
    #[schema(value_type = String)]
    limit: Limit,
    /// The same, as a sentence.
    why: String,
    /// Jobs that wait for a worker.
    waiting: u64,
    /// Jobs with a worker.
    in_flight: u64,
    /// Estimated compute-seconds of both, by tier.
    backlog_seconds: BTreeMap<&'static str, f64>,
}

/// Show the split
///
/// The pools' shares of the compute, what each of them should have now, what it has, and why.
#[utoipa::path(get, path = "/v1/split", tag = "Scaling", responses(
    (status = 200, description = "The split, and all pools.", body = SplitObject),
    (status = 503, description = "The queue or the records do not answer.",
        body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_split(
    State(app): State<SharedApp>,
    _admin: Admin,
) -> Result<Json<SplitObject>, ApiError> {
    show(&app).await
}

/// The split as it is now.
pub(crate) async fn show(app: &App) -> Result<Json<SplitObject>, ApiError> {
    let survey = Survey::take(&*app.queue, &*app.ledger, &app.scaling).await?;
    let shares = survey.split.shares.iter();
    let budgets = survey.split.budgets.iter();
    Ok(Json(SplitObject {
        object: "split",
        shares: shares
            .map(|(engine, share)| (engine.to_string(), *share))
            .collect(),
        budgets: budgets
            .map(|(hardware, slots)| (hardware.name(), *slots))
            .collect(),
        pools: survey.pools.iter().map(pool_object).collect(),
    }))
}

fn pool_object(pool: &PoolSurvey) -> PoolObject {
    let (plan, demand) = (&pool.plan, &pool.plan.demand);
    let backlog = Tier::ALL.map(|tier| (tier.name(), demand.backlog_seconds[tier.rank()]));
    PoolObject {
        pool: plan.engine.to_string(),
        share: plan.share,
        target_ratio: plan.target_ratio,
        actual_ratio: pool.actual_ratio,
        workers_demanded: demand.workers,
        workers_wanted: plan.workers,
        workers_up: pool.workers_up,
        limit: plan.limit,
        why: why(pool),
        waiting: demand.waiting,
        in_flight: demand.in_flight,
        backlog_seconds: BTreeMap::from(backlog),
    }
}

fn why(pool: &PoolSurvey) -> String {
    let plan = &pool.plan;
    match plan.limit {
        Limit::Idle => "it has nothing to do".to_owned(),
        Limit::Demand => "it gets all that its work asks for".to_owned(),
        Limit::Share => format!(
            "its work asks for {} workers; it gets its {} % and what the others leave",
            plan.demand.workers, plan.share
        ),
        Limit::Maximum => format!(
            "its work asks for {} workers; {} are the most that it may have",
            plan.demand.workers, plan.workers
        ),
    }
}
