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

    // Elsewhere there are no models in CTranslate2's format.
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    #[test]
    fn on_a_gpu_the_models_that_it_can_compute_come_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = ModelStore::open(folder.path());
        let are_first = |device| {
            let catalog = read(&store, device);
            let names = catalog.models.iter().map(|model| model.name.as_str());
            let whisper: Vec<bool> = names
                .filter(|name| name.starts_with("whisper"))
                .map(|name| name.ends_with("-ct2"))
                .collect();
            assert!(whisper.contains(&true) && whisper.contains(&false));
            whisper.is_sorted_by(|before, after| before >= after)
        };
        assert!(!are_first(Device::Cpu), "its order is the manifest's");
        assert!(are_first(Device::Cuda(0)));
    }
}
