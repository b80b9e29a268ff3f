//! Blobs as objects.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use object_store::{Error, ObjectStoreExt, path::Path};
use tokio::{sync::Semaphore, time::timeout};
use voicefleet_core::{
    breaker::{Breaker, BreakerRules},
    ports::{Blob, BlobError, BlobKey, BlobStore, Retention},
};

use crate::{
    config::{ConfigError, ObjectsConfig},
    frame::{framed, unframed},
    place::Place,
};

/// A call to such a store is repeated before it fails, so that few of them say enough.
const RULES: BreakerRules = BreakerRules {
    failures: 3,
    first_pause: Duration::from_secs(1),
    longest_pause: Duration::from_secs(15),
};

/// A blob store over objects, which evicts nothing by itself.
pub struct ObjectBlobs {
    place: Place,
    breaker: Breaker,
    turns: Semaphore,
    patience: Duration,
}

impl ObjectBlobs {
    /// Opens the store; does not connect yet.
    ///
    /// # Errors
    /// If the settings cannot be used, or name a folder that is not there.
    pub fn open(config: &ObjectsConfig) -> Result<Self, ConfigError> {
        Ok(Self {
            place: Place::open(config)?,
            breaker: Breaker::new(RULES),
            turns: Semaphore::new(config.max_transfers),
            patience: config.call_timeout,
        })
    }

    fn path(&self, key: &BlobKey) -> Path {
        let parts = self.place.prefix.parts();
        parts.chain(Path::from(key.path()).parts()).collect()
    }

    fn complaint(&self, what: impl std::fmt::Display) -> BlobError {
        BlobError::Unavailable(format!("{}: {what}", self.place.name))
    }

    /// Does one call in time, when its turn has come. `None` if there is no such object.
    async fn call<T>(
        &self,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<Option<T>, BlobError> {
        let turn = timeout(self.patience, self.turns.acquire()).await;
        let _turn = turn.map_err(|_| self.complaint("too many blobs are on their way"))?;
        let pass = self.breaker.admit(Instant::now());
        let pass = pass.map_err(|refusal| {
            self.complaint(format!("it did not answer lately and is {refusal}"))
        })?;
        let Ok(outcome) = timeout(self.patience, work).await else {
            pass.failed(Instant::now());
            return Err(self.complaint("no answer in time"));
        };
        if matches!(outcome, Err(Error::Generic { .. })) {
            pass.failed(Instant::now());
        } else {
            pass.answered();
        }
        match outcome {
            Ok(done) => Ok(Some(done)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.complaint(error)),
        }
    }
}

#[async_trait]
impl BlobStore for ObjectBlobs {
    /// Pinned or not, it stays until it is deleted or the store's own rules take it away.
    async fn put(&self, key: &BlobKey, blob: Blob, _: Retention) -> Result<(), BlobError> {
        let (path, object) = (self.path(key), framed(blob)?);
        let put = self.place.store.put(&path, object);
        let stored = self.call(put).await?;
        stored
            .map(drop)
            .ok_or_else(|| self.complaint("it is not there"))
    }

    async fn get(&self, key: &BlobKey) -> Result<Option<Blob>, BlobError> {
        let path = self.path(key);
        let get = async { self.place.store.get(&path).await?.bytes().await };
        let Some(object) = self.call(get).await? else {
            return Ok(None);
        };
        let blob = unframed(object).ok_or_else(|| self.complaint("a blob is damaged"))?;
        Ok(Some(blob))
    }

    async fn contains(&self, key: &BlobKey) -> Result<bool, BlobError> {
        let path = self.path(key);
        let head = self.place.store.head(&path);
        Ok(self.call(head).await?.is_some())
    }

    /// No effect: it was kept like any other.
    async fn unpin(&self, _: &BlobKey) -> Result<(), BlobError> {
        Ok(())
    }

    async fn delete(&self, key: &BlobKey) -> Result<(), BlobError> {
        let path = self.path(key);
        let delete = self.place.store.delete(&path);
        self.call(delete).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    /// As a disk in a network does that has gone away.
    #[tokio::test]
    async fn a_store_whose_calls_never_end_is_soon_not_asked_any_more() {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("file://{}", folder.path().display());
        let store = ObjectBlobs::open(&ObjectsConfig {
            call_timeout: Duration::from_millis(20),
            ..ObjectsConfig::new(url)
        });
        let store = store.expect("opens");
        for call in 0..4 {
            let refused = store.call::<()>(pending()).await;
            let Err(BlobError::Unavailable(reason)) = refused else {
                panic!("{refused:?}");
            };
            assert_eq!(reason.contains("not asked until"), call == 3, "{reason}");
        }
    }

    #[tokio::test]
    async fn no_turn_is_waited_for_without_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("file://{}", folder.path().display());
        let store = ObjectBlobs::open(&ObjectsConfig {
            call_timeout: Duration::from_millis(20),
            max_transfers: 0,
            ..ObjectsConfig::new(url)
        });
        let refused = store.expect("opens").call(async { Ok(()) }).await;
        assert!(
            matches!(&refused, Err(BlobError::Unavailable(reason)) if reason.contains("too many")),
            "{refused:?}"
        );
    }
}
