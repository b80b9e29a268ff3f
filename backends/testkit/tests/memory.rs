//! The fakes keep what the ports promise: they pass the suites that real backends have to pass.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use voicefleet_core::{
    Clock, Timestamp,
    ports::{BlobStore, Documents, FleetLedger, JobQueue, JobRecords, Turns},
};
use voicefleet_testkit::{
    FakeClock,
    conformance::{blobs::BlobsBench, queue::QueueBench, records::RecordsBench, turns::TurnsBench},
    memory::{MemoryBlobs, MemoryDocuments, MemoryQueue, MemoryRecords, MemoryTurns},
};

struct Queue {
    queue: MemoryQueue,
    clock: FakeClock,
}

#[async_trait]
impl QueueBench for Queue {
    const RETRY_STEP: Duration = Duration::from_secs(1);

    async fn fresh(max_queued: usize) -> Self {
        let clock = FakeClock::default();
        Self {
            queue: MemoryQueue::bounded(clock.clone(), max_queued),
            clock,
        }
    }

    fn queue(&self) -> Arc<dyn JobQueue> {
        Arc::new(self.queue.clone())
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn pass(&self, by: Duration) {
        self.clock.advance(by);
    }
}

struct Records(MemoryRecords, MemoryDocuments);

#[async_trait]
impl RecordsBench for Records {
    async fn fresh(clock: FakeClock) -> Self {
        Self(
            MemoryRecords::new(clock.clone()),
            MemoryDocuments::new(clock),
        )
    }

    fn records(&self) -> Arc<dyn JobRecords> {
        Arc::new(self.0.clone())
    }

    fn ledger(&self) -> Arc<dyn FleetLedger> {
        Arc::new(self.0.clone())
    }

    fn documents(&self) -> Arc<dyn Documents> {
        Arc::new(self.1.clone())
    }
}

struct Blobs(MemoryBlobs);

#[async_trait]
impl BlobsBench for Blobs {
    async fn fresh(limit_bytes: u64) -> Self {
        Self(MemoryBlobs::new(limit_bytes))
    }

    fn blobs(&self) -> Arc<dyn BlobStore> {
        Arc::new(self.0.clone())
    }
}

mod queue {
    voicefleet_testkit::queue_conformance!(super::Queue);
}

mod records {
    voicefleet_testkit::records_conformance!(super::Records);
}

struct OfTurns(MemoryTurns);

#[async_trait]
impl TurnsBench for OfTurns {
    async fn fresh() -> Self {
        Self(MemoryTurns::default())
    }

    fn turns(&self) -> Arc<dyn Turns> {
        Arc::new(self.0.clone())
    }

    fn ledger(&self) -> Option<Arc<dyn FleetLedger>> {
        None
    }
}

mod turns {
    voicefleet_testkit::turns_conformance!(super::OfTurns);
}

mod blobs {
    voicefleet_testkit::blobs_conformance!(super::Blobs);
    voicefleet_testkit::blobs_eviction!(super::Blobs);
}
