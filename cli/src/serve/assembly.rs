//! What the parts of the process share, and how each is put together from it.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use futures::FutureExt;
use tokio_util::task::TaskTracker;
use voicefleet_api::{ApiContext, ApiLimits, ApiStop};
use voicefleet_audio::Codec;
use voicefleet_core::{
    Clock, EngineId,
    ports::{AudioCodec, EngineLoader},
    time::SystemClock,
};
use voicefleet_embedded::{Embedded, EmbeddedConfig};
use voicefleet_models::ModelStore;
use voicefleet_workers::{Stop, Worker, WorkerParts, WorkerStopped};

use crate::{catalog::CatalogCache, engines, settings::Settings, telemetry::Exposition};

/// The open backend, the models, and what goes with them.
pub(super) struct Assembly<'a> {
    settings: &'a Settings,
    store: Arc<ModelStore>,
    codec: Arc<dyn AudioCodec>,
    clock: Arc<dyn Clock>,
    pub(super) backend: Embedded,
}

impl<'a> Assembly<'a> {
    pub(super) async fn open(settings: &'a Settings) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        Ok(Self {
            settings,
            store: Arc::new(ModelStore::open(&settings.models)),
            codec: Arc::new(Codec),
            backend: open_backend(settings, Arc::clone(&clock)).await?,
            clock,
        })
    }

    /// One worker for each engine.
    pub(super) fn workers(&self, stop: &Stop) -> Result<Vec<Worker>, WorkerStopped> {
        let loaders = engines::loaders(&self.store);
        let workers = loaders.into_iter().map(|loader| self.worker(loader, stop));
        workers.collect()
    }

    fn worker(&self, loader: Arc<dyn EngineLoader>, stop: &Stop) -> Result<Worker, WorkerStopped> {
        let slots = self.slots_of(loader.engine());
        let parts = WorkerParts {
            queue: self.backend.queue(),
            records: self.backend.records(),
            blobs: self.backend.blobs(),
            codec: Arc::clone(&self.codec),
            clock: Arc::clone(&self.clock),
            loader,
        };
        Worker::new(parts, self.settings.worker(slots), stop.clone())
    }

    fn slots_of(&self, engine: &EngineId) -> usize {
        let slots = self.settings.slots();
        let known = slots.iter().find(|(name, _)| *name == engine.as_str());
        known.map_or(1, |(_, slots)| *slots)
    }

    /// What the API stands on.
    pub(super) fn api(
        &self,
        registry: prometheus::Registry,
        tasks: TaskTracker,
        stop: ApiStop,
    ) -> ApiContext {
        let engines = engines::loaders(&self.store);
        let engines = engines.iter().map(|loader| loader.engine().clone());
        let exposition = Exposition::new(registry, self.backend.queue(), engines.collect());
        let exposition = Arc::new(exposition);
        let catalog = CatalogCache::new(Arc::clone(&self.store));
        ApiContext {
            queue: self.backend.queue(),
            records: self.backend.records(),
            blobs: self.backend.blobs(),
            codec: Arc::clone(&self.codec),
            catalog: Arc::new(move || catalog.current()),
            clock: Arc::clone(&self.clock),
            limits: self.limits(),
            metrics: Arc::new(move || Arc::clone(&exposition).text().boxed()),
            tasks,
            stop,
        }
    }

    fn limits(&self) -> ApiLimits {
        ApiLimits {
            max_upload_bytes: self.settings.max_upload_mib << 20,
            audio: self.settings.audio_limits(),
            sync_wait: Duration::from_secs(self.settings.sync_wait_seconds),
            ..ApiLimits::default()
        }
    }
}

async fn open_backend(settings: &Settings, clock: Arc<dyn Clock>) -> anyhow::Result<Embedded> {
    let place = || format!("the data folder {}", settings.data.display());
    std::fs::create_dir_all(&settings.data).with_context(place)?;
    let config = EmbeddedConfig {
        blob_limit_bytes: settings.cache_mib << 20,
        max_attempts: settings.max_attempts,
        clock,
        ..EmbeddedConfig::new(settings.data.join("voicefleet.db"))
    };
    Embedded::open(config).await.with_context(place)
}
