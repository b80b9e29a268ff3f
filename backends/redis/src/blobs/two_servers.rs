//! A server that may go away, before one that work depends on.

use async_trait::async_trait;
use tokio::join;
use voicefleet_core::ports::{Blob, BlobError, BlobKey, BlobStore, Retention};

/// What is pinned lies with the records. What is cached lies in the cache or, if it was put while the
/// cache was away, with the records.
///
/// Two copies under one key may come to lie here, and there is no order between the servers in which one
/// of them could be removed so that no blob is ever lost. It does no harm: what is stored under a key
/// is always the same.
pub(super) struct TwoServers<C, R> {
    pub(super) cache: C,
    pub(super) records: R,
}

#[async_trait]
impl<C: BlobStore, R: BlobStore> BlobStore for TwoServers<C, R> {
    async fn put(&self, key: &BlobKey, blob: Blob, retention: Retention) -> Result<(), BlobError> {
        if retention == Retention::Pinned {
            return self.records.put(key, blob, retention).await;
        }
        match self.cache.put(key, blob.clone(), retention).await {
            Err(BlobError::Unavailable(reason)) => {
                tracing::debug!(reason, "a blob for the cache is put beside the records");
                self.records.put(key, blob, retention).await
            }
            done => done,
        }
    }

    /// `Unavailable` if it may lie in a cache that is away: to whoever wants these bytes, that is not the
    /// same as if they were gone.
    async fn get(&self, key: &BlobKey) -> Result<Option<Blob>, BlobError> {
        let cached = self.cache.get(key).await;
        if let Ok(Some(blob)) = cached {
            return Ok(Some(blob));
        }
        match self.records.get(key).await {
            Ok(None) => cached,
            found => found,
        }
    }

    /// "No" if it may lie in a cache that is away: whoever asks can then make it, and work goes on.
    async fn contains(&self, key: &BlobKey) -> Result<bool, BlobError> {
        Ok(
            matches!(self.cache.contains(key).await, Ok(true))
                || self.records.contains(key).await?,
        )
    }

    /// It stays with the records, now as a cached one.
    async fn unpin(&self, key: &BlobKey) -> Result<(), BlobError> {
        self.records.unpin(key).await
    }

    /// From both, or it is not deleted.
    async fn delete(&self, key: &BlobKey) -> Result<(), BlobError> {
        let (cache, records) = join!(self.cache.delete(key), self.records.delete(key));
        records.and(cache)
    }
}

#[cfg(test)]
mod tests {
    use voicefleet_testkit::memory::MemoryBlobs;

    use super::*;

    const KEPT: [Retention; 2] = [Retention::Cache, Retention::Pinned];

    fn key(name: &str) -> BlobKey {
        BlobKey::Upload(name.to_owned())
    }

    fn blob() -> Blob {
        Blob {
            bytes: vec![7; 100].into(),
            content_type: "audio/flac".to_owned(),
        }
    }

    /// The pair, and its parts.
    fn stores() -> (
        TwoServers<MemoryBlobs, MemoryBlobs>,
        MemoryBlobs,
        MemoryBlobs,
    ) {
        let (cache, records) = (MemoryBlobs::new(1_000), MemoryBlobs::new(1_000));
        let pair = TwoServers {
            cache: cache.clone(),
            records: records.clone(),
        };
        (pair, cache, records)
    }

    #[tokio::test]
    async fn each_lies_where_it_belongs() {
        let (pair, cache, records) = stores();
        for (name, kept) in ["cached", "pinned"].iter().zip(KEPT) {
            pair.put(&key(name), blob(), kept).await.expect("stored");
        }
        assert_eq!(cache.retention(&key("cached")), Some(Retention::Cache));
        assert_eq!(records.retention(&key("pinned")), Some(Retention::Pinned));
        assert_eq!((cache.count(), records.count()), (1, 1));
        for name in ["cached", "pinned"] {
            assert_eq!(pair.get(&key(name)).await, Ok(Some(blob())));
            assert_eq!(pair.contains(&key(name)).await, Ok(true));
            pair.unpin(&key(name)).await.expect("unpinned");
        }
        assert_eq!(records.retention(&key("pinned")), Some(Retention::Cache));
    }

    #[tokio::test]
    async fn what_is_put_while_the_cache_is_away_is_found_then_and_later() {
        let (pair, cache, _) = stores();
        cache.outage().set_down(true);
        for (name, kept) in ["cached", "pinned"].iter().zip(KEPT) {
            pair.put(&key(name), blob(), kept).await.expect("stored");
        }
        for down in [true, false] {
            cache.outage().set_down(down);
            for name in ["cached", "pinned"] {
                assert_eq!(pair.get(&key(name)).await, Ok(Some(blob())));
                assert_eq!(pair.contains(&key(name)).await, Ok(true));
            }
        }
    }

    #[tokio::test]
    async fn what_may_lie_in_a_cache_that_is_away_is_not_gone_but_can_be_made_again() {
        let (pair, cache, _) = stores();
        pair.put(&key("a"), blob(), Retention::Cache)
            .await
            .expect("stored");
        cache.outage().set_down(true);
        let missing = pair.get(&key("a")).await;
        assert!(
            matches!(missing, Err(BlobError::Unavailable(_))),
            "{missing:?}"
        );
        assert_eq!(pair.contains(&key("a")).await, Ok(false));
        pair.put(&key("a"), blob(), Retention::Cache)
            .await
            .expect("stored");
        assert_eq!(pair.get(&key("a")).await, Ok(Some(blob())));
    }

    #[tokio::test]
    async fn only_what_is_gone_from_both_is_deleted() {
        let (pair, cache, records) = stores();
        cache.outage().set_down(true);
        pair.put(&key("a"), blob(), Retention::Cache)
            .await
            .expect("stored");
        assert!(pair.delete(&key("a")).await.is_err());
        cache.outage().set_down(false);
        pair.put(&key("a"), blob(), Retention::Cache)
            .await
            .expect("stored");
        pair.delete(&key("a")).await.expect("deleted");
        assert_eq!((cache.count(), records.count()), (0, 0));
    }

    /// It is no reason to look elsewhere, and says how large a blob may be.
    #[tokio::test]
    async fn a_blob_that_is_too_large_is_refused() {
        let (pair, _, records) = stores();
        let large = Blob {
            bytes: vec![7; 2_000].into(),
            ..blob()
        };
        let refused = pair.put(&key("a"), large, Retention::Cache).await;
        assert!(
            matches!(refused, Err(BlobError::Full { .. })),
            "{refused:?}"
        );
        assert_eq!(records.count(), 0);
    }

    #[tokio::test]
    async fn without_the_records_only_what_is_cached_is_there() {
        let (pair, _, records) = stores();
        pair.put(&key("cached"), blob(), Retention::Cache)
            .await
            .expect("stored");
        records.outage().set_down(true);
        assert_eq!(pair.get(&key("cached")).await, Ok(Some(blob())));
        assert!(pair.get(&key("absent")).await.is_err());
        assert!(pair.contains(&key("absent")).await.is_err());
    }
}
