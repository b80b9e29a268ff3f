//! Reading many jobs.

use sqlx::{QueryBuilder, Sqlite, SqlitePool, sqlite::SqliteRow};
use voicefleet_core::{
    Job, JobId, Tenant, Timestamp,
    ports::{JobFilter, JobPage},
};

use super::table::{COLUMNS, record_of};

/// In flight, oldest first.
pub(super) async fn followers(
    readers: &SqlitePool,
    leader: JobId,
) -> Result<Vec<Job>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT queued_at, follows, body FROM jobs
         WHERE follows = ?1 AND state IN ('queued', 'running') ORDER BY id",
    )
    .bind(leader.to_string())
    .fetch_all(readers)
    .await?;
    jobs(&rows)
}

/// Leaders that have been queued since `since` or before and have no envelope; at most `limit`.
pub(super) async fn without_envelope(
    readers: &SqlitePool,
    since: Timestamp,
    limit: usize,
) -> Result<Vec<Job>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT queued_at, follows, body FROM jobs
         WHERE state = 'queued' AND follows IS NULL AND queued_at <= ?1
           AND NOT EXISTS (SELECT 1 FROM envelopes WHERE job_id = id) LIMIT ?2",
    )
    .bind(since.0)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(readers)
    .await?;
    jobs(&rows)
}

/// Jobs of a tenant that are queued or running.
pub(super) async fn in_flight_of(
    readers: &SqlitePool,
    tenant: &Tenant,
) -> Result<u64, sqlx::Error> {
    let statement =
        "SELECT count(*) FROM jobs WHERE tenant = ?1 AND state IN ('queued', 'running')";
    let count: i64 = sqlx::query_scalar(statement)
        .bind(tenant.as_str())
        .fetch_one(readers)
        .await?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// Newest first.
pub(super) async fn page(readers: &SqlitePool, filter: &JobFilter) -> Result<JobPage, sqlx::Error> {
    let rows = query(filter).build().fetch_all(readers).await?;
    let mut jobs = jobs(&rows)?;
    let has_more = jobs.len() > filter.limit;
    jobs.truncate(filter.limit);
    Ok(JobPage { jobs, has_more })
}

/// One more than asked for, to see whether there are more.
fn query(filter: &JobFilter) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new(format!("SELECT {COLUMNS} FROM jobs WHERE true"));
    if let Some(state) = filter.state {
        query.push(" AND state = ").push_bind(state.name());
    }
    if let Some(tier) = filter.tier {
        query.push(" AND tier = ").push_bind(tier.name());
    }
    if let Some(tenant) = &filter.tenant {
        query.push(" AND tenant = ").push_bind(tenant.to_string());
    }
    if let Some(after) = filter.after {
        query.push(" AND id < ").push_bind(after.to_string());
    }
    let limit = i64::try_from(filter.limit)
        .unwrap_or(i64::MAX)
        .saturating_add(1);
    query.push(" ORDER BY id DESC LIMIT ").push_bind(limit);
    query
}

fn jobs(rows: &[SqliteRow]) -> Result<Vec<Job>, sqlx::Error> {
    rows.iter()
        .map(|row| record_of(row).map(|record| record.job))
        .collect()
}
