//! The workers of a pool: which there are, what each has in hand, and which go first.

use std::{cmp::Reverse, collections::BTreeMap};

use voicefleet_core::{Timestamp, tier::TierRota};

use super::waiting::JobIndex;
use crate::control_loops::Workload;

/// Later workers have higher ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WorkerId(u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Starting,
    Serving,
    /// It takes nothing more and finishes what it has.
    Draining,
}

/// A job in hand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Running {
    pub(super) job: JobIndex,
    pub(super) since: Timestamp,
}

#[derive(Debug)]
pub(super) struct Worker {
    pub(super) born: Timestamp,
    pub(super) phase: Phase,
    pub(super) running: Vec<Running>,
    pub(super) rota: TierRota,
    /// Since when it has had at least one job in hand.
    pub(super) busy_since: Timestamp,
}

#[derive(Debug, Default)]
pub(super) struct Fleet {
    workers: BTreeMap<WorkerId, Worker>,
    born: u64,
}

impl Fleet {
    pub(super) fn start(&mut self, born: Timestamp) -> WorkerId {
        let id = WorkerId(self.born);
        self.born += 1;
        let worker = Worker {
            born,
            phase: Phase::Starting,
            running: Vec::new(),
            rota: TierRota::default(),
            busy_since: born,
        };
        self.workers.insert(id, worker);
        id
    }

    /// `None` if it has ended.
    pub(super) fn get_mut(&mut self, id: WorkerId) -> Option<&mut Worker> {
        self.workers.get_mut(&id)
    }

    pub(super) fn end(&mut self, id: WorkerId) -> Option<Worker> {
        self.workers.remove(&id)
    }

    pub(super) fn ids(&self) -> Vec<WorkerId> {
        self.workers.keys().copied().collect()
    }

    /// The worker that takes the next job: the one with the fewest in hand, the oldest of these.
    pub(super) fn with_free_slot(&self, slots: u32) -> Option<WorkerId> {
        self.workers
            .iter()
            .filter(|(_, worker)| worker.phase == Phase::Serving)
            .map(|(id, worker)| (worker.running.len(), *id))
            .min()
            .filter(|(running, _)| *running < slots as usize)
            .map(|(_, id)| id)
    }

    /// The workers that a scale-in takes, first to last: those that are not ready, then (by
    /// pod-deletion-cost) idle ones, then the youngest. Kubernetes: `pkg/controller/controller_utils.go:843-917`
    pub(super) fn victims(&self, count: usize, deletion_cost: bool) -> Vec<WorkerId> {
        let mut standing: Vec<_> = self
            .workers
            .iter()
            .filter(|(_, worker)| worker.phase != Phase::Draining)
            .collect();
        standing.sort_by_key(|(id, worker)| {
            let busy = deletion_cost && !worker.running.is_empty();
            (worker.phase == Phase::Serving, busy, Reverse(**id))
        });
        standing.iter().take(count).map(|(id, _)| **id).collect()
    }

    /// What the control loops see: those that drain are no replicas any more.
    pub(super) fn workload(&self, wanted: u32, now: Timestamp) -> Workload {
        let count = |counts: fn(&Worker, Timestamp) -> bool| {
            let workers = self.workers.values();
            let counted = workers.filter(|worker| counts(worker, now)).count();
            u32::try_from(counted).unwrap_or(u32::MAX)
        };
        Workload {
            wanted,
            existing: count(|worker, now| worker.phase != Phase::Draining && worker.born <= now),
            ready: count(|worker, _| worker.phase == Phase::Serving),
        }
    }

    pub(super) fn in_flight(&self) -> usize {
        self.workers
            .values()
            .map(|worker| worker.running.len())
            .sum()
    }
}
