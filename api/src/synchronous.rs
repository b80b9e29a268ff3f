//! Jobs behind requests that wait for their outcome.

use tokio_util::sync::CancellationToken;
use voicefleet_core::{ErrorCode, Job, JobState};

use crate::{
    app::{App, SharedApp},
    awaited,
    outlook::outlook,
    problem::ApiError,
    results,
    submit::NewJob,
    tenancy::Caller,
    waiting,
};

/// Submits the work and waits until it has succeeded. When that takes too long the client is told
/// where to find the job, which goes on; a repeated request follows it. A client that hangs up
/// withdraws its job.
pub(crate) async fn done(app: &SharedApp, caller: &Caller, work: NewJob) -> Result<Job, ApiError> {
    let (job, mut awaited) = awaited::submit(app, caller, work).await?;
    let waited = outcome(app, job).await;
    awaited.settle();
    waited
}

/// The same for a client that may change its mind: `None` if it has `withdrawn` the work.
pub(crate) async fn done_unless(
    app: &SharedApp,
    caller: &Caller,
    work: NewJob,
    withdrawn: &CancellationToken,
) -> Result<Option<Job>, ApiError> {
    let (job, mut awaited) = awaited::submit(app, caller, work).await?;
    let Some(waited) = withdrawn.run_until_cancelled(outcome(app, job)).await else {
        awaited.withdraw();
        return Ok(None);
    };
    awaited.settle();
    waited.map(Some)
}

async fn outcome(app: &App, job: Job) -> Result<Job, ApiError> {
    let (records, closing) = (app.records.as_ref(), &app.stop.closing);
    let job = waiting::until_ended(records, closing, job, app.limits.sync_wait).await?;
    match job.state {
        JobState::Succeeded => Ok(job),
        state if state.is_terminal() => Err(results::failure_of(&job)),
        _ => Err(not_done_yet(app, &job).await),
    }
}

/// For a client that has waited for long enough.
pub(crate) async fn not_done_yet(app: &App, job: &Job) -> ApiError {
    let message = format!(
        "the job {} is not done yet and goes on; send the same request again, or fetch /v1/jobs/{}/result",
        job.id, job.id
    );
    let error = ApiError::new(ErrorCode::Unavailable, message);
    let seconds = results::advised_wait(job, outlook(app, job).await);
    error.retry_after(seconds).about_job(job)
}

/// A result that was evicted between the job's end and now is worth another request.
pub(crate) fn evicted_meanwhile(error: ApiError) -> ApiError {
    if error.failure.code != ErrorCode::ResultGone {
        return error;
    }
    let mut again = ApiError::new(
        ErrorCode::Unavailable,
        "the result was evicted before it could be sent; try again",
    )
    .retry_after(1);
    again.headers = error.headers;
    again.members = error.members;
    again
}
