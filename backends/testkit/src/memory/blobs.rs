//! Blobs in memory.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use voicefleet_core::ports::{Blob, BlobError, BlobKey, BlobStore, Retention};

use super::{Outage, lock};

/// A bounded blob store in memory, least recently used out first. Clones are the same store.
#[derive(Clone)]
pub struct MemoryBlobs {
    shelf: Arc<Mutex<Shelf>>,
    limit_bytes: u64,
    outage: Outage,
}

#[derive(Default)]
struct Shelf {
    entries: HashMap<BlobKey, Entry>,
    uses: u64,
}

struct Entry {
    blob: Blob,
    retention: Retention,
    last_use: u64,
}

impl MemoryBlobs {
    /// A store of at most `limit_bytes` of content.
    pub fn new(limit_bytes: u64) -> Self {
        Self {
            shelf: Arc::default(),
            limit_bytes,
            outage: Outage::default(),
        }
    }

    /// Its switch.
    pub fn outage(&self) -> &Outage {
        &self.outage
    }

    /// How the blob under `key` is kept; `None` if it is not there. Does not count as use.
    pub fn retention(&self, key: &BlobKey) -> Option<Retention> {
        lock(&self.shelf)
            .entries
            .get(key)
            .map(|entry| entry.retention)
    }

    /// Number of blobs.
    pub fn count(&self) -> usize {
        lock(&self.shelf).entries.len()
    }

    fn check(&self) -> Result<(), BlobError> {
        self.outage.check().map_err(BlobError::Unavailable)
    }
}

impl Shelf {
    fn bytes_where(&self, counts: impl Fn(&Entry) -> bool) -> u64 {
        self.entries
            .values()
            .filter(|entry| counts(entry))
            .map(|entry| size(&entry.blob))
            .sum()
    }

    fn touch(&mut self, key: &BlobKey) -> Option<&Entry> {
        let entry = self.entries.get_mut(key)?;
        self.uses += 1;
        entry.last_use = self.uses;
        Some(entry)
    }

    fn evict_least_recently_used(&mut self) {
        let cached = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.retention == Retention::Cache);
        if let Some(key) = cached
            .min_by_key(|(_, entry)| entry.last_use)
            .map(|(key, _)| key.clone())
        {
            self.entries.remove(&key);
        }
    }
}

fn size(blob: &Blob) -> u64 {
    blob.bytes.len() as u64
}

#[async_trait]
impl BlobStore for MemoryBlobs {
    async fn put(&self, key: &BlobKey, blob: Blob, retention: Retention) -> Result<(), BlobError> {
        self.check()?;
        let mut store = lock(&self.shelf);
        let (needed, limit) = (size(&blob), self.limit_bytes);
        let replaced = store
            .entries
            .get(key)
            .filter(|entry| entry.retention == Retention::Pinned);
        let freed = replaced.map_or(0, |entry| size(&entry.blob));
        let pinned = store.bytes_where(|entry| entry.retention == Retention::Pinned) - freed;
        if pinned + needed > limit {
            return Err(BlobError::Full { needed, limit });
        }
        store.entries.remove(key);
        while store.bytes_where(|_| true) + needed > limit {
            store.evict_least_recently_used();
        }
        store.uses += 1;
        let last_use = store.uses;
        store.entries.insert(
            key.clone(),
            Entry {
                blob,
                retention,
                last_use,
            },
        );
        Ok(())
    }

    async fn get(&self, key: &BlobKey) -> Result<Option<Blob>, BlobError> {
        self.check()?;
        Ok(lock(&self.shelf).touch(key).map(|entry| entry.blob.clone()))
    }

    async fn contains(&self, key: &BlobKey) -> Result<bool, BlobError> {
        self.check()?;
        Ok(lock(&self.shelf).touch(key).is_some())
    }

    async fn unpin(&self, key: &BlobKey) -> Result<(), BlobError> {
        self.check()?;
        if let Some(entry) = lock(&self.shelf).entries.get_mut(key) {
            entry.retention = Retention::Cache;
        }
        Ok(())
    }

    async fn delete(&self, key: &BlobKey) -> Result<(), BlobError> {
        self.check()?;
        lock(&self.shelf).entries.remove(key);
        Ok(())
    }
}
