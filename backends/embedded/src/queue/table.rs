//! The table of envelopes: putting in, settling, counting.

use futures::FutureExt;
use sqlx::{Row as _, SqliteConnection, SqlitePool};
use voicefleet_core::{
    EngineId, Envelope, Failure, Tier, Timestamp,
    envelope::EnvelopeError,
    ports::{Settlement, TierGauge},
};

use super::LeaseKey;
use crate::writer::Worked;

/// An envelope on its way into the table.
pub(crate) struct Row {
    job_id: String,
    engine: String,
    tier: i64,
    tenant: String,
    attempt: u32,
    cost_us: i64,
    /// How much later its tenant's next one comes.
    length: i64,
    body: String,
}

impl Row {
    pub(crate) fn of(envelope: &Envelope) -> Result<Self, EnvelopeError> {
        let body = envelope.encode()?;
        Ok(Self {
            job_id: envelope.job_id.to_string(),
            engine: envelope.spec.engine().to_string(),
            tier: rank(envelope.tier),
            tenant: envelope.tenant.to_string(),
            attempt: envelope.attempt,
            cost_us: microseconds(envelope.cost),
            length: microseconds(envelope.cost / f64::from(envelope.weight.get())).max(1),
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }
}

/// What became of an envelope that was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Published {
    /// It waits, or the job was waiting or running already.
    Waits,
    /// The lane is full.
    Refused,
}

/// Puts an envelope in unless its lane holds `limit` already.
pub(super) fn publish(db: &mut SqliteConnection, row: Row, limit: i64) -> Worked<'_, Published> {
    async move {
        if waiting(db, &row).await? >= limit && !is_served(db, &row).await? {
            return Ok(Published::Refused);
        }
        enqueue(db, &row).await?;
        Ok(Published::Waits)
    }
    .boxed()
}

/// Puts an envelope in. A job has one envelope at most: if it has one that waits, that one moves up to
/// the new tier (never down), or to the place of one that comes now, if that is before its own; if it has one that is dead, it lives again; if it has one
/// that is with a worker, nothing happens.
pub(crate) async fn enqueue(db: &mut SqliteConnection, row: &Row) -> Result<(), sqlx::Error> {
    let place = next_place(db, row).await?;
    let enqueued = sqlx::query(
        "INSERT INTO envelopes (job_id, engine, tier, state, attempt, cost_us, body, place)
         VALUES (?1, ?2, ?3, 'ready', ?4, ?5, ?6, ?7)
         ON CONFLICT (job_id) DO UPDATE SET
            tier = excluded.tier, attempt = max(attempt, excluded.attempt), body = excluded.body,
            cost_us = excluded.cost_us, place = excluded.place, state = iif(state = 'dead', 'ready', state),
            failure = NULL, dead_at = NULL
         WHERE state = 'dead' OR (state IN ('ready', 'delayed') AND (
            excluded.tier < tier OR excluded.tier = tier AND excluded.place < place))",
    )
    .bind(&row.job_id)
    .bind(&row.engine)
    .bind(row.tier)
    .bind(row.attempt)
    .bind(row.cost_us)
    .bind(&row.body)
    .bind(place)
    .execute(&mut *db)
    .await?;
    if enqueued.rows_affected() > 0 {
        note_place(db, row, place.saturating_add(row.length)).await?;
    }
    Ok(())
}

/// Where an envelope that comes now is placed.
async fn next_place(db: &mut SqliteConnection, row: &Row) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT max(
            ifnull((SELECT taken FROM lanes WHERE engine = ?1 AND tier = ?2), 0),
            ifnull((SELECT ends FROM places WHERE engine = ?1 AND tier = ?2 AND tenant = ?3), 0))",
    )
    .bind(&row.engine)
    .bind(row.tier)
    .bind(&row.tenant)
    .fetch_one(db)
    .await
}

async fn note_place(db: &mut SqliteConnection, row: &Row, ends: i64) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO places (engine, tier, tenant, ends) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET ends = excluded.ends",
    )
    .bind(&row.engine)
    .bind(row.tier)
    .bind(&row.tenant)
    .bind(ends)
    .execute(db)
    .await
    .map(drop)
}

async fn waiting(db: &mut SqliteConnection, row: &Row) -> Result<i64, sqlx::Error> {
    let lane = "SELECT ready + delayed FROM lanes WHERE engine = ?1 AND tier = ?2";
    let count = sqlx::query_scalar(lane).bind(&row.engine).bind(row.tier);
    Ok(count.fetch_optional(db).await?.unwrap_or(0))
}

/// Whether the job has an envelope that comes no later than the one published would.
async fn is_served(db: &mut SqliteConnection, row: &Row) -> Result<bool, sqlx::Error> {
    let as_urgent = "SELECT 1 FROM envelopes WHERE job_id = ?1 AND state <> 'dead'
                     AND (tier <= ?2 OR state = 'leased')";
    let found = sqlx::query(as_urgent).bind(&row.job_id).bind(row.tier);
    Ok(found.fetch_optional(db).await?.is_some())
}

