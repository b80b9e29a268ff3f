//! Single flight: who leads a fingerprint, who follows, and who takes over.

use futures::FutureExt;
use sqlx::SqliteConnection;
use voicefleet_core::{
    Fingerprint, Job, JobId, JobState,
    ports::{JobRecord, RecordError, Submission},
};

use super::table::{body_of, ids, read};
use crate::writer::Worked;

/// Records a job as the leader of its fingerprint, or as a follower if there is one in flight. A job
/// that is there already stays as it is.
pub(super) fn submit(
    db: &mut SqliteConnection,
    mut record: JobRecord,
) -> Worked<'_, Result<Submission, RecordError>> {
    async move {
        let follows = match read(db, record.job.id).await? {
            Ok(known) => known.job.follows,
            Err(RecordError::NotFound(_)) => {
                let leader = leader_of(db, &record.job.fingerprint).await?;
                record.job.follows = leader;
                insert(db, record, leader.is_none()).await?;
                leader
            }
            Err(refusal) => return Ok(Err(refusal)),
        };
        let Some(leader) = follows else {
            return Ok(Ok(Submission::Leads));
        };
        Ok(read(db, leader).await?.map(|record| Submission::Follows {
            leader,
            leader_tier: record.job.tier,
            leader_queued: record.job.state == JobState::Queued,
        }))
    }
    .boxed()
}

/// Writes a new record; no effect if it is there already.
pub(super) async fn insert(
    db: &mut SqliteConnection,
    record: JobRecord,
    leads: bool,
) -> Result<(), sqlx::Error> {
    let job = &record.job;
    sqlx::query(
        "INSERT INTO jobs (id, fingerprint, tier, state, follows, leads, queued_at, finished_at, body, tenant)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (id) DO NOTHING",
    )
    .bind(job.id.to_string())
    .bind(job.fingerprint.as_str())
    .bind(job.tier.name())
    .bind(job.state.name())
    .bind(job.follows.map(|id| id.to_string()))
    .bind(leads)
    .bind(record.queued_at.0)
    .bind(job.finished_at.map(|moment| moment.0))
    .bind(body_of(&record)?)
    .bind(job.tenant.as_str())
    .execute(db)
    .await
    .map(drop)
}

pub(super) async fn leader_of(
    db: &mut SqliteConnection,
    fingerprint: &Fingerprint,
) -> Result<Option<JobId>, sqlx::Error> {
    let statement = "SELECT id FROM jobs WHERE fingerprint = ?1 AND leads = 1";
    let rows = sqlx::query(statement)
        .bind(fingerprint.as_str())
        .fetch_all(db)
        .await?;
    Ok(ids(&rows)?.first().copied())
}

/// Lets `follower` take over from `old_leader`, if it still follows it.
pub(super) fn promote(
    db: &mut SqliteConnection,
    old_leader: JobId,
    follower: JobId,
) -> Worked<'_, Result<Job, RecordError>> {
    async move {
        let job = match read(db, follower).await? {
            Ok(record) => record.job,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if job.state.is_terminal() {
            let (from, to) = (job.state, JobState::Queued);
            return Ok(Err(RecordError::IllegalMove { from, to }));
        }
        if job.follows != Some(old_leader) {
            return Ok(Ok(job));
        }
        let leader = take_over(db, old_leader, &job).await?;
        let follows = (leader != follower).then_some(leader);
        Ok(Ok(Job { follows, ..job }))
    }
    .boxed()
}

/// Makes `heir`, which follows `old_leader`, the leader of its fingerprint, and everybody else who
/// follows `old_leader` follow it; returns the new leader. That is another job if one with the same
/// fingerprint leads already.
pub(crate) async fn take_over(
    db: &mut SqliteConnection,
    old_leader: JobId,
    heir: &Job,
) -> Result<JobId, sqlx::Error> {
    let leading = leader_of(db, &heir.fingerprint).await?;
    let leader = leading.filter(|id| *id != old_leader).unwrap_or(heir.id);
    let abdicate = "UPDATE jobs SET leads = 0 WHERE id = ?1 AND leads = 1";
    sqlx::query(abdicate)
        .bind(old_leader.to_string())
        .execute(&mut *db)
        .await?;
    sqlx::query(
        "UPDATE jobs SET follows = iif(id = ?2, NULL, ?2), leads = (id = ?2)
         WHERE follows = ?1 AND state IN ('queued', 'running')",
    )
    .bind(old_leader.to_string())
    .bind(leader.to_string())
    .execute(db)
    .await?;
    Ok(leader)
}
