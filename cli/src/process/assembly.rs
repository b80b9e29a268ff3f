//! What the parts of the process share, and how each is put together from it.

use std::{sync::Arc, time::Duration};

use futures::FutureExt;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;
use voicefleet_api::{ApiContext, ApiLimits, ApiStop};
use voicefleet_audio::Codec;
use voicefleet_core::{
    Clock, EngineId,
    ports::{AudioCodec, EngineLoader, WorkerPresence},
    time::SystemClock,
};
use voicefleet_models::ModelStore;
use voicefleet_workers::{Stop, Worker, WorkerParts, WorkerStopped, stay_listed};

use super::{Role, backend::Backend};
use crate::{
    catalog::CatalogCache, devices::Devices, engines, settings::Settings, telemetry::Exposition,
};

/// The open backend, the models, and what goes with them.
pub(super) struct Assembly<'a> {
    settings: &'a Settings,
    store: Arc<ModelStore>,
    codec: Arc<dyn AudioCodec>,
    clock: Arc<dyn Clock>,
    role: &'a Role,
    pub(super) backend: Backend,
}

impl<'a> Assembly<'a> {
    pub(super) async fn open(role: &'a Role, settings: &'a Settings) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        Ok(Self {
            settings,
            store: Arc::new(ModelStore::open(&settings.models)),
            codec: Arc::new(Codec),
            role,
            backend: Backend::open(role, settings, &clock).await?,
            clock,
        })
    }

    /// One worker for each engine that this process works for.
    pub(super) fn workers(&self, stop: &Stop) -> Result<Vec<Worker>, WorkerStopped> {
        let devices = Devices::of(self.settings, |engine| self.role.works_for(engine));
        let loaders = engines::loaders(&self.store, devices).into_iter();
        let ours = loaders.filter(|loader| self.role.works_for(loader.engine()));
        ours.map(|loader| self.worker(loader, stop)).collect()
    }

    /// Says which workers are here, until `stop`.
    pub(super) fn list_workers(&self, stop: &CancellationToken, tasks: &TaskTracker) {
        let ours = engines::ids().into_iter();
        for engine in ours.filter(|engine| self.role.works_for(engine)) {
            let worker = WorkerPresence {
                id: Uuid::now_v7(),
                slots: u32::try_from(self.slots_of(&engine)).unwrap_or(u32::MAX),
                engine,
            };
            let ledger = Arc::clone(&self.backend.ledger);
            tasks.spawn(stay_listed(ledger, worker, stop.clone()));
        }
    }

    fn worker(&self, loader: Arc<dyn EngineLoader>, stop: &Stop) -> Result<Worker, WorkerStopped> {
        let slots = self.slots_of(loader.engine());
        let parts = WorkerParts {
            queue: Arc::clone(&self.backend.queue),
            records: Arc::clone(&self.backend.records),
            blobs: Arc::clone(&self.backend.blobs),
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
        let exposition = self.exposition(registry);
        let whisper = self.settings.whisper_device;
        let catalog = CatalogCache::new(Arc::clone(&self.store), whisper);
        ApiContext {
            queue: Arc::clone(&self.backend.queue),
            records: Arc::clone(&self.backend.records),
            ledger: Arc::clone(&self.backend.ledger),
            documents: Arc::clone(&self.backend.documents),
            keys: self.settings.keys.clone(),
            webhooks: self.backend.webhooks.clone(),
            scaling: self.settings.scaling(),
            blobs: Arc::clone(&self.backend.blobs),
            codec: Arc::clone(&self.codec),
            catalog: Arc::new(move || catalog.current()),
            clock: Arc::clone(&self.clock),
            limits: self.limits(),
            metrics: Arc::new(move || Arc::clone(&exposition).text().boxed()),
            tasks,
            stop,
        }
    }

    /// The metrics: of the queues too where the API is, and else of this process alone.
    pub(super) fn exposition(&self, registry: prometheus::Registry) -> Arc<Exposition> {
        let engines = if self.role.serves_the_api() {
            engines::ids()
        } else {
            Vec::new()
        };
        let queue = Arc::clone(&self.backend.queue);
        Arc::new(Exposition::new(registry, queue, engines))
    }

    fn limits(&self) -> ApiLimits {
        ApiLimits {
            max_upload_bytes: self.settings.max_upload_mib << 20,
            audio: self.settings.audio_limits(),
            sync_wait: Duration::from_secs(self.settings.sync_wait_seconds),
            finished_ttl: Some(self.backend.finished_ttl),
            max_live_sessions: self.settings.max_live_sessions,
            near_bytes: self.backend.near_bytes,
            ..ApiLimits::default()
        }
    }
}
