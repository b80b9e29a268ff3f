//! What a backend promises, case by case.
//!
//! A backend implements a bench per port ([`queue::QueueBench`], [`records::RecordsBench`],
//! [`blobs::BlobsBench`], [`turns::TurnsBench`], and [`Reopen`] if it keeps things) in its own tests and names it to the
//! macros; each case then shows there as a test of its own:
//!
//! ```ignore
//! voicefleet_testkit::queue_conformance!(MyBench);
//! voicefleet_testkit::queue_durability!(MyBench);
//! ```
//!
//! Cases make no assumption about speed. Where something must not come, they look at what comes
//! instead of it; where something must come, they wait for it with [`within_patience`].

#![expect(
    clippy::missing_panics_doc,
    reason = "cases fail by panicking, which is what they are for"
)]

pub mod blobs;
pub mod queue;
pub mod records;
pub mod turns;

use std::{future::Future, time::Duration};

use async_trait::async_trait;

/// How long a case waits for what must happen, before it fails.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What keeps its content when its process ends.
#[async_trait]
pub trait Reopen: Sized {
    /// Closes it, or loses every connection to it, and opens what is there.
    async fn reopen(self) -> Self;
}

/// The outcome of `event`, which must come.
///
/// # Panics
/// If it does not come within [`PATIENCE`].
pub async fn within_patience<T>(event: impl Future<Output = T>) -> T {
    let outcome = tokio::time::timeout(PATIENCE, event).await;
    outcome.unwrap_or_else(|_| panic!("nothing happened for {PATIENCE:?}"))
}

/// Gives `event`, which must not come yet, a moment to prove that it does not, and to get to where it
/// really waits. However slow the machine, this fails only if the event comes.
///
/// # Panics
/// If it comes.
pub async fn stays_pending<T>(event: &mut (impl Future<Output = T> + Unpin)) {
    let waited = tokio::time::timeout(Duration::from_millis(20), event).await;
    assert!(waited.is_err(), "it came though nothing had happened");
}
