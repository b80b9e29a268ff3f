//! Taking what comes next, in tier order.

use std::{collections::VecDeque, sync::Arc};

use futures::FutureExt;
use sqlx::{Row, SqliteConnection};
use voicefleet_core::{Envelope, ErrorCode, Failure, Tier, Timestamp, tier::TierRota};

use super::{
    LeaseKey,
    delivery::Lease,
    desk::Desk,
    table::{bury, rank},
};
use crate::writer::Worked;

/// What a claim asks for.
pub(super) struct Claim {
    pub(super) desk: Arc<Desk>,
    /// The least urgent tier that is wanted.
    pub(super) least: Tier,
    /// Which tier's turn it is; comes back moved on.
    pub(super) rota: TierRota,
    /// How many at most.
    pub(super) wanted: usize,
    /// The number that the leases get.
    pub(super) lease: i64,
    pub(super) now: Timestamp,
}

/// What a claim got.
pub(super) struct Claimed {
    pub(super) taken: Vec<(Lease, Envelope)>,
    pub(super) rota: TierRota,
    pub(super) lanes: Lanes,
    /// When the next retry becomes due.
    pub(super) earliest_retry: Option<Timestamp>,
}

/// What a claim has left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lanes {
    /// Nothing that could be delivered now.
    Empty,
    /// As much as was wanted has been taken; there may be more.
    MayHaveMore,
}

/// The next envelopes of a lane. One look-up in the index of ready rows per envelope, however many wait.
const TAKE: &str = "UPDATE envelopes SET state = 'leased', lease = ?4
    WHERE seq IN (
        SELECT seq FROM envelopes INDEXED BY envelopes_ready
        WHERE engine = ?1 AND tier = ?2 AND state = 'ready'
        ORDER BY place, seq LIMIT ?3
    )
    RETURNING seq, attempt, body, place";

/// Those that come now do not come before what has been taken.
const NOTE_TAKEN: &str = "UPDATE lanes SET taken = max(taken, ?3) WHERE engine = ?1 AND tier = ?2";

/// Tenants whose last envelope is behind us are as good as new ones.
const FORGET_PASSED: &str = "DELETE FROM places WHERE engine = ?1 AND tier = ?2 AND ends <= ?3";

/// The delayed envelopes whose moment has come.
const WAKE: &str =
    "UPDATE envelopes INDEXED BY envelopes_delayed SET state = 'ready', not_before = NULL
    WHERE engine = ?1 AND state = 'delayed' AND not_before <= ?2";

/// The moment of the next delayed envelope.
const EARLIEST: &str = "SELECT min(not_before) FROM envelopes INDEXED BY envelopes_delayed
    WHERE engine = ?1 AND state = 'delayed'";

pub(super) fn claim(db: &mut SqliteConnection, mut claim: Claim) -> Worked<'_, Claimed> {
    async move {
        let engine = claim.desk.engine().as_str().to_owned();
        let mut counts = Counts::read(db, &engine).await?;
        if counts.delayed > 0 && wake(db, &engine, claim.now).await? {
            counts = Counts::read(db, &engine).await?;
        }
        let wanted = Tier::ALL.map(|tier| {
            if tier <= claim.least {
                counts.ready[tier.rank()]
            } else {
                0
            }
        });
        let turns = turns(&mut claim.rota, wanted, claim.wanted);
        let taken = take(db, &claim, &engine, &turns).await?;
        let earliest_retry = match counts.delayed {
            0 => None,
            _ => earliest(db, &engine).await?,
        };
        let drained = turns.len() < claim.wanted;
        let lanes = if drained {
            Lanes::Empty
        } else {
            Lanes::MayHaveMore
        };
        Ok(Claimed {
            taken,
            rota: claim.rota,
            lanes,
            earliest_retry,
        })
    }
    .boxed()
}

#[derive(Default)]
struct Counts {
    ready: [i64; 3],
    delayed: i64,
}

impl Counts {
    async fn read(db: &mut SqliteConnection, engine: &str) -> Result<Self, sqlx::Error> {
        let rows = sqlx::query("SELECT tier, ready, delayed FROM lanes WHERE engine = ?1")
            .bind(engine)
            .fetch_all(db)
            .await?;
        let mut counts = Self::default();
        for row in rows {
            if let Some(ready) = counts.ready.get_mut(row.try_get::<u32, _>(0)? as usize) {
                *ready = row.try_get(1)?;
            }
            counts.delayed += row.try_get::<i64, _>(2)?;
        }
        Ok(counts)
    }
}

/// Whose turn it is, `wanted` times or until nothing is left.
fn turns(rota: &mut TierRota, mut left: [i64; 3], wanted: usize) -> Vec<Tier> {
    let mut turns = Vec::with_capacity(wanted);
    while turns.len() < wanted {
        let Some(tier) = rota.pick(left.map(|count| count > 0)) else {
            break;
        };
        left[tier.rank()] -= 1;
        turns.push(tier);
    }
    turns
}

