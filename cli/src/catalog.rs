//! The catalogue as it is now: read anew every few seconds, so that models pulled meanwhile appear.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use voicefleet_core::{Catalog, ports::Device};
use voicefleet_models::{ModelStore, catalog};
use voicefleet_whisper::runs_on_gpus;

/// How old the catalogue may be.
const FRESH_FOR: Duration = Duration::from_secs(5);

/// A catalogue with the moment it was read.
pub(crate) struct CatalogCache {
    store: Arc<ModelStore>,
    whisper: Device,
    last: Mutex<(Instant, Arc<Catalog>)>,
}

impl CatalogCache {
    /// The catalogue of what is in `store`, where Whisper computes on `whisper`.
    pub(crate) fn new(store: Arc<ModelStore>, whisper: Device) -> Self {
        let last = Mutex::new((Instant::now(), Arc::new(read(&store, whisper))));
        Self {
            store,
            whisper,
            last,
        }
    }

    pub(crate) fn current(&self) -> Arc<Catalog> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.0.elapsed() > FRESH_FOR {
            *last = (Instant::now(), Arc::new(read(&self.store, self.whisper)));
        }
        Arc::clone(&last.1)
    }
}

/// Reads it. The first model is what an engine takes where none is asked for: never one that its device cannot compute,
/// if there is another.
fn read(store: &ModelStore, whisper: Device) -> Catalog {
    let mut catalog = catalog(store);
    if whisper.is_gpu() {
        let unable: Vec<&str> = (store.whisper_weights())
            .filter(|(_, weights)| !runs_on_gpus(weights))
            .map(|(name, _)| name)
            .collect();
        let models = &mut catalog.models;
        models.sort_by_key(|model| unable.contains(&model.name.as_str()));
    }
    catalog
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_a_gpu_the_first_whisper_model_is_one_that_it_can_compute() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = ModelStore::open(folder.path());
        let first = |device| {
            let catalog = read(&store, device);
            catalog
                .default_transcriber()
                .map(|model| model.name.clone())
        };
        assert_eq!(first(Device::Cpu).as_deref(), Some("whisper-base"));
        assert_eq!(first(Device::Cuda(0)).as_deref(), Some("whisper-base-ct2"));
    }
}
