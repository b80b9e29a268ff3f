//! What has been computed, and how compute is divided.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use futures::FutureExt;
use sqlx::{Row, SqliteConnection, SqlitePool, sqlite::SqliteRow};
use voicefleet_core::{
    EngineId, Tenant, Timestamp,
    ports::{FleetLedger, LedgerUnavailable, TenantUsage, WorkerPresence},
    scaling::{EngineUsage, Split},
};

use crate::{
    error::Unavailable,
    records::EmbeddedRecords,
    writer::{Durability, Worked},
};

const MINUTE_MS: i64 = 60_000;
/// Older minutes are forgotten.
const MOST_MINUTES: i64 = 120;

const DAY_MS: i64 = 86_400_000;
/// Older days are forgotten.
const MOST_DAYS: i64 = 35;

/// Adds what one change of a job has computed.
pub(crate) async fn note(
    db: &mut SqliteConnection,
    engine: &EngineId,
    usage: &EngineUsage,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    if usage.is_nothing() {
        return Ok(());
    }
    let [spent, estimated, finished] = usage.in_milliseconds();
    let minute = now.0.div_euclid(MINUTE_MS);
    sqlx::query(
        "INSERT INTO usage (minute, engine, spent_ms, estimated_ms, finished_ms, jobs)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (minute, engine) DO UPDATE SET
             spent_ms = spent_ms + ?3, estimated_ms = estimated_ms + ?4,
             finished_ms = finished_ms + ?5, jobs = jobs + ?6",
    )
    .bind(minute)
    .bind(engine.as_str())
    .bind(spent)
    .bind(estimated)
    .bind(finished)
    .bind(i64::try_from(usage.finished_jobs).unwrap_or(i64::MAX))
    .execute(&mut *db)
    .await?;
    Ok(())
}

/// Adds what one change of a job has computed for its tenant.
pub(crate) async fn note_tenant(
    db: &mut SqliteConnection,
    tenant: &Tenant,
    usage: &EngineUsage,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    if usage.is_nothing() || tenant.is_sole() {
        return Ok(());
    }
    let [spent, ..] = usage.in_milliseconds();
    sqlx::query(
        "INSERT INTO tenant_usage (day, tenant, spent_ms, jobs) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (day, tenant) DO UPDATE SET spent_ms = spent_ms + ?3, jobs = jobs + ?4",
    )
    .bind(now.0.div_euclid(DAY_MS))
    .bind(tenant.as_str())
    .bind(spent)
    .bind(i64::try_from(usage.finished_jobs).unwrap_or(i64::MAX))
    .execute(db)
    .await
    .map(drop)
}

/// Forgets the minutes and days that nobody asks for any more.
pub(crate) async fn forget(db: &mut SqliteConnection, now: Timestamp) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM tenant_usage WHERE day < ?1")
        .bind(now.0.div_euclid(DAY_MS) - MOST_DAYS)
        .execute(&mut *db)
        .await?;
    sqlx::query("DELETE FROM usage WHERE minute <= ?1")
        .bind(now.0.div_euclid(MINUTE_MS) - MOST_MINUTES)
        .execute(db)
        .await
        .map(drop)
}

#[async_trait]
impl FleetLedger for EmbeddedRecords {
    async fn usage(
        &self,
        window: Duration,
    ) -> Result<BTreeMap<EngineId, EngineUsage>, LedgerUnavailable> {
        let minutes = i64::try_from(window.as_secs().div_ceil(60)).unwrap_or(MOST_MINUTES);
        let since = self.clock.now().0.div_euclid(MINUTE_MS) - minutes.clamp(1, MOST_MINUTES);
        read_usage(&self.readers, since).await.map_err(unavailable)
    }