async fn take(
    db: &mut SqliteConnection,
    claim: &Claim,
    engine: &str,
    turns: &[Tier],
) -> Result<Vec<(Lease, Envelope)>, sqlx::Error> {
    let mut lanes: [VecDeque<(Lease, Envelope)>; 3] = Default::default();
    for tier in Tier::ALL {
        let count = turns.iter().filter(|turn| **turn == tier).count();
        if count > 0 {
            lanes[tier.rank()] = take_from_lane(db, claim, engine, tier, count).await?;
        }
    }
    Ok(turns
        .iter()
        .filter_map(|tier| lanes[tier.rank()].pop_front())
        .collect())
}

async fn take_from_lane(
    db: &mut SqliteConnection,
    claim: &Claim,
    engine: &str,
    tier: Tier,
    count: usize,
) -> Result<VecDeque<(Lease, Envelope)>, sqlx::Error> {
    let mut rows = sqlx::query(TAKE)
        .bind(engine)
        .bind(rank(tier))
        .bind(i64::try_from(count).unwrap_or(i64::MAX))
        .bind(claim.lease)
        .fetch_all(&mut *db)
        .await?
        .iter()
        .map(|row| {
            let order: (i64, i64) = (row.try_get(3)?, row.try_get(0)?);
            Ok((order, row.try_get(1)?, row.try_get(2)?))
        })
        .collect::<Result<Vec<((i64, i64), u32, String)>, sqlx::Error>>()?;
    // RETURNING promises no order.
    rows.sort_unstable_by_key(|(order, ..)| *order);
    if let Some(((place, _), ..)) = rows.last() {
        for statement in [NOTE_TAKEN, FORGET_PASSED] {
            let noting = sqlx::query(statement).bind(engine).bind(rank(tier));
            noting.bind(place).execute(&mut *db).await?;
        }
    }
    let mut taken = VecDeque::with_capacity(rows.len());
    for ((_, seq), attempt, body) in rows {
        let key = LeaseKey {
            seq,
            lease: claim.lease,
        };
        match Envelope::decode(body.as_bytes()) {
            Ok(envelope) => {
                let lease = Lease::new(Arc::clone(&claim.desk), key);
                taken.push_back((
                    lease,
                    Envelope {
                        attempt,
                        tier,
                        ..envelope
                    },
                ));
            }
            Err(error) => {
                tracing::error!(seq, %error, "an unreadable envelope is dead-lettered");
                let failure = Failure::new(ErrorCode::Internal, error.to_string());
                bury(db, key, &failure, claim.now).await?;
            }
        }
    }
    Ok(taken)
}

async fn wake(
    db: &mut SqliteConnection,
    engine: &str,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let woken = sqlx::query(WAKE)
        .bind(engine)
        .bind(now.0)
        .execute(db)
        .await?;
    Ok(woken.rows_affected() > 0)
}

async fn earliest(
    db: &mut SqliteConnection,
    engine: &str,
) -> Result<Option<Timestamp>, sqlx::Error> {
    let moment: Option<i64> = sqlx::query_scalar(EARLIEST)
        .bind(engine)
        .fetch_one(db)
        .await?;
    Ok(moment.map(Timestamp))
}

#[cfg(test)]
mod tests {
    use sqlx::AssertSqlSafe;

    use super::*;
    use crate::database;

    async fn long_queue(folder: &tempfile::TempDir) -> SqliteConnection {
        let mut db = database::open_writer(folder.path().join("db"))
            .await
            .expect("opens");
        sqlx::query(
            "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 100000)
             INSERT INTO envelopes (job_id, engine, tier, state, attempt, not_before, cost_us, body)
             SELECT n, 'piper', n % 3, iif(n % 10 = 0, 'delayed', 'ready'), 0,
                    iif(n % 10 = 0, n, NULL), 1, '{}' FROM numbers",
        )
        .execute(&mut db)
        .await
        .expect("filled");
        sqlx::query("ANALYZE")
            .execute(&mut db)
            .await
            .expect("analysed");
        db
    }

    async fn plan(db: &mut SqliteConnection, statement: &str) -> Vec<String> {
        let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
        let steps = sqlx::query(explain).fetch_all(db).await.expect("a plan");
        steps.iter().map(|step| step.get("detail")).collect()
    }

    #[tokio::test]
    async fn a_claim_costs_the_same_however_many_wait() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut db = long_queue(&folder).await;
        for (statement, index) in [
            (
                TAKE,
                "USING COVERING INDEX envelopes_ready (engine=? AND tier=?)",
            ),
            (
                WAKE,
                "USING COVERING INDEX envelopes_delayed (engine=? AND not_before<?)",
            ),
            (
                EARLIEST,
                "USING COVERING INDEX envelopes_delayed (engine=?)",
            ),
        ] {
            let plan = plan(&mut db, statement).await;
            assert!(plan.iter().any(|step| step.contains(index)), "{plan:#?}");
            let whole =
                |step: &String| step.contains("SCAN envelopes") || step.contains("TEMP B-TREE");
            assert!(!plan.iter().any(whole), "{plan:#?}");
        }
    }

    #[test]
    fn turns_end_when_nothing_is_left() {
        let mut rota = TierRota::default();
        let expected = [Tier::Realtime, Tier::Standard, Tier::Standard];
        assert_eq!(turns(&mut rota, [1, 2, 0], 10), expected);
        assert_eq!(turns(&mut rota, [0; 3], 10), []);
        assert_eq!(turns(&mut rota, [0, 0, 5], 2), [Tier::Batch; 2]);
    }
}
