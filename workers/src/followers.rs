//! Jobs that wait for the result of an identical one. All of this can be done twice; what the records
//! refuse to say now is done when the delivery comes again.

use voicefleet_core::{
    Failure, Job, JobId, JobState, Progress, Timings,
    ports::{JobChange, RecordError},
    single_flight::{Promotion, promote_oldest_follower},
};

use crate::{metrics, transcription, worker::Resources};

/// The leader has succeeded: so have they.
pub(crate) async fn succeed(
    resources: &Resources,
    leader: JobId,
    audio_seconds: f64,
    progress: Progress,
) -> Result<(), RecordError> {
    let now = resources.parts.clock.now();
    for job in resources.parts.records.followers(leader).await? {
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
        end(resources, &job, change, JobState::Succeeded).await?;
        transcription::release_upload_of(resources, &job.spec).await;
    }
    Ok(())
}

/// The leader has failed for good: the same work would fail the same way.
pub(crate) async fn fail(
    resources: &Resources,
    leader: JobId,
    failure: &Failure,
) -> Result<(), RecordError> {
    let at = resources.parts.clock.now();
    for job in resources.parts.records.followers(leader).await? {
        let change = JobChange::End {
            state: JobState::Failed,
            at,
            failure: failure.clone(),
        };
        end(resources, &job, change, JobState::Failed).await?;
    }
    Ok(())
}

/// The leader is gone without a result (withdrawn, too late): the oldest follower takes its place.
pub(crate) async fn promote_first(resources: &Resources, leader: JobId) -> Result<(), RecordError> {
    let parts = &resources.parts;
    let promotion = promote_oldest_follower(&*parts.records, &*parts.queue, leader).await?;
    if let Promotion::NotQueued(job, error) = promotion {
        tracing::warn!(job_id = %job.id, %error, "a promoted job is not in the queue yet");
    }
    Ok(())
}

/// Does for the followers of a job that has ended what its worker would have done, had it not been lost.
pub(crate) async fn conclude(resources: &Resources, leader: JobId) -> Result<(), RecordError> {
    let job = resources.parts.records.get(leader).await?;
    match (job.state, &job.failure) {
        (JobState::Queued | JobState::Running, _) => Ok(()),
        (JobState::Succeeded, _) => {
            succeed(resources, leader, job.timings.audio_seconds, job.progress).await
        }
        (JobState::Failed, Some(failure)) => fail(resources, leader, failure).await,
        _ => promote_first(resources, leader).await,
    }
}

async fn end(
    resources: &Resources,
    job: &Job,
    change: JobChange,
    state: JobState,
) -> Result<(), RecordError> {
    match resources.parts.records.change(job.id, change).await {
        Ok(_) => {
            metrics::finished(&resources.engine, job.tier, state);
        }
        // It has ended, or is gone, by itself.
        Err(RecordError::IllegalMove { .. } | RecordError::NotFound(_)) => {}
        Err(error) => return Err(error),
    }
    Ok(())
}
