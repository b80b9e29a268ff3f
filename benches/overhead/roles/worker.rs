//! The worker.

use std::sync::Arc;

use tokio::task::JoinSet;
use voicefleet_core::ports::LoadedEngine;
use voicefleet_testkit::engines::{FakeLoader, FakeSpeechEngine, Script};
use voicefleet_workers::{Stop, Worker, WorkerConfig, WorkerParts};

use super::parts::{ENGINE, Parts};
use crate::options::Servers;

/// Jobs at a time: as many as there are clients, as the best of several settings is taken of the others too.
const SLOTS: usize = 64;

/// Few samples, since each costs a sine.
const RATE: u32 = 100;

/// Works until it is killed.
pub(crate) async fn work(servers: &Servers) -> anyhow::Result<()> {
    let parts = Parts::open(servers).await?;
    let engine = FakeSpeechEngine::new(Script::default()).at_rate(RATE);
    let engine = LoadedEngine::Speech(Arc::new(engine));
    let loader = Arc::new(FakeLoader::new(ENGINE, engine, Script::default()));
    let parts = WorkerParts {
        queue: parts.queue,
        records: parts.records,
        blobs: parts.blobs,
        codec: parts.codec,
        clock: parts.clock,
        loader,
    };
    let config = WorkerConfig {
        slots: SLOTS,
        ..WorkerConfig::default()
    };
    let worker = Worker::new(parts, config, Stop::default())?;
    // A task, as in the program: what is not one is woken over a thread of its own.
    let mut tasks = JoinSet::new();
    tasks.spawn(worker.run());
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(())
}
