//! Models in memory: loaded on first use, shared by concurrent jobs, released when idle.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{sync::OnceCell, time::Instant};
use voicefleet_core::{
    Failure, Tier,
    ports::{EngineError, EngineLoader, LoadedEngine, ModelRef},
};

use crate::{compute::ComputePool, metrics};

/// Keeps the models of one engine.
pub(crate) struct EngineHost {
    loader: Arc<dyn EngineLoader>,
    compute: Arc<ComputePool>,
    lanes: usize,
    max_models: usize,
    idle_release: Duration,
    models: Mutex<HashMap<ModelRef, Arc<Resident>>>,
}

struct Resident {
    engine: OnceCell<LoadedEngine>,
    users: AtomicUsize,
    last_used: Mutex<Instant>,
}

/// A model in use; it stays in memory while this lives.
pub(crate) struct EngineLease {
    pub(crate) engine: LoadedEngine,
    /// How long loading took, if this lease is the one that caused it.
    pub(crate) load: Duration,
    resident: Arc<Resident>,
}

impl Drop for EngineLease {
    fn drop(&mut self) {
        *lock(&self.resident.last_used) = Instant::now();
        self.resident.users.fetch_sub(1, Ordering::AcqRel);
    }
}

impl EngineHost {
    pub(crate) fn new(
        loader: Arc<dyn EngineLoader>,
        compute: Arc<ComputePool>,
        config: &crate::WorkerConfig,
    ) -> Self {
        Self {
            loader,
            compute,
            lanes: config.slots,
            max_models: config.max_models,
            idle_release: config.idle_release,
            models: Mutex::default(),
        }
    }

    /// The model, loaded now if it is not in memory. Concurrent callers share one load.
    pub(crate) async fn lease(&self, model: &ModelRef, tier: Tier) -> Result<EngineLease, Failure> {
        let resident = self.enter(model);
        let started = Instant::now();
        let mut loaded_here = false;
        let loaded = resident
            .engine
            .get_or_try_init(|| {
                loaded_here = true;
                self.load(model, tier)
            })
            .await
            .cloned();
        match loaded {
            Ok(engine) => {
                let load = if loaded_here {
                    started.elapsed()
                } else {
                    Duration::ZERO
                };
                Ok(EngineLease {
                    engine,
                    load,
                    resident,
                })
            }
            Err(failure) => {
                resident.users.fetch_sub(1, Ordering::AcqRel);
                Err(failure)
            }
        }
    }

    /// Forgets a model whose engine crashed; the next job loads it anew.
    pub(crate) fn discard(&self, model: &ModelRef) {
        lock(&self.models).remove(model);
    }

    /// Releases what has been idle for long enough, now and then, until dropped.
    pub(crate) async fn release_idle_models(&self) {
        let mut tick = tokio::time::interval(self.idle_release.min(Duration::from_secs(10)) / 2);
        loop {
            tick.tick().await;
            let idle_release = self.idle_release;
            lock(&self.models).retain(|model, resident| {
                let keep = resident.in_use() || lock(&resident.last_used).elapsed() < idle_release;
                if !keep {
                    tracing::info!(model = model.name, "model released after idle time");
                }
                keep
            });
        }
    }

    fn enter(&self, model: &ModelRef) -> Arc<Resident> {
        let mut models = lock(&self.models);
        if !models.contains_key(model) && models.len() >= self.max_models {
            evict_longest_idle(&mut models);
        }
        let resident = models.entry(model.clone()).or_insert_with(|| {
            Arc::new(Resident {
                engine: OnceCell::new(),
                users: AtomicUsize::new(0),
                last_used: Mutex::new(Instant::now()),
            })
        });
        resident.users.fetch_add(1, Ordering::AcqRel);
        Arc::clone(resident)
    }

    async fn load(&self, model: &ModelRef, tier: Tier) -> Result<LoadedEngine, Failure> {
        let (loader, wanted, lanes) = (Arc::clone(&self.loader), model.clone(), self.lanes);
        let turn = self.compute.turn(None, tier).await;
        let started = Instant::now();
        let load = move || loader.load(&wanted, lanes);
        let (outcome, _turn) = self.compute.run(turn, load).await?;
        let engine = outcome.map_err(|error: EngineError| {
            tracing::error!(model = model.name, %error, "model could not be loaded");
            error.into_failure()
        })?;
        metrics::model_loaded(self.loader.engine(), started.elapsed());
        tracing::info!(
            model = model.name,
            load_ms = started.elapsed().as_millis(),
            "model loaded"
        );
        Ok(engine)
    }
}

impl Resident {
    fn in_use(&self) -> bool {
        self.users.load(Ordering::Acquire) > 0
    }
}

fn evict_longest_idle(models: &mut HashMap<ModelRef, Arc<Resident>>) {
    let idle = models.iter().filter(|(_, resident)| !resident.in_use());
    let oldest = idle
        .min_by_key(|(_, resident)| *lock(&resident.last_used))
        .map(|(model, _)| model.clone());
    if let Some(model) = oldest {
        models.remove(&model);
    }
}

/// A panic while one of these locks is held leaves nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
