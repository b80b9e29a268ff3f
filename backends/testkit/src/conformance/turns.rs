//! What keepers of turns promise.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use voicefleet_core::{
    EngineId, Envelope, JobId, Tenant, Tier, Timestamp, Weight,
    ports::{
        FleetLedger, TURN_SECONDS, TenantLane, Turn, Turns, UNKNOWN_SLOTS, WorkerPresence,
        least_turns,
    },
};

use crate::speech_job;

/// Where the cases of turns run.
#[async_trait]
pub trait TurnsBench: Send + Sync + Sized {
    /// Turns of their own, none taken.
    async fn fresh() -> Self;

    /// The turns.
    fn turns(&self) -> Arc<dyn Turns>;

    /// Where workers say that they are there, if they are counted.
    fn ledger(&self) -> Option<Arc<dyn FleetLedger>>;
}

/// Runs every case over a [`TurnsBench`].
#[macro_export]
macro_rules! turns_conformance {
    ($bench:ty) => {
        $crate::turns_conformance! { @each $bench:
            a_tenant_has_turns_for_so_much_work_by_its_weight,
            some_jobs_have_turns_however_long_they_are,
            short_jobs_have_turns_by_their_cost,
            who_has_some_behind_stays_behind_them,
            turns_that_are_given_back_are_wanted_only_by_those_behind,
            a_turn_is_taken_once_for_a_job,
            more_slots_make_more_turns,
        }
    };
    (@each $bench:ty: $($case:ident),+ $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            $crate::conformance::turns::$case::<$bench>().await;
        }
    )+};
}

fn envelope(tenant: &str, weight: u32, cost: f64) -> Envelope {
    let mut job = speech_job(&JobId::generate().to_string(), Tier::Batch, Timestamp(0));
    job.tenant = tenant.parse().expect("a name");
    job.weight = Weight::try_from(weight).expect("a weight");
    job.cost = cost;
    Envelope::for_job(&job)
}

/// How many long jobs may wait.
fn jobs(slots: u32, weight: u32) -> usize {
    let weight = Weight::try_from(weight).expect("a weight");
    least_turns(slots, weight) as usize
}

/// Takes turns until one is behind; returns those that have one.
async fn take_all(turns: &dyn Turns, tenant: &str, weight: u32) -> Vec<Envelope> {
    let mut taken = Vec::new();
    loop {
        let next = envelope(tenant, weight, 1.0);
        match turns.take(&next).await.expect("answers") {
            Turn::Taken => taken.push(next),
            Turn::Behind => return taken,
        }
        assert!(taken.len() < 1_000, "there is no bound");
    }
}

async fn tenants_behind(turns: &dyn Turns) -> Vec<Tenant> {
    let piper = EngineId::new("piper");
    let mut behind = turns
        .tenants_behind(&piper, Tier::Batch)
        .await
        .expect("answers");
    behind.sort();
    behind
}

/// So many for each unit of weight; other tenants are not touched.
pub async fn a_tenant_has_turns_for_so_much_work_by_its_weight<B: TurnsBench>() {
    let bench = B::fresh().await;
    let turns = bench.turns();
    for (tenant, weight) in [("acme", 1), ("board", 3)] {
        let taken = take_all(&*turns, tenant, weight).await;
        assert_eq!(taken.len(), jobs(UNKNOWN_SLOTS, weight));
    }
    let names = ["acme", "board"].map(|name| name.parse().expect("a name"));
    assert_eq!(tenants_behind(&*turns).await, names);
}

/// Or slots would be idle while they wait.
pub async fn some_jobs_have_turns_however_long_they_are<B: TurnsBench>() {
    let bench = B::fresh().await;
    let turns = bench.turns();
    let long: Vec<_> = (0..jobs(UNKNOWN_SLOTS, 1))
        .map(|_| envelope("acme", 1, 9_000.0))
        .collect();
    for envelope in &long {
        assert_eq!(turns.take(envelope).await, Ok(Turn::Taken));
    }
    let next = envelope("acme", 1, 0.1);
    assert_eq!(turns.take(&next).await, Ok(Turn::Behind));
    assert_eq!(turns.give_back(&long[0]).await, Ok(true));
}

