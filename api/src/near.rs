//! Finished audio close at hand: the results and renderings that were sent last, in this process.
//!
//! What lies under a key is always as good as what lay there before, so none of it is ever stale. That it has
//! been deleted or evicted is noticed within [`FRESH`]; after that the store is asked, in a few bytes, whether
//! it is still there, which also counts as its use. Keys of tenants that are walled off are their own.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use hashlink::LruCache;
use voicefleet_core::{
    Clock, Timestamp,
    ports::{Blob, BlobError, BlobKey, BlobStore, Retention},
};

/// For how long the store is believed to have what it had.
const FRESH: Duration = Duration::from_secs(1);

/// The part of the room that a single blob may take.
const LARGEST: usize = 8;

/// What keeping a blob takes beside its bytes.
const OVERHEAD: usize = 256;

/// A store with some of what it has in memory.
pub(crate) struct Near {
    store: Arc<dyn BlobStore>,
    clock: Arc<dyn Clock>,
    most_bytes: usize,
    shelf: Mutex<Shelf>,
}

/// What was used last, up to a number of bytes.
struct Shelf {
    /// Bounded by `bytes`, not by a count.
    kept: LruCache<BlobKey, Kept>,
    bytes: usize,
}

struct Kept {
    blob: Blob,
    /// When the store had it.
    seen: Timestamp,
}

impl Near {
    /// In front of `store`, with at most so many bytes.
    pub(crate) fn before(
        store: Arc<dyn BlobStore>,
        clock: Arc<dyn Clock>,
        most_bytes: usize,
    ) -> Self {
        Self {
            store,
            clock,
            most_bytes,
            shelf: Mutex::new(Shelf {
                kept: LruCache::new_unbounded(),
                bytes: 0,
            }),
        }
    }

    /// The blob, and whether the store need not be asked about it.
    fn kept(&self, key: &BlobKey) -> Option<(Blob, bool)> {
        let (blob, seen) = self.shelf().used(key)?;
        Some((blob, self.clock.now().since(seen) < FRESH))
    }

    fn keep(&self, key: &BlobKey, blob: &Blob) {
        let is_finished = matches!(key, BlobKey::Result(_) | BlobKey::Rendering(..));
        if !is_finished || size(blob) > self.most_bytes / LARGEST {
            return;
        }
        let mut held = self.shelf();
        held.insert(key, blob.clone(), self.clock.now());
        while held.bytes > self.most_bytes && held.drop_oldest() {}
    }

