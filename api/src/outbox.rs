//! Jobs that were recorded and never queued, because whoever was about to queue them is gone.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use voicefleet_core::{Envelope, Job, ports::RecordError};

use crate::ApiContext;

/// How often is looked, and for how long a job may be recorded without being queued: longer than a
/// publish takes.
const LOOK_EVERY: Duration = Duration::from_secs(15);
const OLDER_THAN: Duration = Duration::from_secs(15);
/// Jobs that are queued in one step.
const STEP: usize = 200;

/// Queues what was left in the records, until `stop`. One per process that serves the API; several beside
/// each other do it once.
pub async fn queue_what_was_left(context: ApiContext, stop: CancellationToken) {
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        if let Err(error) = context.queue.tend().await {
            tracing::debug!(%error, "the queue was not looked after");
        }
        match queue_once(&context, OLDER_THAN).await {
            Ok(0) => {}
            Ok(queued) => tracing::warn!(queued, "jobs were recorded, but not in the queue"),
            Err(error) => tracing::debug!(%error, "not looked for jobs that are not in the queue"),
        }
    }
}

/// Returns how many were queued.
async fn queue_once(context: &ApiContext, older_than: Duration) -> Result<usize, RecordError> {
    let mut queued = 0;
    loop {
        let left = context.records.unpublished(older_than, STEP).await?;
        for job in &left {
            if queue(context, job).await {
                context.records.published(job.id).await?;
                queued += 1;
            }
        }
        if left.len() < STEP {
            return Ok(queued);
        }
    }
}

/// What cannot be queued now stays where it is.
async fn queue(context: &ApiContext, job: &Job) -> bool {
    let published = context.queue.publish(&Envelope::for_job(job)).await;
    if let Err(error) = &published {
        tracing::debug!(job_id = %job.id, %error, "a job is still not in the queue");
    }
    published.is_ok()
}
