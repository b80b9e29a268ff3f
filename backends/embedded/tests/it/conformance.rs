//! The suites that every backend has to pass.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use voicefleet_core::{
    Timestamp,
    ports::{BlobStore, Documents, FleetLedger, JobQueue, JobRecords},
};
use voicefleet_embedded::QueueLimits;
use voicefleet_testkit::{
    FakeClock,
    conformance::{Reopen, blobs::BlobsBench, queue::QueueBench, records::RecordsBench},
};

use crate::bench::Database;

struct Queue(Database);

#[async_trait]
impl QueueBench for Queue {
    const RETRY_STEP: Duration = Duration::from_millis(50);

    async fn fresh(max_queued: usize) -> Self {
        let limit = u32::try_from(max_queued).expect("a small bound");
        let limits = QueueLimits {
            realtime: limit,
            standard: limit,
            batch: limit,
        };
        Self(Database::with(|config| config.max_queued = limits).await)
    }

    fn queue(&self) -> Arc<dyn JobQueue> {
        self.0.queue()
    }

    fn now(&self) -> Timestamp {
        self.0.config.clock.now()
    }

    async fn pass(&self, by: Duration) {
        let moment = self.now().after(by);
        while self.now() < moment {
            tokio::time::sleep(moment.since(self.now())).await;
        }
    }
}

#[async_trait]
impl Reopen for Queue {
    async fn reopen(self) -> Self {
        Self(self.0.reopen().await)
    }
}

struct Records(Database);

#[async_trait]
impl RecordsBench for Records {
    const IS_TOLD_OF_PUBLISHING: bool = false;

    async fn fresh(clock: FakeClock) -> Self {
        Self(Database::at(&clock).await)
    }

    fn records(&self) -> Arc<dyn JobRecords> {
        self.0.records()
    }

    fn ledger(&self) -> Arc<dyn FleetLedger> {
        self.0.embedded.ledger()
    }

    fn documents(&self) -> Arc<dyn Documents> {
        self.0.embedded.documents()
    }
}

#[async_trait]
impl Reopen for Records {
    async fn reopen(self) -> Self {
        Self(self.0.reopen().await)
    }
}

struct Blobs(Database);

#[async_trait]
impl BlobsBench for Blobs {
    async fn fresh(limit_bytes: u64) -> Self {
        Self(Database::with(|config| config.blob_limit_bytes = limit_bytes).await)
    }

    fn blobs(&self) -> Arc<dyn BlobStore> {
        self.0.blobs()
    }
}

#[async_trait]
impl Reopen for Blobs {
    async fn reopen(self) -> Self {
        Self(self.0.reopen().await)
    }
}

mod queue {
    voicefleet_testkit::queue_conformance!(super::Queue);
    voicefleet_testkit::queue_durability!(super::Queue);
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
