//! The suites that every backend has to pass, over every way to install Redis.

use std::sync::Arc;

use async_trait::async_trait;
use voicefleet_core::ports::{BlobStore, Documents, FleetLedger, JobRecords, Turns};
use voicefleet_redis::{RedisConfig, RedisRecords};
use voicefleet_testkit::{
    FakeClock,
    conformance::{Reopen, blobs::BlobsBench, records::RecordsBench, turns::TurnsBench},
};

use crate::{
    cluster::Cluster,
    sentinel::Watched,
    server::{self, Server},
    two_servers::Two,
};

/// Servers of a test's own that are one store.
#[async_trait]
pub(crate) trait Installation: Send + Sync + Sized {
    async fn start() -> Self;
    /// As the backend has it, but less patient.
    fn config(&self) -> RedisConfig;
    /// Loses what the records are on, and returns when it is back as far as it ever will be.
    async fn crash_and_come_back(&mut self);
}

#[async_trait]
impl Installation for Server {
    async fn start() -> Self {
        Self::start().await
    }

    fn config(&self) -> RedisConfig {
        self.config()
    }

    async fn crash_and_come_back(&mut self) {
        self.kill().await;
        self.start_again().await;
    }
}

struct Records<I> {
    installation: I,
    config: RedisConfig,
    opened: Arc<RedisRecords>,
}

#[async_trait]
impl<I: Installation> RecordsBench for Records<I> {
    async fn fresh(clock: FakeClock) -> Self {
        let installation = I::start().await;
        let config = RedisConfig {
            clock: Arc::new(clock),
            ..installation.config()
        };
        let opened = server::open_records(&config);
        Self {
            installation,
            config,
            opened,
        }
    }

    fn records(&self) -> Arc<dyn JobRecords> {
        Arc::clone(&self.opened) as _
    }

    fn ledger(&self) -> Arc<dyn FleetLedger> {
        Arc::clone(&self.opened) as _
    }

    fn documents(&self) -> Arc<dyn Documents> {
        Arc::new(self.opened.documents())
    }
}

#[async_trait]
impl<I: Installation> Reopen for Records<I> {
    async fn reopen(mut self) -> Self {
        self.installation.crash_and_come_back().await;
        self.opened = server::open_records(&self.config);
        self
    }
}

struct Blobs<I> {
    installation: I,
    config: RedisConfig,
    opened: Arc<dyn BlobStore>,
}

#[async_trait]
impl<I: Installation> BlobsBench for Blobs<I> {
    async fn fresh(limit_bytes: u64) -> Self {
        let installation = I::start().await;
        let config = RedisConfig {
            blob_limit_bytes: limit_bytes,
            ..installation.config()
        };
        let opened = server::blobs(&config);
        Self {
            installation,
            config,
            opened,
        }
    }

    fn blobs(&self) -> Arc<dyn BlobStore> {
        Arc::clone(&self.opened)
    }
}

#[async_trait]
impl<I: Installation> Reopen for Blobs<I> {
    async fn reopen(mut self) -> Self {
        self.installation.crash_and_come_back().await;
        self.opened = server::blobs(&self.config);
        self
    }
}

struct OfTurns {
    records: Arc<RedisRecords>,
    _server: Server,
}

#[async_trait]
impl TurnsBench for OfTurns {
    async fn fresh() -> Self {
        let server = Server::start().await;
        Self {
            records: server::open_records(&server.config()),
            _server: server,
        }
    }

    fn turns(&self) -> Arc<dyn Turns> {
        Arc::new(self.records.turns())
    }

    fn ledger(&self) -> Option<Arc<dyn FleetLedger>> {
        Some(Arc::clone(&self.records) as _)
    }
}

mod turns {
    voicefleet_testkit::turns_conformance!(super::OfTurns);
}

macro_rules! suites_over {
    ($installation:ty) => {
        mod records {
            use super::super::*;
            voicefleet_testkit::records_conformance!(Records<$installation>);
            voicefleet_testkit::records_durability!(Records<$installation>);
        }
        mod blobs {
            use super::super::*;
            voicefleet_testkit::blobs_conformance!(Blobs<$installation>);
            voicefleet_testkit::blobs_durability!(Blobs<$installation>);
        }
    };
}

mod one_server {
    suites_over!(Server);

    mod eviction {
        use super::super::*;
        voicefleet_testkit::blobs_eviction!(Blobs<Server>);
    }
}

mod behind_sentinels {
    suites_over!(Watched);
}

mod a_cluster {
    suites_over!(Cluster);

    mod eviction {
        use super::super::*;
        voicefleet_testkit::blobs_eviction!(Blobs<Cluster>);
    }
}

/// Without the exact order of eviction: each server has its own.
mod two_servers {
    suites_over!(Two);
}
