//! The catalogue as it is now: read anew every few seconds, so that models pulled meanwhile appear.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use voicefleet_core::Catalog;
use voicefleet_models::{ModelStore, catalog};

/// How old the catalogue may be.
const FRESH_FOR: Duration = Duration::from_secs(5);

/// A catalogue with the moment it was read.
pub(crate) struct CatalogCache {
    store: Arc<ModelStore>,
    last: Mutex<(Instant, Arc<Catalog>)>,
}

impl CatalogCache {
    pub(crate) fn new(store: Arc<ModelStore>) -> Self {
        let last = Mutex::new((Instant::now(), Arc::new(catalog(&store))));
        Self { store, last }
    }

    pub(crate) fn current(&self) -> Arc<Catalog> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.0.elapsed() > FRESH_FOR {
            *last = (Instant::now(), Arc::new(catalog(&self.store)));
        }
        Arc::clone(&last.1)
    }
}
