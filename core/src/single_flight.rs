//! Identical jobs: one leads and is computed, the others follow it and get its result.

use crate::{
    envelope::Envelope,
    job::{Job, JobId},
    ports::{JobQueue, JobRecords, QueueError, RecordError},
};

/// What came of a promotion.
#[derive(Debug)]
pub enum Promotion {
    /// Nobody followed, or somebody else leads them by now.
    None,
    /// This job leads, and is in the queue.
    Queued(Job),
    /// This job leads. Its record says that it has still to be queued.
    NotQueued(Job, QueueError),
}

/// The leader is gone without a result (withdrawn, too late, never queued): its oldest follower takes its
/// place, in the lane of the most urgent of them. Can be done twice.
///
/// # Errors
/// [`RecordError`] where the records do not answer.
pub async fn promote_oldest_follower(
    records: &dyn JobRecords,
    queue: &dyn JobQueue,
    leader: JobId,
) -> Result<Promotion, RecordError> {
    let followers = records.followers(leader).await?;
    let urgent = followers.iter().map(|job| job.tier).min();
    for follower in followers {
        match records.promote(leader, follower.id).await {
            Ok(promoted) if promoted.follows.is_some() => return Ok(Promotion::None),
            Ok(promoted) => {
                let tier = urgent.unwrap_or(promoted.tier);
                let envelope = Envelope {
                    tier,
                    ..Envelope::for_job(&promoted)
                };
                if let Err(error) = queue.publish(&envelope).await {
                    return Ok(Promotion::NotQueued(promoted, error));
                }
                records.published(promoted.id).await?;
                return Ok(Promotion::Queued(promoted));
            }
            // It was withdrawn meanwhile: the next one's turn.
            Err(RecordError::IllegalMove { .. } | RecordError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Promotion::None)
}
