//! A whole API in one process.

pub(crate) mod catalog;
pub(crate) mod client;
pub(crate) mod speaker;
pub(crate) mod worker;

use std::{sync::Arc, time::Duration};

use axum::Router;
use tokio_util::task::TaskTracker;
use voicefleet_api::{ApiContext, ApiLimits, ApiStop, KeyPolicy};
use voicefleet_audio::Codec;
use voicefleet_core::{
    Catalog, EngineId, Envelope, Tier,
    ports::{AudioLimits, JobQueue, Settlement},
    scaling::ScalingPolicy,
};
use voicefleet_testkit::{
    FakeClock,
    memory::{MemoryBlobs, MemoryDocuments, MemoryQueue, MemoryRecords},
};
use voicefleet_webhooks::{ToldRecords, UrlPolicy, Webhooks};

use self::worker::Worker;
use crate::bad_inputs::Bounds;

/// The API with all that it stands on.
pub(crate) struct Api {
    pub(crate) router: Router,
    pub(crate) queue: MemoryQueue,
    pub(crate) records: MemoryRecords,
    pub(crate) blobs: MemoryBlobs,
    pub(crate) documents: MemoryDocuments,
    pub(crate) clock: FakeClock,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: ApiStop,
    pub(crate) context: ApiContext,
}

/// Small bounds, so that what is too much is quickly made.
pub(crate) fn limits() -> ApiLimits {
    ApiLimits {
        max_upload_bytes: 256 * 1024,
        max_json_bytes: 64 * 1024,
        max_job_chars: 8_000,
        audio: AudioLimits {
            max_seconds: 3_700.0,
            ..AudioLimits::default()
        },
        sync_wait: Duration::from_secs(20),
        hang_up_grace: Duration::ZERO,
        ..ApiLimits::default()
    }
}

/// The same for the table of bad inputs.
pub(crate) fn bounds() -> Bounds {
    let limits = limits();
    Bounds {
        max_upload_bytes: limits.max_upload_bytes,
        max_json_bytes: limits.max_json_bytes,
        max_job_chars: limits.max_job_chars,
        max_sync_chars: limits.max_sync_chars,
        max_audio_seconds: 3_700,
    }
}

impl Api {
    /// Over the usual catalogue, with small bounds.
    pub(crate) fn new() -> Self {
        Self::with(limits(), catalog::usual())
    }

    pub(crate) fn with(limits: ApiLimits, catalog: Catalog) -> Self {
        let catalog = Arc::new(catalog);
        Self::custom(|context| {
            context.limits = limits;
            context.catalog = Arc::new(move || Arc::clone(&catalog));
        })
    }

    /// With whatever `change` makes of the context.
    pub(crate) fn custom(change: impl FnOnce(&mut ApiContext)) -> Self {
        let clock = FakeClock::default();
        let queue = MemoryQueue::new(clock.clone());
        let records = MemoryRecords::new(clock.clone());
        let documents = MemoryDocuments::new(clock.clone());
        let webhooks = Webhooks::new(
            Arc::new(documents.clone()),
            Arc::new(clock.clone()),
            UrlPolicy::default(),
        );
        let blobs = MemoryBlobs::new(64 * 1024 * 1024);
        let tasks = TaskTracker::new();
        let stop = ApiStop::default();
        let catalog = Arc::new(catalog::usual());
        let mut context = ApiContext {
            queue: Arc::new(queue.clone()),
            records: Arc::new(ToldRecords::new(
                Arc::new(records.clone()),
                webhooks.clone(),
                "",
            )),
            ledger: Arc::new(records.clone()),
            documents: Arc::new(documents.clone()),
            keys: KeyPolicy::default(),
            webhooks: webhooks.clone(),
            scaling: ScalingPolicy::default(),
            blobs: Arc::new(blobs.clone()),
            codec: Arc::new(Codec),
            catalog: Arc::new(move || Arc::clone(&catalog)),
            clock: Arc::new(clock.clone()),
            limits: limits(),
            metrics: Arc::new(|| Box::pin(async { "up 1\n".to_owned() })),
            tasks: tasks.clone(),
            stop: stop.clone(),
        };
        change(&mut context);
        Self {
            router: voicefleet_api::router(context.clone()),
            context,
            queue,
            records,
            blobs,
            documents,
            clock,
            tasks,
            stop,
        }
    }

    /// A worker for every engine, until the value is dropped.
    pub(crate) fn worker(&self) -> Worker {
        Worker::start(&self.queue, &self.records, &self.blobs)
    }

    /// Takes the next envelope of `engine` out of the queue; none may be missing.
    pub(crate) async fn next_envelope(&self, engine: &str) -> Envelope {
        let mut consumer = self
            .queue
            .consume(&EngineId::new(engine))
            .await
            .expect("a consumer");
        let next = tokio::time::timeout(Duration::from_secs(5), consumer.next()).await;
        let delivery = next.expect("an envelope").expect("the queue answers");
        let envelope = delivery.envelope().clone();
        delivery.settle(Settlement::Done).await.expect("settled");
        envelope
    }

    /// How many envelopes wait for `engine`, by tier.
    pub(crate) async fn waiting(&self, engine: &str) -> [u64; 3] {
        let gauge = self
            .queue
            .gauge(&EngineId::new(engine))
            .await
            .expect("a gauge");
        Tier::ALL.map(|tier| gauge.tiers[tier.rank()].ready)
    }
}
