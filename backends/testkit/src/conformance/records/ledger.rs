//! What the fleet knows of itself beside its jobs.

use std::{sync::Arc, time::Duration};

use uuid::Uuid;
use voicefleet_core::{
    EngineId, JobSpec, JobState,
    ports::{FleetLedger, JobChange, JobRecords, WorkerPresence},
    scaling::{EngineUsage, Split},
};

use super::{RecordsBench, advance, change, end, fresh, new_job, start, submit, succeed};
use crate::{FakeClock, conformance::Reopen};

const HOUR: Duration = Duration::from_hours(1);

fn split_of(piper: u32) -> Split {
    let shares = [("piper", piper), ("kokoro", 100 - piper)];
    let shares = shares.map(|(engine, share)| (EngineId::new(engine), share));
    Split {
        shares: shares.into(),
        ..Split::default()
    }
}

/// A job of `engine` that goes through all of `life`.
async fn live(
    records: &Arc<dyn JobRecords>,
    clock: &FakeClock,
    engine: &str,
    life: impl IntoIterator<Item = JobChange>,
) {
    let mut job = new_job(clock);
    if let JobSpec::Speech(spec) = &mut job.spec {
        spec.engine = EngineId::new(engine);
    }
    job.cost = 2.0;
    submit(records, &job).await;
    for step in life {
        change(records, job.id, step).await;
    }
}

async fn usage_of(ledger: &Arc<dyn FleetLedger>, engine: &str) -> Option<EngineUsage> {
    let usage = ledger.usage(HOUR).await.expect("answered");
    usage.get(&EngineId::new(engine)).copied()
}

/// And there is none before.
pub async fn the_split_is_the_one_that_was_set_last<B: RecordsBench>() {
    let (bench, ..) = fresh::<B>().await;
    let ledger = bench.ledger();
    assert_eq!(ledger.split().await, Ok(None));
    for piper in [60, 80] {
        ledger.set_split(&split_of(piper)).await.expect("set");
        assert_eq!(ledger.split().await, Ok(Some(split_of(piper))));
    }
}

/// Step by step, and nothing twice: two jobs of 12.5 ms each, the first steps of which took 5 ms.
pub async fn what_jobs_compute_is_added_up_by_engine<B: RecordsBench>() {
    let (bench, records, clock) = fresh::<B>().await;
    let ledger = bench.ledger();
    assert_eq!(usage_of(&ledger, "piper").await, None);
    let whole = || [start(&clock), advance(1), advance(2), succeed(&clock)];
    live(&records, &clock, "piper", whole()).await;
    live(&records, &clock, "piper", whole()).await;
    live(&records, &clock, "kokoro", [start(&clock), advance(1)]).await;
    let piper = usage_of(&ledger, "piper").await.expect("some");
    assert!((piper.compute_seconds - 0.025).abs() < 0.0021, "{piper:?}");
    assert!((piper.finished_seconds - 0.025).abs() < 0.0021, "{piper:?}");
    assert!((piper.estimated_seconds - 4.0).abs() < 1e-9, "{piper:?}");
    assert_eq!(piper.finished_jobs, 2);
    let kokoro = usage_of(&ledger, "kokoro").await.expect("some");
    assert!((kokoro.compute_seconds - 0.005).abs() < 1e-9, "{kokoro:?}");
    assert_eq!(kokoro.finished_jobs, 0);
}

/// A job that has failed has cost what it did; what was there already has cost nothing.
pub async fn what_costs_nothing_teaches_nothing<B: RecordsBench>() {
    let (bench, records, clock) = fresh::<B>().await;
    let failed = [start(&clock), advance(1), end(&clock, JobState::Failed)];
    live(&records, &clock, "piper", failed).await;
    let cached = match succeed(&clock) {
        JobChange::Succeed {
            at,
            timings,
            progress,
            ..
        } => JobChange::Succeed {
            at,
            timings,
            progress,
            from_cache: true,
        },
        other => other,
    };
    live(&records, &clock, "whisper", [start(&clock), cached]).await;
    let ledger = bench.ledger();
    for engine in ["piper", "whisper"] {
        let usage = usage_of(&ledger, engine).await.unwrap_or_default();
        assert_eq!(usage.finished_jobs, 0, "{engine}");
    }
}

/// Each of them once, however often it says so, and by engine. What a worker does not say again in time
/// is forgotten too, by whichever clock the records go.
pub async fn workers_are_there_until_they_leave<B: RecordsBench>() {
    let (bench, ..) = fresh::<B>().await;
    let ledger = bench.ledger();
    let (piper, kokoro) = (EngineId::new("piper"), EngineId::new("kokoro"));
    let worker = |engine: &EngineId, slots| WorkerPresence {
        id: Uuid::now_v7(),
        engine: engine.clone(),
        slots,
    };
    let (one, other, else_where) = (worker(&piper, 2), worker(&piper, 3), worker(&kokoro, 1));
    for worker in [&one, &other, &one, &else_where] {
        ledger.note_worker(worker, HOUR).await.expect("noted");
    }
    let mut there = ledger.workers(&piper).await.expect("answered");
    there.sort_by_key(|worker| worker.slots);
    assert_eq!(there, [one.clone(), other.clone()]);
    ledger.forget_worker(&one).await.expect("forgotten");
    ledger.forget_worker(&one).await.expect("forgotten again");
    assert_eq!(ledger.workers(&piper).await, Ok(vec![other]));
    assert_eq!(ledger.workers(&kokoro).await, Ok(vec![else_where]));
}

/// The split and what was computed.
pub async fn the_ledger_survives_reopening<B: RecordsBench + Reopen>() {
    let (bench, records, clock) = fresh::<B>().await;
    bench.ledger().set_split(&split_of(75)).await.expect("set");
    live(&records, &clock, "piper", [start(&clock), advance(1)]).await;
    let before = usage_of(&bench.ledger(), "piper").await;
    assert!(before.is_some());
    drop(records);
    let bench = bench.reopen().await;
    assert_eq!(bench.ledger().split().await, Ok(Some(split_of(75))));
    assert_eq!(usage_of(&bench.ledger(), "piper").await, before);
}
