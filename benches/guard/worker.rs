//! The worker's loop over fakes in memory: jobs that are no work, from the queue to the stored result, all on
//! one thread.

use std::{sync::Arc, time::Duration};

use gungraun::{library_benchmark, library_benchmark_group};
use tokio::{
    runtime::{Builder, Runtime},
    task::JoinSet,
};
use voicefleet_core::{
    AudioFormat, Clock, Envelope, Job, JobState, Pcm, Progress, Tier, Timestamp,
    ports::{AudioCodec, AudioError, AudioLimits, JobQueue, JobRecords, LoadedEngine, Submission},
};
use voicefleet_testkit::{
    FakeClock,
    engines::{FakeLoader, FakeSpeechEngine, Script},
    memory::{MemoryBlobs, MemoryQueue, MemoryRecords},
    speech_job,
};
use voicefleet_workers::{Cores, Stop, Worker, WorkerConfig, WorkerParts, WorkerStopped};

/// Jobs that are counted.
const JOBS: usize = 100;

/// Jobs before them: the first loads the model.
const BEFORE: usize = 5;

/// Few samples, since each costs a sine. Hz.
const RATE: u32 = 100;

/// Longest wait for a job; it takes some ms, and ten times that under Callgrind.
const PATIENCE: Duration = Duration::from_mins(1);

/// Everything on the thread that asks.
pub(crate) fn one_thread() -> Runtime {
    let built = Builder::new_current_thread().enable_all().build();
    built.expect("a runtime")
}

#[library_benchmark]
#[bench::from_queue_to_result(setup = Fleet::working)]
fn worker_hundred_jobs(fleet: Fleet) -> Fleet {
    fleet.work(JOBS);
    fleet
}

struct Fleet {
    runtime: Runtime,
    clock: FakeClock,
    queue: MemoryQueue,
    records: MemoryRecords,
    _workers: JoinSet<Result<(), WorkerStopped>>,
}

impl Fleet {
    /// One worker that has done some jobs.
    fn working() -> Self {
        let runtime = one_thread();
        let clock = FakeClock::at(Timestamp(1_000_000));
        let queue = MemoryQueue::new(clock.clone());
        let records = MemoryRecords::new(clock.clone());
        let parts = WorkerParts {
            queue: Arc::new(queue.clone()),
            records: Arc::new(records.clone()),
            blobs: Arc::new(MemoryBlobs::new(1 << 20)),
            codec: Arc::new(NoAudio),
            clock: Arc::new(clock.clone()),
            loader: Arc::new(loader()),
        };
        let worker = Worker::over(
            Arc::new(Here),
            parts,
            WorkerConfig::default(),
            Stop::default(),
        );
        let mut workers = JoinSet::new();
        workers.spawn_on(worker.expect("settings are right").run(), runtime.handle());
        let fleet = Self {
            runtime,
            clock,
            queue,
            records,
            _workers: workers,
        };
        fleet.work(BEFORE);
        fleet
    }

    /// Submits so many jobs as the API does, and waits until each has its result.
    fn work(&self, jobs: usize) {
        self.runtime.block_on(async {
            let mut submitted = Vec::with_capacity(jobs);
            for number in 0..jobs {
                submitted.push(self.submit(&format!("Question {number} of {jobs}.")).await);
            }
            for job in submitted {
                self.ended(&job).await;
            }
        });
    }

    async fn submit(&self, text: &str) -> Job {
        let job = speech_job(text, Tier::Standard, self.clock.now());
        let submission = self.records.submit(&job).await.expect("recorded");
        assert_eq!(submission, Submission::Leads);
        let envelope = Envelope::for_job(&job);
        self.queue.publish(&envelope).await.expect("published");
        job
    }

    async fn ended(&self, job: &Job) {
        let as_submitted = (JobState::Queued, Progress::default());
        let ended = self.records.wait_for_end(job.id, as_submitted, PATIENCE);
        let mut ended = ended.await.expect("recorded");
        while !ended.state.is_terminal() {
            let seen = (ended.state, ended.progress);
            let next = self.records.wait_for_end(job.id, seen, PATIENCE);
            ended = next.await.expect("recorded");
        }
        assert_eq!(ended.state, JobState::Succeeded, "{:?}", ended.failure);
    }
}

fn loader() -> FakeLoader {
    let engine = FakeSpeechEngine::new(Script::default()).at_rate(RATE);
    let engine = LoadedEngine::Speech(Arc::new(engine));
    FakeLoader::new("piper", engine, Script::default())
}

/// Computes on the thread that asks, so that how threads take turns cannot move the count.
struct Here;

impl Cores for Here {
    fn run(&self, work: Box<dyn FnOnce() + Send>) {
        work();
    }
}

/// A codec that costs nothing: `encode_flac` counts the real one.
struct NoAudio;

impl AudioCodec for NoAudio {
    fn decode(&self, _: &[u8], _: Option<u32>, _: AudioLimits) -> Result<Pcm, AudioError> {
        Err(AudioError::NotAudio("nothing is decoded here".to_owned()))
    }

    fn encode(&self, _: &Pcm, _: AudioFormat) -> Result<Vec<u8>, AudioError> {
        Ok(b"no audio".to_vec())
    }
}

library_benchmark_group!(name = workers, benchmarks = [worker_hundred_jobs]);
