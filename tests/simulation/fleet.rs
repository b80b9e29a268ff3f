//! The processes of a fleet, and what they share.

use std::{sync::Arc, time::Duration};

use axum::Router;
use tokio::task::JoinSet;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use voicefleet_api::{ApiContext, ApiLimits, ApiStop, KeyPolicy, queue_what_was_left};
use voicefleet_audio::Codec;
use voicefleet_core::{
    Catalog, EngineId, ModelEntry, VoiceEntry, catalog::ModelTask, policy::RetryPolicy,
    ports::LoadedEngine, scaling::ScalingPolicy,
};
use voicefleet_testkit::{
    FakeClock,
    engines::{FakeLoader, FakeSpeechEngine, Script},
    memory::{MemoryBlobs, MemoryDocuments, MemoryQueue, MemoryRecords},
};
use voicefleet_webhooks::{UrlPolicy, Webhooks};
use voicefleet_workers::{Cores, Stop, Worker, WorkerConfig, WorkerParts};

use crate::faults::{Wire, Wired};

/// More than fits into a history.
const ROOM: u64 = 1 << 30;

/// What all processes share.
pub(crate) struct Shared {
    pub(crate) clock: FakeClock,
    pub(crate) queue: MemoryQueue,
    pub(crate) records: MemoryRecords,
    pub(crate) blobs: MemoryBlobs,
    pub(crate) script: Script,
}

impl Shared {
    pub(crate) fn new() -> Self {
        let clock = FakeClock::default();
        Self {
            queue: MemoryQueue::new(clock.clone()),
            records: MemoryRecords::new(clock.clone()),
            blobs: MemoryBlobs::new(ROOM),
            script: Script::default(),
            clock,
        }
    }

    fn wired<P>(port: &P, wire: &Wire) -> Arc<Wired<P>>
    where
        P: Clone,
    {
        Arc::new(Wired {
            port: port.clone(),
            wire: wire.clone(),
        })
    }

    /// An API server.
    pub(crate) fn api(&self, wire: Wire) -> Api {
        let catalog = Arc::new(catalog());
        let documents = MemoryDocuments::new(self.clock.clone());
        let context = ApiContext {
            queue: Self::wired(&self.queue, &wire),
            records: Self::wired(&self.records, &wire),
            ledger: Arc::new(self.records.clone()),
            webhooks: Webhooks::new(
                Arc::new(documents.clone()),
                Arc::new(self.clock.clone()),
                UrlPolicy::default(),
            ),
            documents: Arc::new(documents),
            keys: KeyPolicy::default(),
            scaling: ScalingPolicy::default(),
            blobs: Self::wired(&self.blobs, &wire),
            codec: Arc::new(Codec),
            catalog: Arc::new(move || Arc::clone(&catalog)),
            clock: Arc::new(self.clock.clone()),
            limits: ApiLimits::default(),
            metrics: Arc::new(|| Box::pin(async { String::new() })),
            tasks: TaskTracker::new(),
            stop: ApiStop::default(),
        };
        let left = queue_what_was_left(context.clone(), CancellationToken::new());
        let mut tasks = JoinSet::new();
        tasks.spawn(left);
        Api {
            router: voicefleet_api::router(context),
            wire,
            _tasks: tasks,
        }
    }

    /// A worker of two slots.
    pub(crate) fn worker(&self, wire: Wire) -> Running {
        let engine = FakeSpeechEngine::new(self.script.clone());
        let engine = LoadedEngine::Speech(Arc::new(engine));
        let parts = WorkerParts {
            queue: Self::wired(&self.queue, &wire),
            records: Self::wired(&self.records, &wire),
            blobs: Self::wired(&self.blobs, &wire),
            codec: Arc::new(Codec),
            clock: Arc::new(self.clock.clone()),
            loader: Arc::new(FakeLoader::new("piper", engine, Script::default())),
        };
        let config = WorkerConfig {
            slots: 2,
            // Every kill counts as an attempt, and there are many.
            retry: RetryPolicy {
                max_attempts: 20,
                backoff: vec![Duration::from_secs(1)],
            },
            ..WorkerConfig::default()
        };
        let stop = Stop::default();
        let worker = Worker::over(Arc::new(AtOnce), parts, config, stop.clone());
        let worker = worker.expect("the settings are right");
        let mut task = JoinSet::new();
        task.spawn(async move { worker.run().await.expect("in order") });
        Running { task, stop, wire }
    }
}

/// An API server's end of the wire.
pub(crate) struct Api {
    pub(crate) router: Router,
    pub(crate) wire: Wire,
    /// They end with it.
    _tasks: JoinSet<()>,
}

/// A worker that runs.
pub(crate) struct Running {
    task: JoinSet<()>,
    pub(crate) stop: Stop,
    pub(crate) wire: Wire,
}

impl Running {
    /// As by `kill -9`; the queue takes back what it had.
    pub(crate) fn kill(mut self) {
        self.wire.kill();
        self.task.abort_all();
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.task.try_join_next().is_some()
    }
}

/// Computes where it is asked to, so that a history has one thread.
struct AtOnce;

impl Cores for AtOnce {
    fn run(&self, work: Box<dyn FnOnce() + Send>) {
        work();
    }
}

fn catalog() -> Catalog {
    let piper = EngineId::new("piper");
    Catalog {
        models: vec![ModelEntry {
            name: "hum".to_owned(),
            engine: piper.clone(),
            task: ModelTask::Speech,
            digest: "0".repeat(64),
            licence: "MIT".to_owned(),
            installed: true,
            languages: vec!["en".to_owned()],
        }],
        voices: vec![VoiceEntry {
            name: "hum".to_owned(),
            engine: piper,
            model: "hum".to_owned(),
            language: "en-US".to_owned(),
            mixable: false,
        }],
    }
}
