//! One engine's worker: apalis drives it, this puts it together and takes it apart in order.

use std::{sync::Arc, time::Duration};

use apalis::{
    layers::{WorkerBuilderExt, tracing::TraceLayer},
    prelude::{Data, WorkerBuilder, WorkerError},
};
use futures::{FutureExt, future::BoxFuture};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use voicefleet_core::{
    Clock, EngineId,
    ports::{AudioCodec, BlobStore, EngineLoader, JobConsumer, JobQueue, JobRecords, QueueError},
};

use crate::{
    ConfigError, WorkerConfig,
    compute::{self, ComputePool, Cores},
    conclude::{Conclude, Setback},
    host::EngineHost,
    room::Room,
    run_job,
    source::{DeliverySource, Ticket},
    trace,
};

/// The outside that a worker needs.
#[derive(Clone)]
pub struct WorkerParts {
    /// Where envelopes come from.
    pub queue: Arc<dyn JobQueue>,
    /// Where jobs are recorded.
    pub records: Arc<dyn JobRecords>,
    /// Where uploads and results lie.
    pub blobs: Arc<dyn BlobStore>,
    /// Reads uploads, writes canonical audio.
    pub codec: Arc<dyn AudioCodec>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Brings the engine's models into memory.
    pub loader: Arc<dyn EngineLoader>,
}

/// How a worker is told to stop. Both are set by whoever handles signals.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    /// Take no new work; finish what has begun.
    pub drain: CancellationToken,
    /// Give back what has begun at the next chunk.
    pub give_back: CancellationToken,
}

/// Why a worker ended other than by being told to.
#[derive(Debug, thiserror::Error)]
pub enum WorkerStopped {
    /// It could not begin.
    #[error("the worker's settings are wrong: {0}")]
    Config(#[from] ConfigError),
    /// No compute threads.
    #[error("compute threads could not be started: {0}")]
    Threads(#[from] std::io::Error),
    /// The queue would not have it as a consumer.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The loop broke.
    #[error("the worker's loop ended: {0}")]
    Loop(#[from] WorkerError),
}

/// What every job of this worker is run with.
pub(crate) struct Resources {
    pub(crate) parts: WorkerParts,
    pub(crate) config: WorkerConfig,
    pub(crate) engine: EngineId,
    pub(crate) compute: Arc<ComputePool>,
    pub(crate) host: EngineHost,
    pub(crate) stop: Stop,
    in_hand: watch::Sender<usize>,
}

/// One engine's worker.
pub struct Worker {
    resources: Arc<Resources>,
}

impl Worker {
    /// Checks the settings and starts the compute threads. Nothing is consumed yet.
    pub fn new(
        parts: WorkerParts,
        config: WorkerConfig,
        stop: Stop,
    ) -> Result<Self, WorkerStopped> {
        config.check()?;
        let threads = compute::threads(parts.loader.engine(), config.slots)?;
        Self::over(threads, parts, config, stop)
    }

    /// A worker that computes on `cores`, which are as many as it has slots.
    ///
    /// # Errors
    /// [`WorkerStopped::Config`].
    pub fn over(
        cores: Arc<dyn Cores>,
        parts: WorkerParts,
        config: WorkerConfig,
        stop: Stop,
    ) -> Result<Self, WorkerStopped> {
        config.check()?;
        let engine = parts.loader.engine().clone();
        let compute = Arc::new(ComputePool::new(cores, config.slots, config.shares));
        let host = EngineHost::new(Arc::clone(&parts.loader), Arc::clone(&compute), &config);
        Ok(Self {
            resources: Arc::new(Resources {
                parts,
                config,
                engine,
                compute,
                host,
                stop,
                in_hand: watch::Sender::new(0),
            }),
        })
    }

    /// How many jobs it has, as that changes.
    pub fn in_hand(&self) -> watch::Receiver<usize> {
        self.resources.in_hand.subscribe()
    }

    /// Works until told to stop; returns when everything begun has been settled.
    pub async fn run(self) -> Result<(), WorkerStopped> {
        let resources = self.resources;
        let consumer = resources.parts.queue.consume(&resources.engine).await?;
        tracing::info!(engine = %resources.engine, slots = resources.config.slots, "worker takes jobs");
        tokio::select! {
            biased;
            ended = drive(Arc::clone(&resources), consumer) => ended?,
            () = resources.host.release_idle_models() => {}
        }
        tracing::info!(engine = %resources.engine, "worker stopped");
        Ok(())
    }
}

/// The loop with its layers, from the outside in: conclusion (one settlement per delivery, whatever
/// happened below), concurrency, time limit, tracing, panics.
///
/// Boxed here because the type of the panic layer cannot be named across an await.
fn drive(
    resources: Arc<Resources>,
    consumer: Box<dyn JobConsumer>,
) -> BoxFuture<'static, Result<(), WorkerError>> {
    let slots = resources.config.slots;
    let conclude = Conclude::new(Arc::clone(&resources));
    let draining = resources.stop.drain.clone();
    let room = Room::new(slots, resources.in_hand.clone());
    let source = DeliverySource::new(consumer, room, draining, conclude);
    let (drain, taking) = (resources.stop.drain.clone(), source.taking());
    let told_to_stop = async move {
        drain.cancelled().await;
        taking.stop();
        Ok::<(), WorkerError>(())
    };
    let time_limit = resources.config.job_timeout + SETTLE_MARGIN;
    WorkerBuilder::new(format!("{}-{}", resources.engine, std::process::id()))
        .backend(source)
        .data(resources)
        .concurrency(Room::most(slots))
        .timeout(time_limit)
        // `conclude` says what became of an attempt, at the level that it deserves.
        .layer(
            TraceLayer::new()
                .make_span_with(trace::job_span)
                .on_failure(()),
        )
        .catch_panic()
        .build(handle)
        .run_until(told_to_stop)
        .boxed()
}

/// The layer's limit lies above the job's own, which ends with a better sentence.
const SETTLE_MARGIN: Duration = Duration::from_secs(5);

async fn handle(ticket: Ticket, resources: Data<Arc<Resources>>) -> Result<(), Setback> {
    run_job::run(&resources, &ticket).await
}
