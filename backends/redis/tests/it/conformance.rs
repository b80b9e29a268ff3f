//! The suites that every backend has to pass.

use std::sync::Arc;

use async_trait::async_trait;
use voicefleet_core::ports::{BlobStore, JobRecords};
use voicefleet_redis::RedisConfig;
use voicefleet_testkit::{
    FakeClock,
    conformance::{Reopen, blobs::BlobsBench, records::RecordsBench},
};

use crate::server::{self, Server};

struct Records {
    server: Server,
    config: RedisConfig,
    opened: Arc<dyn JobRecords>,
}

#[async_trait]
impl RecordsBench for Records {
    async fn fresh(clock: FakeClock) -> Self {
        let server = Server::start().await;
        let config = RedisConfig {
            clock: Arc::new(clock),
            ..server.config()
        };
        let opened = server::records(&config);
        Self {
            server,
            config,
            opened,
        }
    }

    fn records(&self) -> Arc<dyn JobRecords> {
        Arc::clone(&self.opened)
    }
}

#[async_trait]
impl Reopen for Records {
    /// By way of a crash of the server.
    async fn reopen(mut self) -> Self {
        self.server.kill().await;
        self.server.start_again().await;
        self.opened = server::records(&self.config);
        self
    }
}

struct Blobs {
    server: Server,
    config: RedisConfig,
    opened: Arc<dyn BlobStore>,
}

#[async_trait]
impl BlobsBench for Blobs {
    async fn fresh(limit_bytes: u64) -> Self {
        let server = Server::start().await;
        let config = RedisConfig {
            blob_limit_bytes: limit_bytes,
            ..server.config()
        };
        let opened = server::blobs(&config);
        Self {
            server,
            config,
            opened,
        }
    }

    fn blobs(&self) -> Arc<dyn BlobStore> {
        Arc::clone(&self.opened)
    }
}

#[async_trait]
impl Reopen for Blobs {
    /// By way of a crash of the server.
    async fn reopen(mut self) -> Self {
        self.server.kill().await;
        self.server.start_again().await;
        self.opened = server::blobs(&self.config);
        self
    }
}

/// Results on a server of their own.
struct BlobsOnTwo {
    records: Server,
    cache: Server,
    config: RedisConfig,
    opened: Arc<dyn BlobStore>,
}

#[async_trait]
impl BlobsBench for BlobsOnTwo {
    async fn fresh(limit_bytes: u64) -> Self {
        let (records, cache) = (Server::start().await, Server::start().await);
        let config = RedisConfig {
            blob_limit_bytes: limit_bytes,
            cache_url: Some(cache.url()),
            ..records.config()
        };
        let opened = server::blobs(&config);
        Self {
            records,
            cache,
            config,
            opened,
        }
    }

    fn blobs(&self) -> Arc<dyn BlobStore> {
        Arc::clone(&self.opened)
    }
}

#[async_trait]
impl Reopen for BlobsOnTwo {
    async fn reopen(mut self) -> Self {
        for server in [&mut self.records, &mut self.cache] {
            server.kill().await;
            server.start_again().await;
        }
        self.opened = server::blobs(&self.config);
        self
    }
}

mod records {
    voicefleet_testkit::records_conformance!(super::Records);
    voicefleet_testkit::records_durability!(super::Records);
}

mod blobs {
    voicefleet_testkit::blobs_conformance!(super::Blobs);
    voicefleet_testkit::blobs_eviction!(super::Blobs);
    voicefleet_testkit::blobs_durability!(super::Blobs);
}

/// Without the exact order of eviction: each server has its own.
mod blobs_on_two_servers {
    voicefleet_testkit::blobs_conformance!(super::BlobsOnTwo);
    voicefleet_testkit::blobs_durability!(super::BlobsOnTwo);
}
