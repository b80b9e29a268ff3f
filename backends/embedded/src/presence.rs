//! Who works here now. All of them are in this process, so nothing of it is written down.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use voicefleet_core::{EngineId, Timestamp, ports::WorkerPresence};

/// The workers, and until when they are there.
#[derive(Default)]
pub(crate) struct Present(Mutex<HashMap<WorkerPresence, Timestamp>>);

impl Present {
    pub(crate) fn note(&self, worker: &WorkerPresence, now: Timestamp, ttl: Duration) {
        let mut workers = self.workers();
        workers.retain(|_, until| *until > now);
        workers.insert(worker.clone(), now.after(ttl));
    }

    pub(crate) fn forget(&self, worker: &WorkerPresence) {
        self.workers().remove(worker);
    }

    pub(crate) fn of(&self, engine: &EngineId, now: Timestamp) -> Vec<WorkerPresence> {
        let workers = self.workers();
        let there = workers
            .iter()
            .filter(|(worker, until)| worker.engine == *engine && **until > now);
        there.map(|(worker, _)| worker.clone()).collect()
    }

    fn workers(&self) -> MutexGuard<'_, HashMap<WorkerPresence, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
