//! Whether new work is taken on. What is there already, or costs nothing, is not asked about.

use voicefleet_core::{ErrorCode, Failure};

use crate::{app::App, problem::ApiError, tenancy::Caller};

/// The longest wait that is advised, seconds: OpenAI's clients give up beyond it.
const LONGEST_ADVICE: u64 = 120;
/// When a tenant with too many jobs in flight is worth another look, seconds.
const SOON: u64 = 2;

/// Refuses what the tenant may not have any more.
pub(crate) async fn check(app: &App, caller: &Caller) -> Result<(), ApiError> {
    check_in_flight(app, caller).await?;
    check_day(app, caller).await
}

async fn check_in_flight(app: &App, caller: &Caller) -> Result<(), ApiError> {
    let Some(most) = caller.limits.max_in_flight else {
        return Ok(());
    };
    let in_flight = app.records.in_flight_of(&caller.tenant).await?;
    if in_flight < u64::from(most) {
        return Ok(());
    }
    let message = format!("{in_flight} jobs are in flight already; this key allows {most}");
    let refusal = Failure::new(ErrorCode::RateLimited, message);
    Err(ApiError::from(refusal).retry_after(SOON))
}

async fn check_day(app: &App, caller: &Caller) -> Result<(), ApiError> {
    let Some(most) = caller.limits.daily_compute_seconds else {
        return Ok(());
    };
    let used = app.ledger.tenant_usage(&caller.tenant, 0).await?;
    if used.compute_seconds < f64::from(most) {
        return Ok(());
    }
    let message =
        format!("the {most} compute-seconds that this key allows for today (UTC) are used up");
    let refusal = Failure::new(ErrorCode::QuotaExceeded, message);
    Err(ApiError::from(refusal).retry_after(LONGEST_ADVICE))
}
