//! When a job will be done, by the fleet as it is now.

use voicefleet_core::{
    Job, JobState, Timestamp,
    scaling::{Outlook, Waiting},
};

use crate::{app::App, fleet};

/// The outlook of a job; of what it follows, if it waits for an identical one. Nothing is known of a job
/// that has ended.
pub(crate) async fn outlook(app: &App, job: &Job) -> Outlook {
    match job.follows {
        Some(leader) if !job.state.is_terminal() => match app.records.get(leader).await {
            Ok(leader) => own_outlook(app, &leader).await.of_follower(),
            Err(error) => {
                tracing::debug!(job_id = %job.id, %error, "nothing is known of the followed job");
                Outlook::default()
            }
        },
        _ => own_outlook(app, job).await,
    }
}

async fn own_outlook(app: &App, job: &Job) -> Outlook {
    match job.state {
        JobState::Queued => waiting(app, job).await,
        JobState::Running => running(app, job).await,
        _ => Outlook::default(),
    }
}

async fn waiting(app: &App, job: &Job) -> Outlook {
    let Some(reading) = fleet::reading(app).await else {
        return Outlook::default();
    };
    let Some(pool) = reading.survey.pool(job.spec.engine()) else {
        return Outlook::default();
    };
    let waiting = Waiting {
        tier: job.tier,
        cost_seconds: job.cost,
        is_surveyed: is_before(job.created_at, reading.at),
        others_of_tenant: others_of_its_tenant(app, job, 1).await,
    };
    Outlook::of_waiting(waiting, pool)
}

/// How many jobs the tenant of `job` has in flight, less the `counted` ones.
pub(crate) async fn others_of_its_tenant(app: &App, job: &Job, counted: u64) -> Option<u64> {
    if job.tenant.is_sole() {
        return None;
    }
    match app.records.in_flight_of(&job.tenant).await {
        Ok(in_flight) => Some(in_flight.saturating_sub(counted)),
        Err(error) => {
            tracing::debug!(%error, "the jobs of a tenant are not counted");
            None
        }
    }
}

/// What comes in the same millisecond comes before: a submit takes longer than that.
fn is_before(created_at: Timestamp, surveyed_at: Timestamp) -> bool {
    created_at <= surveyed_at
}

/// Without a survey the estimate has to do.
async fn running(app: &App, job: &Job) -> Outlook {
    let reading = fleet::reading(app).await;
    let pool = reading
        .as_ref()
        .and_then(|reading| reading.survey.pool(job.spec.engine()));
    let correction = pool.map_or(1.0, |pool| pool.correction);
    Outlook::of_running(job.cost, correction, job.progress)
}
