//! Jobs that wait for the result of an identical one. All of this can be done twice; what the records
//! refuse to say now is done when the delivery comes again.

use voicefleet_core::{
    Envelope, Failure, Job, JobId, JobState, Progress, Timings,
    ports::{JobChange, RecordError},
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

/// The leader is gone without a result (withdrawn, too late): the oldest follower takes its place,
/// in the lane of the most urgent of them.
pub(crate) async fn promote_first(resources: &Resources, leader: JobId) -> Result<(), RecordError> {
    let parts = &resources.parts;
    let followers = parts.records.followers(leader).await?;
    let urgent = followers.iter().map(|job| job.tier).min();
    for job in followers {
        match parts.records.promote(leader, job.id).await {
            // Somebody else leads them by now.
            Ok(job) if job.follows.is_some() => return Ok(()),
            Ok(job) => {
                let tier = urgent.unwrap_or(job.tier);
                let envelope = Envelope {
                    tier,
                    ..Envelope::for_job(&job)
                };
                match parts.queue.publish(&envelope).await {
                    Ok(()) => return parts.records.published(job.id).await,
                    // Its record says that this is still to be done.
                    Err(error) => {
                        tracing::warn!(job_id = %job.id, %error, "a promoted job is not in the queue yet");
                        return Ok(());
                    }
                }
            }
            // Withdrawn meanwhile: the next one's turn.
            Err(RecordError::IllegalMove { .. } | RecordError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
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
