//! Queue, records and blobs in memory, for tests of what stands above the ports.
//!
//! They keep the ports' promises (the conformance suites run over them) except durability, and each
//! has an [`Outage`] switch.

mod blobs;
mod documents;
mod outage;
mod pool;
mod queue;
mod records;
mod turns;

pub use blobs::MemoryBlobs;
pub use documents::MemoryDocuments;
pub use outage::Outage;
pub use queue::MemoryQueue;
pub use records::MemoryRecords;
pub use turns::MemoryTurns;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A test that panicked while it held a fake must not make every later assertion about poison.
fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
