//! What a run adds up.

use std::{iter::zip, time::Duration};

use voicefleet_core::{EngineId, Tier, Timestamp};

use super::fleet::{Running, Worker};
use crate::{
    control_loops::{Cause, Change},
    report::{Figures, PoolReport, ReplicaStep, TierWaits},
};

#[derive(Debug, Default)]
pub(super) struct Ledger {
    jobs: usize,
    pub(super) kills: u64,
    /// From the arrival of the first job to the first start of one.
    first_job: Option<Duration>,
    /// By [`Tier::rank`].
    waits: [Vec<Duration>; 3],
    lifetime: Duration,
    busy: Duration,
    compute: Duration,
    replicas: Vec<ReplicaStep>,
    wake_ups: u64,
}

impl Ledger {
    /// For so many jobs.
    pub(super) fn of(jobs: usize) -> Self {
        Self {
            jobs,
            ..Self::default()
        }
    }

    pub(super) fn started(&mut self, first_arrival: Timestamp, now: Timestamp) {
        self.first_job.get_or_insert(now.since(first_arrival));
    }

    pub(super) fn finished(&mut self, tier: Tier, wait: Duration) {
        self.waits[tier.rank()].push(wait);
    }

    /// A slot is free again, its job done or not.
    pub(super) fn computed(&mut self, running: &Running, now: Timestamp) {
        self.compute += now.since(running.since);
    }

    /// A worker has nothing in hand any more.
    pub(super) fn rested(&mut self, worker: &Worker, now: Timestamp) {
        self.busy += now.since(worker.busy_since);
    }

    pub(super) fn ended(&mut self, worker: &Worker, now: Timestamp) {
        self.lifetime += now.since(worker.born);
    }

    pub(super) fn scaled(&mut self, now: Timestamp, from: u32, change: Change) {
        let first = from == 0 && change.cause != Cause::ByHand;
        self.wake_ups += u64::from(first);
        self.replicas.push(ReplicaStep {
            at_seconds: now.since(Timestamp(0)).as_secs_f64(),
            workers: change.replicas,
            cause: change.cause,
        });
    }

    pub(super) fn done(&self) -> usize {
        self.waits.iter().map(Vec::len).sum()
    }

    /// Takes another ledger's sums in.
    pub(super) fn add(&mut self, other: Self) {
        self.jobs += other.jobs;
        self.kills += other.kills;
        for (waits, more) in zip(&mut self.waits, other.waits) {
            waits.extend(more);
        }
        self.lifetime += other.lifetime;
        self.busy += other.busy;
        self.compute += other.compute;
        self.wake_ups += other.wake_ups;
    }

    pub(super) fn report(&self, engine: EngineId) -> PoolReport {
        PoolReport {
            engine,
            first_job_seconds: self.first_job.map(|wait| wait.as_secs_f64()),
            peak_workers: self
                .replicas
                .iter()
                .map(|step| step.workers)
                .max()
                .unwrap_or(0),
            figures: self.figures(),
            replicas: self.replicas.clone(),
        }
    }

    pub(super) fn figures(&self) -> Figures {
        let waits = zip(Tier::ALL, &self.waits);
        Figures {
            jobs: self.jobs,
            done: self.done(),
            kills: self.kills,
            wake_ups: self.wake_ups,
            waits: waits
                .filter_map(|(tier, waits)| TierWaits::of(tier, waits.clone()))
                .collect(),
            worker_seconds: self.lifetime.as_secs_f64(),
            busy_worker_seconds: self.busy.as_secs_f64(),
            idle_worker_seconds: self.lifetime.saturating_sub(self.busy).as_secs_f64(),
            compute_seconds: self.compute.as_secs_f64(),
        }
    }
}
