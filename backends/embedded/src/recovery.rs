//! What becomes of work whose worker is lost, and of steps that a crash has cut off.
//!
//! Queue and records are written in steps: a job is recorded, then its envelope is published; it is
//! marked as ended, then its delivery is settled, then its followers are. When the database is opened,
//! [`reconcile`] finishes whatever was cut off in between, so that afterwards every leader that is
//! queued has one envelope, and no follower waits for a job that has ended.

use futures::FutureExt;
use sqlx::{Row as _, SqliteConnection, sqlite::SqliteRow};
use voicefleet_core::{
    Envelope, ErrorCode, Failure, Job, JobId, JobState, Timestamp, ports::JobChange,
};

use crate::{
    queue::{self, LeaseKey, Row},
    records,
    writer::Worked,
};

/// Takes back leases whose holder let go of them without settling. Returns the jobs that moved by it.
///
/// A job that ran goes back to `queued` with its attempt counted, and is failed when that was its last.
pub(crate) fn release_all(
    db: &mut SqliteConnection,
    keys: Vec<LeaseKey>,
    max_attempts: u32,
    now: Timestamp,
) -> Worked<'_, Vec<Job>> {
    async move {
        let mut moved = Vec::new();
        for key in keys {
            release(db, key, max_attempts, now, &mut moved).await?;
        }
        Ok(moved)
    }
    .boxed()
}

async fn release(
    db: &mut SqliteConnection,
    key: LeaseKey,
    max_attempts: u32,
    now: Timestamp,
    moved: &mut Vec<Job>,
) -> Result<(), sqlx::Error> {
    let Some(id) = leased_job(db, key).await? else {
        return Ok(());
    };
    let job = match records::read(db, id).await? {
        Ok(record) if record.job.state == JobState::Running => {
            lose_worker(db, record.job, max_attempts, now, moved).await?
        }
        Ok(record) => record.job,
        // A queue may be used without records; and one that cannot be read is for the next worker to find.
        Err(_) => return queue::make_ready(db, key, None).await,
    };
    match (job.state, &job.failure) {
        (JobState::Queued | JobState::Running, _) => {
            queue::make_ready(db, key, Some(job.attempt)).await
        }
        (JobState::Failed, Some(failure)) => queue::bury(db, key, failure, now).await,
        _ => queue::delete(db, key).await,
    }
}

/// The job of a lease that still holds.
async fn leased_job(
    db: &mut SqliteConnection,
    key: LeaseKey,
) -> Result<Option<JobId>, sqlx::Error> {
    let statement = "SELECT job_id FROM envelopes WHERE seq = ?1 AND lease = ?2";
    let rows = sqlx::query(statement)
        .bind(key.seq)
        .bind(key.lease)
        .fetch_all(db)
        .await?;
    Ok(records::ids(&rows)?.first().copied())
}

/// Whoever ran the job is gone: it is queued again, or failed if that was its last attempt.
async fn lose_worker(
    db: &mut SqliteConnection,
    job: Job,
    max_attempts: u32,
    now: Timestamp,
    moved: &mut Vec<Job>,
) -> Result<Job, sqlx::Error> {
    let failure = Failure::new(ErrorCode::WorkerLost, "the worker that had the job is gone");
    if job.attempt < max_attempts {
        return change(db, job, JobChange::Requeue { failure }, now, moved).await;
    }
    fail_followers(db, job.id, &failure, now, moved).await?;
    change(db, job, failed(failure, now), now, moved).await
}

/// The same work would fail the same way.
async fn fail_followers(
    db: &mut SqliteConnection,
    leader: JobId,
    failure: &Failure,
    now: Timestamp,
    moved: &mut Vec<Job>,
) -> Result<(), sqlx::Error> {
    for id in followers(db, leader).await? {
        if let Ok(record) = records::read(db, id).await? {
            change(db, record.job, failed(failure.clone(), now), now, moved).await?;
        }
    }
    Ok(())
}

fn failed(failure: Failure, at: Timestamp) -> JobChange {
    JobChange::End {
        state: JobState::Failed,
        at,
        failure,
    }
}

async fn change(
    db: &mut SqliteConnection,
    job: Job,
    change: JobChange,
    now: Timestamp,
    moved: &mut Vec<Job>,
) -> Result<Job, sqlx::Error> {
    match records::apply(db, None, job.id, change, now).await? {
        Ok(job) => {
            moved.push(job.clone());
            Ok(job)
        }
        Err(error) => {
            tracing::error!(job_id = %job.id, %error, "a lost job could not be moved");
            Ok(job)
        }
    }
}

async fn followers(db: &mut SqliteConnection, leader: JobId) -> Result<Vec<JobId>, sqlx::Error> {
    let statement = "SELECT id FROM jobs
        WHERE follows = ?1 AND state IN ('queued', 'running') ORDER BY id";
    records::ids(
        &sqlx::query(statement)
            .bind(leader.to_string())
            .fetch_all(db)
            .await?,
    )
}

