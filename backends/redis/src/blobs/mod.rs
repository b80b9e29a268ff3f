//! Blobs: uploads, results and their renderings.

mod server;
mod touches;
mod two_servers;

use async_trait::async_trait;
use voicefleet_core::ports::{Blob, BlobError, BlobKey, BlobStore, Retention};

use self::{server::ServerBlobs, two_servers::TwoServers};
use crate::{config::RedisConfig, error::ConfigError};

/// The blob store on Redis: on the records' server, and if there is one, on a server for the cache.
///
/// Pinned blobs lie with the records, for work depends on both. Cached ones lie on the cache's server;
/// while that one is away, new ones are put on the records' server and old ones are made again.
pub struct RedisBlobs {
    store: Box<dyn BlobStore>,
}

impl RedisBlobs {
    /// Opens the store without waiting for a server: until it is there, calls are answered with
    /// `Unavailable`.
    ///
    /// # Errors
    /// If a URL cannot be read.
    pub fn open(config: &RedisConfig) -> Result<Self, ConfigError> {
        let records = ServerBlobs::open("the blob store", &config.records_url, config)?;
        let store: Box<dyn BlobStore> = match &config.cache_url {
            Some(url) if *url != config.records_url => {
                let cache = ServerBlobs::open("the cache", url, config)?;
                Box::new(TwoServers { cache, records })
            }
            _ => Box::new(records),
        };
        Ok(Self { store })
    }
}

#[async_trait]
impl BlobStore for RedisBlobs {
    async fn put(&self, key: &BlobKey, blob: Blob, retention: Retention) -> Result<(), BlobError> {
        self.store.put(key, blob, retention).await
    }

    async fn get(&self, key: &BlobKey) -> Result<Option<Blob>, BlobError> {
        self.store.get(key).await
    }

    async fn contains(&self, key: &BlobKey) -> Result<bool, BlobError> {
        self.store.contains(key).await
    }

    async fn unpin(&self, key: &BlobKey) -> Result<(), BlobError> {
        self.store.unpin(key).await
    }

    async fn delete(&self, key: &BlobKey) -> Result<(), BlobError> {
        self.store.delete(key).await
    }
}
