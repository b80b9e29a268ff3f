//! A quick store for most blobs, and a roomy one for those that are large.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::join;
use voicefleet_core::ports::{Blob, BlobError, BlobKey, BlobStore, Retention};

/// Two stores as one. A blob goes by its size; what is asked for is looked for in the small store first.
///
/// Neither stands in for the other: a large blob is not put while the large store is away.
pub struct LargeBlobs {
    /// For all others.
    pub small: Arc<dyn BlobStore>,
    /// For blobs of more than [`over_bytes`](Self::over_bytes).
    pub large: Arc<dyn BlobStore>,
    /// The most that a blob may have to go to the small store, bytes.
    pub over_bytes: u64,
}

#[async_trait]
impl BlobStore for LargeBlobs {
    async fn put(&self, key: &BlobKey, blob: Blob, retention: Retention) -> Result<(), BlobError> {
        if blob.bytes.len() as u64 <= self.over_bytes {
            return self.small.put(key, blob, retention).await;
        }
        self.large.put(key, blob, retention).await?;
        // What the small store has under this key would be found first. If it cannot be removed, that does
        // no harm where the same is stored under the same key.
        if let Err(error) = self.small.delete(key).await {
            tracing::debug!(%error, "the small copy of a large blob may still be there");
        }
        Ok(())
    }

    async fn get(&self, key: &BlobKey) -> Result<Option<Blob>, BlobError> {
        let small = self.small.get(key).await;
        if let Ok(Some(blob)) = small {
            return Ok(Some(blob));
        }
        match self.large.get(key).await {
            Ok(None) => small,
            found => found,
        }
    }

    async fn contains(&self, key: &BlobKey) -> Result<bool, BlobError> {
        let small = self.small.contains(key).await;
        if let Ok(true) = small {
            return Ok(true);
        }
        match self.large.contains(key).await {
            Ok(false) => small,
            found => found,
        }
    }

    async fn unpin(&self, key: &BlobKey) -> Result<(), BlobError> {
        let (small, large) = join!(self.small.unpin(key), self.large.unpin(key));
        small.and(large)
    }

    async fn delete(&self, key: &BlobKey) -> Result<(), BlobError> {
        let (small, large) = join!(self.small.delete(key), self.large.delete(key));
        small.and(large)
    }
}

#[cfg(test)]
mod tests {
    use voicefleet_testkit::memory::MemoryBlobs;

    use super::*;

    fn key() -> BlobKey {
        BlobKey::Upload("a".to_owned())
    }

    fn blob(length: usize) -> Blob {
        Blob {
            bytes: vec![7; length].into(),
            content_type: "audio/flac".to_owned(),
        }
    }

    fn stores() -> (LargeBlobs, MemoryBlobs, MemoryBlobs) {
        let (small, large) = (MemoryBlobs::new(1_000), MemoryBlobs::new(1_000));
        let both = LargeBlobs {
            small: Arc::new(small.clone()),
            large: Arc::new(large.clone()),
            over_bytes: 10,
        };
        (both, small, large)
    }

    #[tokio::test]
    async fn each_goes_by_its_size() {
        for (length, counts) in [(0, (1, 0)), (10, (1, 0)), (11, (0, 1))] {
            let (both, small, large) = stores();
            let put = both.put(&key(), blob(length), Retention::Pinned).await;
            put.expect("stored");
            assert_eq!((small.count(), large.count()), counts, "{length}");
            assert_eq!(both.contains(&key()).await, Ok(true));
            assert_eq!(both.get(&key()).await, Ok(Some(blob(length))));
            both.unpin(&key()).await.expect("unpinned");
            let kept = small.retention(&key()).or(large.retention(&key()));
            assert_eq!(kept, Some(Retention::Cache));
            both.delete(&key()).await.expect("deleted");
            assert_eq!(both.get(&key()).await, Ok(None));
        }
    }

    #[tokio::test]
    async fn the_last_one_is_found_whatever_its_size() {
        let (both, _, large) = stores();
        for length in [5, 50, 6, 60] {
            let put = both.put(&key(), blob(length), Retention::Cache).await;
            put.expect("stored");
            assert_eq!(both.get(&key()).await, Ok(Some(blob(length))));
        }
        both.delete(&key()).await.expect("deleted");
        assert_eq!(large.count(), 0);
        assert_eq!(both.contains(&key()).await, Ok(false));
    }

    #[tokio::test]
    async fn what_may_be_in_a_store_that_is_away_is_not_gone() {
        let (both, small, large) = stores();
        for away in [&small, &large] {
            away.outage().set_down(true);
            assert!(both.get(&key()).await.is_err());
            assert!(both.contains(&key()).await.is_err());
            assert!(both.delete(&key()).await.is_err());
            away.outage().set_down(false);
        }
        small.outage().set_down(true);
        let put = both.put(&key(), blob(50), Retention::Cache).await;
        put.expect("stored");
        assert_eq!(both.get(&key()).await, Ok(Some(blob(50))));
        assert_eq!(both.contains(&key()).await, Ok(true));
    }
}
