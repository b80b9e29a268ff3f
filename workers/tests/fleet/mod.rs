//! A worker over in-memory backends, and what a test does with it.

use std::{sync::Arc, time::Duration};

use tokio::task::JoinSet;
use voicefleet_core::{
    Clock, EngineId, Envelope, ErrorCode, Failure, Job, JobId, JobSpec, JobState, Tier, Timestamp,
    ports::{EngineLoader, JobChange, JobQueue, JobRecords, LoadedEngine, Submission},
};
use voicefleet_testkit::{
    FakeClock,
    engines::{FakeLoader, FakeSpeechEngine, Script},
    memory::{MemoryBlobs, MemoryQueue, MemoryRecords},
    speech_job,
};
use voicefleet_workers::{Stop, Worker, WorkerConfig, WorkerParts, WorkerStopped};

/// Longest wait for anything that must happen.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Fleet {
    pub(crate) clock: FakeClock,
    pub(crate) queue: MemoryQueue,
    pub(crate) records: MemoryRecords,
    pub(crate) blobs: MemoryBlobs,
    pub(crate) script: Script,
    pub(crate) loads: Script,
    pub(crate) stop: Stop,
    pub(crate) engine: EngineId,
    workers: JoinSet<Result<(), WorkerStopped>>,
}

impl Fleet {
    /// One worker with so many slots and a scripted engine.
    pub(crate) fn start(slots: usize) -> Self {
        let (script, loads) = (Script::default(), Script::default());
        let engine = LoadedEngine::Speech(Arc::new(FakeSpeechEngine::new(script.clone())));
        let loader = FakeLoader::new("piper", engine, loads.clone());
        let config = WorkerConfig {
            slots,
            ..WorkerConfig::default()
        };
        Self {
            loads,
            ..Self::with(Arc::new(loader), config, script)
        }
    }

    pub(crate) fn with(
        loader: Arc<dyn EngineLoader>,
        config: WorkerConfig,
        script: Script,
    ) -> Self {
        let clock = FakeClock::at(Timestamp(1_000_000));
        let queue = MemoryQueue::new(clock.clone());
        let records = MemoryRecords::new(clock.clone());
        let blobs = MemoryBlobs::new(100 << 20);
        let engine = loader.engine().clone();
        let parts = WorkerParts {
            queue: Arc::new(queue.clone()),
            records: Arc::new(records.clone()),
            blobs: Arc::new(blobs.clone()),
            codec: Arc::new(voicefleet_audio::Codec),
            clock: Arc::new(clock.clone()),
            loader,
        };
        let stop = Stop::default();
        let worker = Worker::new(parts, config, stop.clone()).expect("settings are right");
        let mut workers = JoinSet::new();
        workers.spawn(worker.run());
        Self {
            clock,
            queue,
            records,
            blobs,
            script,
            loads: Script::default(),
            stop,
            engine,
            workers,
        }
    }

    pub(crate) async fn submit(&self, text: &str, tier: Tier) -> Job {
        self.submit_as("v", text, tier, None).await
    }

    /// As the API does it.
    pub(crate) async fn submit_as(
        &self,
        voice: &str,
        text: &str,
        tier: Tier,
        deadline: Option<Timestamp>,
    ) -> Job {
        let mut job = speech_job(text, tier, self.clock.now());
        if let JobSpec::Speech(spec) = &mut job.spec {
            spec.engine = self.engine.clone();
            voice.clone_into(&mut spec.voice);
        }
        job.fingerprint = job.spec.fingerprint();
        job.deadline = deadline;
        if self.records.submit(&job).await.expect("recorded") == Submission::Leads {
            self.queue
                .publish(&Envelope::for_job(&job))
                .await
                .expect("published");
        }
        job
    }

    pub(crate) async fn publish_again(&self, job: &Job, tier: Tier) {
        let envelope = Envelope {
            tier,
            ..Envelope::for_job(job)
        };
        self.queue.publish(&envelope).await.expect("published");
    }

    pub(crate) async fn cancel(&self, id: JobId) {
        let failure = Failure::new(ErrorCode::Cancelled, "withdrawn");
        let change = JobChange::End {
            state: JobState::Cancelled,
            at: self.clock.now(),
            failure,
        };
        self.records.change(id, change).await.expect("cancelled");
    }

    /// The job as soon as it fulfils `condition`.
    async fn when(&self, id: JobId, what: &str, condition: impl Fn(&Job) -> bool) -> Job {
        // Asked for, not waited for: a wait for the next change misses one that is undone at once.
        let watch = async {
            loop {
                let job = self.records.get(id).await.expect("recorded");
                if condition(&job) {
                    return job;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, watch)
            .await
            .unwrap_or_else(|_| panic!("job {id} is not {what}"))
    }

    pub(crate) async fn ended(&self, id: JobId) -> Job {
        self.when(id, "ended", |job| job.state.is_terminal()).await
    }

    /// Waits for its failed attempt of this number to be queued again.
    pub(crate) async fn requeued(&self, id: JobId, attempt: u32) -> Job {
        let again = |job: &Job| {
            job.state == JobState::Queued && job.failure.is_some() && job.attempt == attempt
        };
        self.when(id, "queued again", again).await
    }

    /// Waits until nothing waits and nothing runs.
    pub(crate) async fn drained(&self) {
        let empty = async {
            while self.load().await != 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, empty)
            .await
            .expect("everything is settled");
    }

    /// Waits until the worker takes nothing any more.
    pub(crate) async fn not_consumed(&self) {
        let ended = tokio::time::timeout(PATIENCE, self.queue.not_consumed());
        ended.await.expect("no consumer is left");
    }

    pub(crate) async fn waiting(&self) -> u64 {
        let gauge = self.queue.gauge(&self.engine).await.expect("a gauge");
        gauge.tiers.iter().map(|tier| tier.ready).sum()
    }

    async fn load(&self) -> u64 {
        let gauge = self.queue.gauge(&self.engine).await.expect("a gauge");
        gauge
            .tiers
            .iter()
            .map(|tier| tier.ready + tier.in_flight)
            .sum()
    }

    /// Waits for the worker to end in order.
    pub(crate) async fn stopped(&mut self) {
        let ended = tokio::time::timeout(PATIENCE, self.workers.join_next())
            .await
            .expect("in time");
        ended
            .expect("a worker")
            .expect("no panic")
            .expect("in order");
    }
}