    async fn tenant_usage(
        &self,
        tenant: &Tenant,
        days_ago: u32,
    ) -> Result<TenantUsage, LedgerUnavailable> {
        let day = self.clock.now().0.div_euclid(DAY_MS) - i64::from(days_ago);
        let statement = "SELECT spent_ms, jobs FROM tenant_usage WHERE day = ?1 AND tenant = ?2";
        let row = sqlx::query(statement)
            .bind(day)
            .bind(tenant.as_str())
            .fetch_optional(&self.readers)
            .await
            .map_err(unavailable)?;
        let Some(row) = row else {
            return Ok(TenantUsage::default());
        };
        let spent: i64 = row.try_get(0).map_err(unavailable)?;
        let jobs: i64 = row.try_get(1).map_err(unavailable)?;
        let jobs = u64::try_from(jobs).unwrap_or(0);
        Ok(TenantUsage {
            compute_seconds: EngineUsage::from_milliseconds([spent, 0, 0], jobs).compute_seconds,
            jobs,
        })
    }

    async fn split(&self) -> Result<Option<Split>, LedgerUnavailable> {
        let statement = "SELECT value FROM settings WHERE name = 'split'";
        let split: Option<String> = sqlx::query_scalar(statement)
            .fetch_optional(&self.readers)
            .await
            .map_err(unavailable)?;
        let damaged = |error| LedgerUnavailable(format!("the split cannot be read: {error}"));
        split
            .map(|split| serde_json::from_str(&split).map_err(damaged))
            .transpose()
    }

    async fn set_split(&self, split: &Split) -> Result<(), LedgerUnavailable> {
        let value = serde_json::to_string(split);
        let value = value.map_err(|error| LedgerUnavailable(error.to_string()))?;
        let written = self
            .writer
            .run(Durability::Power, move |db| set_split(db, value));
        let written = written.await;
        written.map_err(|error| LedgerUnavailable(error.to_string()))
    }

    async fn note_worker(
        &self,
        worker: &WorkerPresence,
        ttl: Duration,
    ) -> Result<(), LedgerUnavailable> {
        self.present.note(worker, self.clock.now(), ttl);
        Ok(())
    }

    async fn forget_worker(&self, worker: &WorkerPresence) -> Result<(), LedgerUnavailable> {
        self.present.forget(worker);
        Ok(())
    }

    async fn workers(&self, engine: &EngineId) -> Result<Vec<WorkerPresence>, LedgerUnavailable> {
        Ok(self.present.of(engine, self.clock.now()))
    }
}

fn set_split(db: &mut SqliteConnection, value: String) -> Worked<'_, ()> {
    async move {
        let statement = "INSERT INTO settings (name, value) VALUES ('split', ?1)
                         ON CONFLICT (name) DO UPDATE SET value = ?1";
        sqlx::query(statement)
            .bind(value)
            .execute(db)
            .await
            .map(drop)
    }
    .boxed()
}

async fn read_usage(
    readers: &SqlitePool,
    since: i64,
) -> Result<BTreeMap<EngineId, EngineUsage>, sqlx::Error> {
    let statement = "SELECT engine, sum(spent_ms), sum(estimated_ms), sum(finished_ms), sum(jobs)
                     FROM usage WHERE minute > ?1 GROUP BY engine";
    let rows = sqlx::query(statement)
        .bind(since)
        .fetch_all(readers)
        .await?;
    rows.iter().map(engine_usage).collect()
}

fn engine_usage(row: &SqliteRow) -> Result<(EngineId, EngineUsage), sqlx::Error> {
    let engine: String = row.try_get(0)?;
    let milliseconds = [row.try_get(1)?, row.try_get(2)?, row.try_get(3)?];
    let jobs: i64 = row.try_get(4)?;
    let jobs = u64::try_from(jobs).unwrap_or(0);
    let usage = EngineUsage::from_milliseconds(milliseconds, jobs);
    Ok((EngineId::new(engine), usage))
}

fn unavailable(error: sqlx::Error) -> LedgerUnavailable {
    LedgerUnavailable(Unavailable::from(error).to_string())
}
