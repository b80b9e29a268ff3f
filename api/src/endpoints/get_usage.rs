//! `GET /v1/usage`: what has been computed for a tenant.

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use voicefleet_core::{ErrorCode, Failure, Tenant, Timestamp};

use crate::{
    app::SharedApp,
    http::{errors::Problem, query::query},
    job_object::rfc3339,
    problem::ApiError,
    tenancy::{Caller, KeyLimits},
};

const DAY_MS: i64 = 86_400_000;
/// Days that are kept.
const MAX_DAYS: u32 = 35;

/// Whose usage, and of which time.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UsageQuery {
    /// How many days back, today included; 1 if left out.
    #[param(minimum = 1, maximum = 35)]
    days: Option<u32>,
    /// Another tenant's; for administrators.
    #[param(pattern = "^[a-z0-9_-]{1,64}$")]
    tenant: Option<String>,
}

/// What has been computed for a tenant.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UsageObject {
    /// Always `usage`.
    object: &'static str,
    /// Whose it is.
    #[schema(value_type = String)]
    tenant: Tenant,
    /// Jobs queued or running now.
    in_flight: u64,
    /// The limits of the key that was shown.
    limits: KeyLimits,
    /// Newest first.
    days: Vec<UsageDay>,
}

/// A day.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UsageDay {
    /// The UTC day.
    #[schema(example = "2026-01-31")]
    day: String,
    /// Compute-seconds. What was found in the cache costs none.
    compute_seconds: f64,
    /// Jobs that were computed to their end.
    jobs: u64,
}

/// Show usage
///
/// Compute is counted for the tenant whose job was computed; whoever waited for an identical job pays nothing.
#[utoipa::path(get, path = "/v1/usage", tag = "Keys", params(UsageQuery), responses(
    (status = 200, description = "What has been computed, day by day.", body = UsageObject),
    (status = 400, description = "A parameter is not as documented; `field` names it.",
        body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "It is another tenant's.",
        body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The records do not answer.",
        body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_usage(
    State(app): State<SharedApp>,
    caller: Caller,
    parsed: Result<Query<UsageQuery>, QueryRejection>,
) -> Result<Json<UsageObject>, ApiError> {
    let asked = query(parsed)?;
    let tenant = tenant(asked.tenant.as_deref(), &caller)?;
    let (now, mut days) = (app.clock.now(), Vec::new());
    for ago in 0..checked_days(asked.days)? {
        let used = app.ledger.tenant_usage(&tenant, ago).await?;
        days.push(UsageDay {
            day: day(now, ago),
            compute_seconds: used.compute_seconds,
            jobs: used.jobs,
        });
    }
    Ok(Json(UsageObject {
        object: "usage",
        in_flight: app.records.in_flight_of(&tenant).await?,
        tenant,
        limits: caller.limits,
        days,
    }))
}

fn tenant(name: Option<&str>, caller: &Caller) -> Result<Tenant, Failure> {
    let Some(name) = name else {
        return Ok(caller.tenant.clone());
    };
    let tenant: Tenant =
        name.parse()
            .map_err(|error: voicefleet_core::tenant::InvalidTenant| {
                Failure::of_field(ErrorCode::InvalidRequest, "tenant", error.to_string())
            })?;
    if caller.sees(&tenant) {
        return Ok(tenant);
    }
    let message = "only an administrator sees the usage of other tenants";
    Err(Failure::of_field(ErrorCode::Forbidden, "tenant", message))
}

fn checked_days(days: Option<u32>) -> Result<u32, Failure> {
    let days = days.unwrap_or(1);
    if (1..=MAX_DAYS).contains(&days) {
        return Ok(days);
    }
    let message = format!("the days must be between 1 and {MAX_DAYS}, not {days}");
    Err(Failure::of_field(
        ErrorCode::InvalidRequest,
        "days",
        message,
    ))
}

/// The date alone.
fn day(now: Timestamp, ago: u32) -> String {
    let moment = Timestamp(now.0 - i64::from(ago) * DAY_MS);
    rfc3339(moment).chars().take(10).collect()
}
