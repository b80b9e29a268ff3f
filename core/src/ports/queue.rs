//! The queue of envelopes: one lane per engine and tier, at least once, settled explicitly.
//!
//! Within a lane tenants that want more than there is get compute by their weight, and each its work in the
//! order in which it came; whoever wants less does not wait for those that flood.

use async_trait::async_trait;

use crate::{catalog::EngineId, envelope::Envelope, failure::Failure, tier::Tier, time::Timestamp};

/// Why the queue did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueueError {
    /// The queue does not answer, or did not confirm.
    #[error("the queue is unavailable: {0}")]
    Unavailable(String),
    /// As much as may wait is waiting.
    #[error("the {tier} queue of {engine} is full")]
    Full {
        /// The engine.
        engine: EngineId,
        /// The tier.
        tier: Tier,
    },
}

/// What becomes of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// Done with: its job has reached a terminal state, or it was a duplicate.
    Done,
    /// Deliver it again, one attempt used up, not before the given moment.
    Retry {
        /// Earliest next delivery.
        not_before: Timestamp,
    },
    /// Deliver it again at once, to anybody; no attempt is used up.
    GiveBack,
    /// Set it aside for a person.
    DeadLetter(Failure),
}

/// An envelope as received. Settled exactly once; dropped unsettled it is delivered again.
#[async_trait]
pub trait Delivery: Send {
    /// The envelope; its `attempt` counts the attempts used up before this one.
    fn envelope(&self) -> &Envelope;

    /// Whether this envelope was with somebody before who has not settled it, and may have left its
    /// job recorded as running.
    fn redelivered(&self) -> bool;

    /// Settles it.
    async fn settle(self: Box<Self>, settlement: Settlement) -> Result<(), QueueError>;
}

/// One worker's end of the queue of one engine.
#[async_trait]
pub trait JobConsumer: Send {
    /// The next delivery of a tier at least as urgent as `least`, in tier order (see
    /// [`crate::tier::TierRota`]); waits for one.
    ///
    /// Cancel safe: a delivery that was taken but not returned is delivered again.
    async fn next_of(&mut self, least: Tier) -> Result<Box<dyn Delivery>, QueueError>;

    /// Says how many deliveries, of the tiers of the next [`next_of`](Self::next_of), the caller will
    /// take one after the other without delay. A consumer to which each is a journey may then bring
    /// several from one.
    fn has_room_for(&mut self, _deliveries: usize) {}

    /// The next delivery of any tier.
    async fn next(&mut self) -> Result<Box<dyn Delivery>, QueueError> {
        self.next_of(Tier::Batch).await
    }
}

/// Tells that work has come, without taking any.
#[async_trait]
pub trait Arrivals: Send {
    /// Returns when something has been published since the last call, or may have been: after an outage
    /// nobody knows. Several arrivals may be told as one. Cancel safe.
    async fn next(&mut self);
}

/// What waits and what runs in one tier of one engine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TierGauge {
    /// The tier.
    pub tier: Tier,
    /// Envelopes waiting, those that wait for a retry included.
    pub ready: u64,
    /// Envelopes with a worker.
    pub in_flight: u64,
    /// Estimated compute-seconds of both.
    pub cost_seconds: f64,
    /// Dead letters.
    pub dead: u64,
    /// When the oldest of those that wait or run was accepted, where the queue knows.
    pub oldest: Option<Timestamp>,
    /// Tenants that have more there than their share of what is next, as far as the queue knows.
    pub tenants: u64,
}

/// The gauges of one engine, most urgent tier first.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolGauge {
    /// The engine.
    pub engine: EngineId,
    /// One per tier.
    pub tiers: Vec<TierGauge>,
    /// Jobs that are recorded and not up for delivery yet, since they are about to be queued or wait for their
    /// tenant's turn; their cost is counted above.
    pub reserved: u64,
}

/// The queue.
#[async_trait]
pub trait JobQueue: Send + Sync {
    /// Puts an envelope into the lane of its engine and tier, where it waits for a worker, and for its
    /// tenant's turn. On `Ok` it is durable.
    async fn publish(&self, envelope: &Envelope) -> Result<(), QueueError>;

    /// A consumer for `engine`.
    async fn consume(&self, engine: &EngineId) -> Result<Box<dyn JobConsumer>, QueueError>;

    /// Hears of what is published for `engine` from now on.
    async fn arrivals(&self, engine: &EngineId) -> Result<Box<dyn Arrivals>, QueueError>;

    /// What waits and runs for `engine`, read from the queue itself.
    async fn gauge(&self, engine: &EngineId) -> Result<PoolGauge, QueueError>;

    /// Finishes what a process that is gone may have left half done in the queue. To be called every now
    /// and then by somebody.
    async fn tend(&self) -> Result<(), QueueError> {
        Ok(())
    }

    /// Removes the dead letters of one lane for good and says how many there were. Their jobs' records stay.
    async fn purge_dead(&self, engine: &EngineId, tier: Tier) -> Result<u64, QueueError>;
}