/// What [`reconcile`] found to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reconciled {
    /// Deliveries that the last process had not settled.
    pub(crate) released: usize,
    /// Jobs that ran without a delivery.
    pub(crate) lost: usize,
    /// Envelopes of jobs that had ended.
    pub(crate) superfluous: u64,
    /// Leaders that had ended without telling their followers.
    pub(crate) stranding: usize,
    /// Queued jobs without an envelope.
    pub(crate) republished: usize,
}

/// Finishes what the last process left undone. Nothing is in anybody's hands when this runs.
pub(crate) async fn reconcile(
    db: &mut SqliteConnection,
    max_attempts: u32,
    now: Timestamp,
) -> Result<Reconciled, sqlx::Error> {
    let moved = &mut Vec::new();
    let leases = every_lease(db).await?;
    let released = leases.len();
    for key in leases {
        release(db, key, max_attempts, now, moved).await?;
    }
    let running = "SELECT id FROM jobs WHERE state = 'running' ORDER BY id";
    let running = records::ids(&sqlx::query(running).fetch_all(&mut *db).await?)?;
    let lost = running.len();
    for id in running {
        if let Ok(record) = records::read(db, id).await? {
            lose_worker(db, record.job, max_attempts, now, moved).await?;
        }
    }
    let superfluous = drop_envelopes_of_ended_jobs(db).await?;
    let stranding = take_care_of_followers(db, now, moved).await?;
    let republished = publish_missing_envelopes(db).await?;
    Ok(Reconciled {
        released,
        lost,
        superfluous,
        stranding,
        republished,
    })
}

async fn every_lease(db: &mut SqliteConnection) -> Result<Vec<LeaseKey>, sqlx::Error> {
    let statement = "SELECT seq, lease FROM envelopes WHERE state = 'leased' ORDER BY seq";
    let rows = sqlx::query(statement).fetch_all(db).await?;
    let key = |row: &SqliteRow| {
        Ok(LeaseKey {
            seq: row.try_get(0)?,
            lease: row.try_get(1)?,
        })
    };
    rows.iter().map(key).collect()
}

async fn drop_envelopes_of_ended_jobs(db: &mut SqliteConnection) -> Result<u64, sqlx::Error> {
    let statement = "DELETE FROM envelopes WHERE state IN ('ready', 'delayed') AND EXISTS (
        SELECT 1 FROM jobs WHERE id = job_id AND state NOT IN ('queued', 'running'))";
    Ok(sqlx::query(statement).execute(db).await?.rows_affected())
}

/// Followers of a job that failed fail with it; those of one that ended otherwise get a new leader.
async fn take_care_of_followers(
    db: &mut SqliteConnection,
    now: Timestamp,
    moved: &mut Vec<Job>,
) -> Result<usize, sqlx::Error> {
    let statement = "SELECT DISTINCT follower.follows FROM jobs AS follower
        LEFT JOIN jobs AS leader ON leader.id = follower.follows
        WHERE follower.follows IS NOT NULL AND follower.state IN ('queued', 'running')
          AND (leader.id IS NULL OR leader.state NOT IN ('queued', 'running'))";
    let leaders = records::ids(&sqlx::query(statement).fetch_all(&mut *db).await?)?;
    for leader in &leaders {
        let ended = records::read(db, *leader).await?.map(|record| record.job);
        match ended
            .ok()
            .filter(|job| job.state == JobState::Failed)
            .and_then(|job| job.failure)
        {
            Some(failure) => fail_followers(db, *leader, &failure, now, moved).await?,
            None => promote_first(db, *leader).await?,
        }
    }
    Ok(leaders.len())
}

async fn promote_first(db: &mut SqliteConnection, leader: JobId) -> Result<(), sqlx::Error> {
    for id in followers(db, leader).await? {
        if let Ok(record) = records::read(db, id).await? {
            return records::take_over(db, leader, &record.job).await.map(drop);
        }
    }
    Ok(())
}

async fn publish_missing_envelopes(db: &mut SqliteConnection) -> Result<usize, sqlx::Error> {
    let statement =
        "SELECT id FROM jobs WHERE state = 'queued' AND follows IS NULL AND NOT EXISTS (
        SELECT 1 FROM envelopes WHERE job_id = id AND envelopes.state <> 'dead') ORDER BY id";
    let missing = records::ids(&sqlx::query(statement).fetch_all(&mut *db).await?)?;
    for id in &missing {
        if let Ok(record) = records::read(db, *id).await? {
            let envelope = Envelope::for_job(&record.job);
            let row = Row::of(&envelope).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
            queue::enqueue(db, &row).await?;
        }
    }
    Ok(missing.len())
}
