//! The table of jobs: reading one, changing one.

use futures::FutureExt;
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};
use voicefleet_core::{
    Job, JobId, Timestamp,
    ports::{JobChange, JobRecord, RecordError, RunId},
    scaling::EngineUsage,
};

use crate::{ledger, writer::Worked};

/// A record, or why there is none. The errors of the database itself are kept apart: they end the
/// whole transaction.
pub(crate) type Read = Result<JobRecord, RecordError>;

/// The columns that [`record_of`] takes.
pub(super) const COLUMNS: &str = "queued_at, follows, body";

pub(crate) async fn read(db: &mut SqliteConnection, id: JobId) -> Result<Read, sqlx::Error> {
    let statement = "SELECT queued_at, follows, body FROM jobs WHERE id = ?1";
    let row = sqlx::query(statement)
        .bind(id.to_string())
        .fetch_optional(db)
        .await?;
    match row {
        None => Ok(Err(RecordError::NotFound(id))),
        Some(row) => match record_of(&row) {
            Err(error @ sqlx::Error::Decode(_)) => {
                tracing::error!(job_id = %id, %error, "a job record cannot be read");
                Ok(Err(RecordError::Unavailable(
                    "the record of this job is damaged".to_owned(),
                )))
            }
            read => read.map(Ok),
        },
    }
}

/// Reads [`COLUMNS`].
pub(super) fn record_of(row: &SqliteRow) -> Result<JobRecord, sqlx::Error> {
    let damaged = |error| sqlx::Error::Decode(Box::new(error));
    let record: JobRecord = serde_json::from_str(row.try_get("body")?).map_err(damaged)?;
    let follows: Option<&str> = row.try_get("follows")?;
    let follows = follows.map(str::parse).transpose();
    let follows = follows.map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    let queued_at = Timestamp(row.try_get("queued_at")?);
    Ok(JobRecord {
        job: Job {
            follows,
            ..record.job
        },
        queued_at,
        ..record
    })
}

/// Applies a change if it is legal.
pub(crate) fn apply(
    db: &mut SqliteConnection,
    run: Option<RunId>,
    id: JobId,
    change: JobChange,
    now: Timestamp,
) -> Worked<'_, Result<Job, RecordError>> {
    async move {
        let mut record = match read(db, id).await? {
            Ok(record) => record,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let before = record.job.timings;
        if let Err(refusal) = record.apply(run, change, now) {
            return Ok(Err(refusal));
        }
        update(db, &record).await?;
        let usage = EngineUsage::of_change(&before, &record.job);
        ledger::note(db, record.job.spec.engine(), &usage, now).await?;
        ledger::note_tenant(db, &record.job.tenant, &usage, now).await?;
        Ok(Ok(record.job))
    }
    .boxed()
}

/// Writes a record that is there already. A job that has ended leads nobody any more.
async fn update(db: &mut SqliteConnection, record: &JobRecord) -> Result<(), sqlx::Error> {
    let job = &record.job;
    sqlx::query(
        "UPDATE jobs SET state = ?2, leads = leads AND NOT ?3, queued_at = ?4, finished_at = ?5, body = ?6
         WHERE id = ?1",
    )
    .bind(job.id.to_string())
    .bind(job.state.name())
    .bind(job.state.is_terminal())
    .bind(record.queued_at.0)
    .bind(job.finished_at.map(|moment| moment.0))
    .bind(body_of(record)?)
    .execute(db)
    .await
    .map(drop)
}

/// The record as it stands in the table.
pub(super) fn body_of(record: &JobRecord) -> Result<String, sqlx::Error> {
    serde_json::to_string(record).map_err(|error| sqlx::Error::Encode(Box::new(error)))
}

/// The ids in the first column.
pub(crate) fn ids(rows: &[SqliteRow]) -> Result<Vec<JobId>, sqlx::Error> {
    let id = |row: &SqliteRow| {
        let text: &str = row.try_get(0)?;
        text.parse()
            .map_err(|error| sqlx::Error::Decode(Box::new(error)))
    };
    rows.iter().map(id).collect()
}