    /// Asks the store whether it still has what is kept here.
    async fn is_still_there(&self, key: &BlobKey) -> Result<bool, BlobError> {
        let is_there = self.store.contains(key).await?;
        let mut held = self.shelf();
        if is_there {
            held.seen(key, self.clock.now());
        } else {
            held.remove(key);
        }
        Ok(is_there)
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl BlobStore for Near {
    async fn put(&self, key: &BlobKey, blob: Blob, retention: Retention) -> Result<(), BlobError> {
        self.store.put(key, blob.clone(), retention).await?;
        self.keep(key, &blob);
        Ok(())
    }

    async fn get(&self, key: &BlobKey) -> Result<Option<Blob>, BlobError> {
        if let Some((blob, is_fresh)) = self.kept(key)
            && (is_fresh || self.is_still_there(key).await?)
        {
            return Ok(Some(blob));
        }
        let found = self.store.get(key).await?;
        if let Some(blob) = &found {
            self.keep(key, blob);
        }
        Ok(found)
    }

    async fn contains(&self, key: &BlobKey) -> Result<bool, BlobError> {
        match self.kept(key) {
            Some((_, true)) => Ok(true),
            _ => self.is_still_there(key).await,
        }
    }

    async fn unpin(&self, key: &BlobKey) -> Result<(), BlobError> {
        self.store.unpin(key).await
    }

    async fn delete(&self, key: &BlobKey) -> Result<(), BlobError> {
        let deleted = self.store.delete(key).await;
        // Whoever read it meanwhile may have put it here.
        self.shelf().remove(key);
        deleted
    }
}

impl Shelf {
    fn used(&mut self, key: &BlobKey) -> Option<(Blob, Timestamp)> {
        let kept = self.kept.get(key)?;
        Some((kept.blob.clone(), kept.seen))
    }

    fn seen(&mut self, key: &BlobKey, now: Timestamp) {
        if let Some(kept) = self.kept.get_mut(key) {
            kept.seen = now;
        }
    }

    fn insert(&mut self, key: &BlobKey, blob: Blob, now: Timestamp) {
        self.bytes += size(&blob);
        let replaced = self.kept.insert(key.clone(), Kept { blob, seen: now });
        self.forget(replaced);
    }

    fn remove(&mut self, key: &BlobKey) {
        let removed = self.kept.remove(key);
        self.forget(removed);
    }

    /// Whether there was one.
    fn drop_oldest(&mut self) -> bool {
        let oldest = self.kept.remove_lru().map(|(_, kept)| kept);
        let was_there = oldest.is_some();
        self.forget(oldest);
        was_there
    }

    fn forget(&mut self, kept: Option<Kept>) {
        self.bytes -= kept.map_or(0, |kept| size(&kept.blob));
    }
}

fn size(blob: &Blob) -> usize {
    blob.bytes.len() + blob.content_type.len() + OVERHEAD
}

#[cfg(test)]
mod tests {
    use voicefleet_core::{AudioFormat, Fingerprint};
    use voicefleet_testkit::{FakeClock, memory::MemoryBlobs};

    use super::*;

    fn key(digit: &str) -> BlobKey {
        let print = Fingerprint::parse(&digit.repeat(64)).expect("a fingerprint");
        BlobKey::Rendering(print, AudioFormat::Mp3)
    }

    fn blob(bytes: usize) -> Blob {
        Blob {
            bytes: vec![7; bytes].into(),
            content_type: "audio/mpeg".to_owned(),
        }
    }

    fn near(most_bytes: usize) -> (Near, MemoryBlobs, FakeClock) {
        let (store, clock) = (MemoryBlobs::new(1 << 20), FakeClock::default());
        let behind = Arc::new(store.clone());
        let near = Near::before(behind, Arc::new(clock.clone()), most_bytes);
        (near, store, clock)
    }

    #[tokio::test]
    async fn what_was_sent_is_sent_again_without_the_store_and_not_for_long_once_it_is_gone() {
        let (near, store, clock) = near(100_000);
        near.put(&key("a"), blob(1_000), Retention::Cache)
            .await
            .expect("stored");
        store.outage().set_down(true);
        assert_eq!(near.get(&key("a")).await, Ok(Some(blob(1_000))));
        assert_eq!(near.contains(&key("a")).await, Ok(true));
        clock.advance(FRESH);
        assert!(near.get(&key("a")).await.is_err(), "nobody knows");
        store.outage().set_down(false);
        assert_eq!(near.get(&key("a")).await, Ok(Some(blob(1_000))));
        store
            .delete(&key("a"))
            .await
            .expect("deleted by another server");
        clock.advance(FRESH);
        assert_eq!(near.contains(&key("a")).await, Ok(false));
        assert_eq!(near.get(&key("a")).await, Ok(None));
    }

    #[tokio::test]
    async fn what_is_deleted_here_is_gone_at_once() {
        let (near, ..) = near(100_000);
        near.put(&key("a"), blob(1_000), Retention::Cache)
            .await
            .expect("stored");
        near.delete(&key("a")).await.expect("deleted");
        assert_eq!(near.get(&key("a")).await, Ok(None));
        assert_eq!(near.shelf().bytes, 0);
    }

    #[tokio::test]
    async fn the_least_recently_used_make_room_and_what_is_no_audio_or_large_takes_none() {
        let (near, store, _) = near(11_000);
        let names = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];
        for name in names {
            near.put(&key(name), blob(1_000), Retention::Cache)
                .await
                .expect("stored");
            near.get(&key("1")).await.expect("used");
        }
        near.put(&key("c"), blob(5_000), Retention::Cache)
            .await
            .expect("stored");
        let upload = BlobKey::Upload("u".to_owned());
        near.put(&upload, blob(10), Retention::Pinned)
            .await
            .expect("stored");
        assert!(near.shelf().bytes <= 11_000);
        store.outage().set_down(true);
        for (name, is_near) in [("1", true), ("9", true), ("2", false), ("c", false)] {
            assert_eq!(near.get(&key(name)).await.is_ok(), is_near, "{name}");
        }
        assert!(near.get(&upload).await.is_err());
    }
}