/// As many as last a moment for each slot.
pub async fn short_jobs_have_turns_by_their_cost<B: TurnsBench>() {
    let bench = B::fresh().await;
    let turns = bench.turns();
    let mut taken = 0;
    while turns.take(&envelope("acme", 2, 0.01)).await == Ok(Turn::Taken) {
        taken += 1;
    }
    let expected = f64::from(UNKNOWN_SLOTS * 2) * TURN_SECONDS / 0.01;
    assert!((f64::from(taken) - expected).abs() < 1.5, "{taken}");
}

/// Or they would be overtaken by those who came later.
pub async fn who_has_some_behind_stays_behind_them<B: TurnsBench>() {
    let bench = B::fresh().await;
    let turns = bench.turns();
    let taken = take_all(&*turns, "acme", 1).await;
    let lane = TenantLane::of(&taken[0]);
    for envelope in &taken {
        assert_eq!(turns.give_back(envelope).await, Ok(true));
    }
    let newest = envelope("acme", 1, 1.0);
    assert_eq!(turns.take(&newest).await, Ok(Turn::Behind));
    assert_eq!(turns.note_behind(&lane).await, Ok(true));
    assert_eq!(turns.note_none_behind(&lane).await, Ok(()));
    assert!(tenants_behind(&*turns).await.is_empty());
    assert_eq!(turns.take(&newest).await, Ok(Turn::Taken));
}

/// With each that leaves one may come, and with nobody behind none is.
pub async fn turns_that_are_given_back_are_wanted_only_by_those_behind<B: TurnsBench>() {
    let bench = B::fresh().await;
    let turns = bench.turns();
    let alone = envelope("board", 1, 1.0);
    assert_eq!(turns.take(&alone).await, Ok(Turn::Taken));
    assert_eq!(turns.give_back(&alone).await, Ok(false));
    let taken = take_all(&*turns, "acme", 1).await;
    let lane = TenantLane::of(&taken[0]);
    assert_eq!(turns.note_behind(&lane).await, Ok(false));
    assert_eq!(turns.give_back(&taken[0]).await, Ok(true));
    let called_up = envelope("acme", 1, 1.0);
    assert_eq!(turns.grant(&called_up).await, Ok(false));
    assert_eq!(turns.give_back(&called_up).await, Ok(true));
}

/// However often it is published, and given back.
pub async fn a_turn_is_taken_once_for_a_job<B: TurnsBench>() {
    let bench = B::fresh().await;
    let turns = bench.turns();
    let first = envelope("acme", 1, 1.0);
    for _ in 0..10 {
        assert_eq!(turns.take(&first).await, Ok(Turn::Taken));
    }
    assert_eq!(turns.give_back(&first).await, Ok(false));
    assert_eq!(turns.give_back(&first).await, Ok(false));
    let taken = take_all(&*turns, "acme", 1).await;
    assert_eq!(taken.len(), jobs(UNKNOWN_SLOTS, 1));
}

/// By the slots of all workers of the engine.
pub async fn more_slots_make_more_turns<B: TurnsBench>() {
    let bench = B::fresh().await;
    let Some(ledger) = bench.ledger() else {
        return;
    };
    for _ in 0..3 {
        let worker = WorkerPresence {
            id: uuid::Uuid::now_v7(),
            engine: EngineId::new("piper"),
            slots: 5,
        };
        let noted = ledger.note_worker(&worker, Duration::from_mins(1)).await;
        noted.expect("noted");
    }
    let taken = take_all(&*bench.turns(), "acme", 2).await;
    assert_eq!(taken.len(), jobs(15, 2));
}
