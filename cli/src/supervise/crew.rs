//! The workers of one pool.

use std::time::Duration;

use tokio::task::JoinSet;
use voicefleet_core::{EngineId, Timestamp, scaling::Steadied};

use super::{
    backoff::Backoff,
    worker_process::{Environment, WorkerProcess},
};

/// As many workers as are wanted; up at once, down after the cooldown.
pub(super) struct Crew {
    engine: EngineId,
    environment: Environment,
    grace: Duration,
    wanted: Steadied,
    keep: usize,
    workers: Vec<WorkerProcess>,
    /// Asked to go, and still at their last work.
    leaving: JoinSet<bool>,
    backoff: Backoff,
}

impl Crew {
    pub(super) fn new(
        engine: EngineId,
        cooldown: Duration,
        grace: Duration,
        environment: Environment,
    ) -> Self {
        Self {
            engine,
            environment,
            grace,
            wanted: Steadied::new(cooldown),
            keep: 0,
            workers: Vec::new(),
            leaving: JoinSet::new(),
            backoff: Backoff::default(),
        }
    }

    pub(super) fn engine(&self) -> &EngineId {
        &self.engine
    }

    /// So many are wanted now.
    pub(super) fn want(&mut self, workers: u32, now: Timestamp) {
        self.keep = self.wanted.keep(workers, now) as usize;
    }

    /// Replaces those that ended by themselves, starts who is missing, sends off who is too many.
    pub(super) fn tend(&mut self, now: Timestamp) {
        while self.leaving.try_join_next().is_some() {}
        self.bury(now);
        while self.workers.len() < self.keep && self.backoff.allows(now) {
            match WorkerProcess::start(&self.engine, &self.environment, now) {
                Ok(worker) => {
                    tracing::info!(engine = %self.engine, pid = worker.pid(), workers = self.workers.len() + 1, "a worker is started");
                    self.workers.push(worker);
                }
                Err(error) => {
                    let pause = self.backoff.failed(Duration::ZERO, now);
                    tracing::error!(engine = %self.engine, %error, ?pause, "a worker cannot be started");
                }
            }
        }
        // The newest first: its models are the least likely to be loaded.
        while self.workers.len() > self.keep {
            if let Some(worker) = self.workers.pop() {
                tracing::info!(engine = %self.engine, pid = worker.pid(), workers = self.workers.len(), "a worker is sent off");
                self.leaving.spawn(worker.end(self.grace));
            }
        }
    }

    fn bury(&mut self, now: Timestamp) {
        let mut living = Vec::with_capacity(self.workers.len());
        for mut worker in self.workers.drain(..) {
            let Some(status) = worker.ended() else {
                living.push(worker);
                continue;
            };
            let pause = self.backoff.failed(worker.lived(now), now);
            tracing::warn!(engine = %self.engine, pid = worker.pid(), %status, ?pause, "a worker has ended by itself");
        }
        self.workers = living;
    }

    /// Sends all of them off. Dropped, the set kills who is still there.
    pub(super) fn dismiss(mut self) -> JoinSet<bool> {
        for worker in self.workers.drain(..) {
            self.leaving.spawn(worker.end(self.grace));
        }
        self.leaving
    }
}
