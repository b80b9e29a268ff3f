//! Whether new work is taken on. What is there already, or costs nothing, is not asked about.

use std::time::Duration;

use voicefleet_core::{ErrorCode, Failure, Job, scaling::Outlook};

use crate::{app::App, fleet, outlook, problem::ApiError, tenancy::Caller};

/// The longest wait that is advised, seconds: OpenAI's clients give up beyond it.
const LONGEST_ADVICE: f64 = 120.0;
/// When a tenant with too many jobs in flight is worth another look, seconds.
const SOON: u64 = 2;

/// Refuses what the tenant may not have any more, and what comes too late for whoever wants it: by its deadline,
/// or before its client, which waits for so long, has gone.
pub(crate) async fn check(
    app: &App,
    caller: &Caller,
    job: &Job,
    waits: Option<Duration>,
) -> Result<(), ApiError> {
    check_in_flight(app, caller).await?;
    check_day(app, caller).await?;
    check_in_time(app, job, waits).await
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
    Err(ApiError::from(refusal).retry_after(advice(LONGEST_ADVICE)))
}

/// A backlog that is worked off too late even with every worker that the pool is going to have is not made
/// longer. Where the fleet cannot be surveyed, and for what somebody else has begun, nothing is refused.
async fn check_in_time(app: &App, job: &Job, waits: Option<Duration>) -> Result<(), ApiError> {
    let left = job.deadline.map(|deadline| deadline.since(job.created_at));
    let Some(patience) = left.into_iter().chain(waits).min() else {
        return Ok(());
    };
    let Some(begin) = soonest_begin(app, job).await else {
        return Ok(());
    };
    let late = begin - patience.as_secs_f64();
    if late <= 0.0 || app.records.leader(&job.fingerprint).await?.is_some() {
        return Ok(());
    }
    let message = format!(
        "about {begin:.0} s of work are ahead of it; it has {} s",
        patience.as_secs()
    );
    let refusal = Failure::new(ErrorCode::TooLate, message);
    Err(ApiError::from(refusal).retry_after(advice(late)))
}

async fn soonest_begin(app: &App, job: &Job) -> Option<f64> {
    let reading = fleet::reading(app).await?;
    let pool = reading.survey.pool(job.spec.engine())?;
    let of_tenant = outlook::others_of_its_tenant(app, job, 0).await;
    Outlook::soonest_begin(job.tier, of_tenant, pool)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to between 1 and 120"
)]
fn advice(seconds: f64) -> u64 {
    seconds.ceil().clamp(1.0, LONGEST_ADVICE) as u64
}
