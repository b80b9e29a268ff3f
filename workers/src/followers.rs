//! Jobs that wait for the result of an identical one.

use voicefleet_core::{
    Envelope, Failure, Job, JobId, JobState, Progress, Timings,
    ports::{JobChange, RecordError},
};

use crate::{metrics, worker::Resources};

/// The leader has succeeded: so have they.
pub(crate) async fn succeed(
    resources: &Resources,
    leader: JobId,
    audio_seconds: f64,
    progress: Progress,
) {
    let now = resources.parts.clock.now();
    for job in following(resources, leader).await {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a wait in milliseconds is far below 2^52"
        )]
        let waited_ms = now.since(job.created_at).as_millis() as f64;
        let timings = Timings {
            queue_ms: waited_ms,
            first_chunk_ms: waited_ms,
            audio_seconds,
            ..Timings::default()
        };
        let change = JobChange::Succeed {
            at: now,
            timings,
            progress,
            from_cache: true,
        };
        end(resources, &job, change, JobState::Succeeded).await;
    }
}

/// The leader has failed for good: the same work would fail the same way.
pub(crate) async fn fail(resources: &Resources, leader: JobId, failure: &Failure) {
    let at = resources.parts.clock.now();
    for job in following(resources, leader).await {
        let change = JobChange::End {
            state: JobState::Failed,
            at,
            failure: failure.clone(),
        };
        end(resources, &job, change, JobState::Failed).await;
    }
}

/// The leader is gone without a result (withdrawn, too late): the oldest follower takes its place,
/// in the lane of the most urgent of them.
pub(crate) async fn promote_first(resources: &Resources, leader: JobId) {
    let parts = &resources.parts;
    let followers = following(resources, leader).await;
    let urgent = followers.iter().map(|job| job.tier).min();
    for job in followers {
        match parts.records.promote(leader, job.id).await {
            // Somebody else leads them by now.
            Ok(job) if job.follows.is_some() => return,
            Ok(job) => {
                let tier = urgent.unwrap_or(job.tier);
                let envelope = Envelope {
                    tier,
                    ..Envelope::for_job(&job, None)
                };
                if let Err(error) = parts.queue.publish(&envelope).await {
                    tracing::error!(job_id = %job.id, %error, "a promoted job could not be published");
                }
                return;
            }
            // Withdrawn meanwhile: the next one's turn.
            Err(RecordError::IllegalMove { .. } | RecordError::NotFound(_)) => {}
            Err(error) => {
                tracing::error!(job_id = %job.id, %error, "a follower could not be promoted");
            }
        }
    }
}

async fn following(resources: &Resources, leader: JobId) -> Vec<Job> {
    match resources.parts.records.followers(leader).await {
        Ok(jobs) => jobs,
        Err(error) => {
            tracing::error!(%leader, %error, "the followers of a job could not be read");
            Vec::new()
        }
    }
}

async fn end(resources: &Resources, job: &Job, change: JobChange, state: JobState) {
    match resources.parts.records.change(job.id, change).await {
        Ok(_) => metrics::finished(&resources.engine, job.tier, state),
        Err(RecordError::IllegalMove { .. }) => {}
        Err(error) => tracing::error!(job_id = %job.id, %error, "a follower could not be ended"),
    }
}