/// Ends a lease as `settlement` says. No effect if it has ended already.
pub(super) fn settle(
    db: &mut SqliteConnection,
    key: LeaseKey,
    settlement: Settlement,
    now: Timestamp,
) -> Worked<'_, ()> {
    async move {
        match settlement {
            Settlement::Done => delete(db, key).await,
            Settlement::Retry { not_before } => delay(db, key, not_before).await,
            Settlement::GiveBack => make_ready(db, key, None).await,
            Settlement::DeadLetter(failure) => bury(db, key, &failure, now).await,
        }
    }
    .boxed()
}

pub(crate) async fn delete(db: &mut SqliteConnection, key: LeaseKey) -> Result<(), sqlx::Error> {
    let statement = "DELETE FROM envelopes WHERE seq = ?1 AND lease = ?2";
    sqlx::query(statement)
        .bind(key.seq)
        .bind(key.lease)
        .execute(db)
        .await
        .map(drop)
}

/// Makes a leased envelope ready again, in its old place; `attempt` replaces the attempts used up.
pub(crate) async fn make_ready(
    db: &mut SqliteConnection,
    key: LeaseKey,
    attempt: Option<u32>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE envelopes SET state = 'ready', lease = NULL, attempt = ifnull(?3, attempt)
         WHERE seq = ?1 AND lease = ?2",
    )
    .bind(key.seq)
    .bind(key.lease)
    .bind(attempt)
    .execute(db)
    .await
    .map(drop)
}

/// Sets a leased envelope aside for a person.
pub(crate) async fn bury(
    db: &mut SqliteConnection,
    key: LeaseKey,
    failure: &Failure,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE envelopes SET state = 'dead', lease = NULL, failure = ?3, dead_at = ?4
         WHERE seq = ?1 AND lease = ?2",
    )
    .bind(key.seq)
    .bind(key.lease)
    .bind(serde_json::to_string(failure).unwrap_or_default())
    .bind(now.0)
    .execute(db)
    .await
    .map(drop)
}

/// Removes the dead letters of one lane; gives how many there were.
pub(super) fn purge_dead(
    db: &mut SqliteConnection,
    engine: EngineId,
    tier: Tier,
) -> Worked<'_, u64> {
    async move {
        let statement = "DELETE FROM envelopes WHERE engine = ?1 AND tier = ?2 AND state = 'dead'";
        let purged = sqlx::query(statement)
            .bind(engine.as_str())
            .bind(rank(tier))
            .execute(db)
            .await?;
        Ok(purged.rows_affected())
    }
    .boxed()
}

async fn delay(
    db: &mut SqliteConnection,
    key: LeaseKey,
    not_before: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE envelopes SET state = 'delayed', lease = NULL, attempt = attempt + 1, not_before = ?3
         WHERE seq = ?1 AND lease = ?2",
    )
    .bind(key.seq)
    .bind(key.lease)
    .bind(not_before.0)
    .execute(db)
    .await
    .map(drop)
}

/// The gauges of an engine, most urgent tier first.
pub(super) async fn gauge(
    readers: &SqlitePool,
    engine: &EngineId,
) -> Result<Vec<TierGauge>, sqlx::Error> {
    let lanes = "SELECT tier, ready + delayed, leased, dead, cost_us,
            (SELECT count(*) FROM places WHERE engine = ?1 AND places.tier = lanes.tier)
        FROM lanes WHERE engine = ?1";
    let rows = sqlx::query(lanes)
        .bind(engine.as_str())
        .fetch_all(readers)
        .await?;
    let mut gauges = Tier::ALL.map(|tier| TierGauge {
        tier,
        ready: 0,
        in_flight: 0,
        cost_seconds: 0.0,
        dead: 0,
        oldest: None,
        tenants: 0,
    });
    for row in rows {
        let Some(gauge) = gauges.get_mut(row.try_get::<u32, _>(0)? as usize) else {
            continue;
        };
        gauge.ready = row.try_get(1)?;
        gauge.in_flight = row.try_get(2)?;
        gauge.dead = row.try_get(3)?;
        gauge.cost_seconds = seconds(row.try_get(4)?);
        gauge.tenants = row.try_get::<u32, _>(5)?.into();
    }
    Ok(gauges.to_vec())
}

pub(super) fn rank(tier: Tier) -> i64 {
    match tier {
        Tier::Realtime => 0,
        Tier::Standard => 1,
        Tier::Batch => 2,
    }
}

/// Whole numbers, so that a sum which is added to and subtracted from for months stays exact. A cost
/// that is no number counts for nothing; none counts for more than 30 years.
#[expect(
    clippy::cast_possible_truncation,
    reason = "bounded, and a float cast saturates"
)]
fn microseconds(cost_seconds: f64) -> i64 {
    (cost_seconds.clamp(0.0, 1e9) * 1e6) as i64
}

#[expect(
    clippy::cast_precision_loss,
    reason = "2^52 microseconds are 142 years of compute"
)]
fn seconds(microseconds: i64) -> f64 {
    microseconds as f64 / 1e6
}
