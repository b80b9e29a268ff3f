//! A server with all that it stands on, and what may go wrong on the way to it.

#[path = "../../../../api/tests/it/support/catalog.rs"]
#[allow(dead_code, reason = "the tests of the API need more of it")]
mod catalog;
pub(crate) mod faults;
#[path = "../../../../api/tests/it/support/worker.rs"]
#[allow(dead_code, reason = "the tests of the API need more of it")]
pub(crate) mod worker;

use std::{sync::Arc, time::Duration};

use axum::{Router, middleware::from_fn_with_state};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use voicefleet_api::{ApiContext, ApiLimits, ApiStop, ConnectionLimits, KeyPolicy};
use voicefleet_audio::Codec;
use voicefleet_client::{Client, ClientBuilder, Upload};
use voicefleet_core::{EngineId, Tier, ports::JobQueue, scaling::ScalingPolicy};
use voicefleet_testkit::{
    FakeClock,
    memory::{MemoryBlobs, MemoryDocuments, MemoryQueue, MemoryRecords},
};
use voicefleet_webhooks::{ToldRecords, UrlPolicy, Webhooks};

use self::{faults::Faults, worker::Worker};

/// Longer than anything here takes on a slow machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A running server, until dropped.
pub(crate) struct Service {
    pub(crate) base: String,
    pub(crate) faults: Faults,
    pub(crate) queue: MemoryQueue,
    pub(crate) records: MemoryRecords,
    pub(crate) blobs: MemoryBlobs,
    pub(crate) context: ApiContext,
    _serving: JoinSet<()>,
}

impl Service {
    pub(crate) async fn start() -> Self {
        Self::custom(|_| {}).await
    }

    /// With whatever `change` makes of the context.
    pub(crate) async fn custom(change: impl FnOnce(&mut ApiContext)) -> Self {
        let clock = FakeClock::default();
        let queue = MemoryQueue::new(clock.clone());
        let records = MemoryRecords::new(clock.clone());
        let blobs = MemoryBlobs::new(64 * 1024 * 1024);
        let mut context = context(&clock, &queue, &records, &blobs);
        change(&mut context);
        let faults = Faults::default();
        let router = voicefleet_api::router(context.clone());
        let router = router.layer(from_fn_with_state(faults.clone(), faults::meddle));
        let (base, serving) = serve(router).await;
        Self {
            base,
            faults,
            queue,
            records,
            blobs,
            context,
            _serving: serving,
        }
    }

    /// Settings for a client of it.
    pub(crate) fn builder(&self) -> ClientBuilder {
        Client::builder(&self.base).timeout(PATIENCE)
    }

    pub(crate) fn client(&self) -> Client {
        self.builder().build().expect("a client")
    }

    /// A worker for every engine, until the value is dropped.
    pub(crate) fn worker(&self) -> Worker {
        Worker::start(&self.queue, &self.records, &self.blobs)
    }

    /// How many envelopes wait for `engine`.
    pub(crate) async fn waiting(&self, engine: &str) -> u64 {
        let gauge = self.queue.gauge(&EngineId::new(engine)).await;
        let gauge = gauge.expect("a gauge");
        let ready = Tier::ALL.map(|tier| gauge.tiers[tier.rank()].ready);
        ready.iter().sum()
    }
}

fn context(
    clock: &FakeClock,
    queue: &MemoryQueue,
    records: &MemoryRecords,
    blobs: &MemoryBlobs,
) -> ApiContext {
    let documents = MemoryDocuments::new(clock.clone());
    let webhooks = Webhooks::new(
        Arc::new(documents.clone()),
        Arc::new(clock.clone()),
        UrlPolicy::default(),
    );
    let catalog = Arc::new(catalog::usual());
    ApiContext {
        queue: Arc::new(queue.clone()),
        records: Arc::new(ToldRecords::new(
            Arc::new(records.clone()),
            webhooks.clone(),
            "",
        )),
        ledger: Arc::new(records.clone()),
        documents: Arc::new(documents),
        keys: KeyPolicy::default(),
        webhooks,
        scaling: ScalingPolicy::default(),
        blobs: Arc::new(blobs.clone()),
        codec: Arc::new(Codec),
        catalog: Arc::new(move || Arc::clone(&catalog)),
        clock: Arc::new(clock.clone()),
        limits: ApiLimits::default(),
        metrics: Arc::new(|| Box::pin(async { "up 1\n".to_owned() })),
        tasks: TaskTracker::new(),
        stop: ApiStop::default(),
    }
}

/// Serves on a free port, until the tasks are dropped.
pub(crate) async fn serve(router: Router) -> (String, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let mut serving = JoinSet::new();
    let (limits, closing) = (ConnectionLimits::default(), CancellationToken::new());
    serving.spawn(voicefleet_api::serve(listener, router, limits, closing));
    (format!("http://{address}"), serving)
}

/// A second of a tone.
pub(crate) fn recording() -> Upload {
    Upload::bytes("tone.wav", tone(1))
}

/// A WAV file with a tone in it.
pub(crate) fn tone(seconds: u32) -> Vec<u8> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = std::io::Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut file, spec).expect("a writer");
    for n in 0..seconds * spec.sample_rate {
        let sample = if n % 40 < 20 { 8_000_i16 } else { -8_000 };
        writer.write_sample(sample).expect("written");
    }
    writer.finalize().expect("whole");
    file.into_inner()
}
