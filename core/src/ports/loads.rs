//! What a queue may not know of the work in it.

use async_trait::async_trait;

use crate::{catalog::EngineId, tier::Tier, time::Timestamp};

use super::queue::QueueError;

/// The jobs of one engine and tier that have not ended.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LaneLoad {
    /// All of them, those included that are not in the queue yet.
    pub jobs: u64,
    /// Jobs with a worker, as far as is recorded: a worker that was killed has not said so.
    pub running: u64,
    /// When the oldest was accepted.
    pub oldest: Option<Timestamp>,
    /// Estimated compute-seconds of those and of the waiting ones.
    pub cost_seconds: f64,
    /// Tenants that may have jobs behind the lane, waiting for their turn.
    pub tenants: u64,
}

/// Told by the job records, for queues that only count what waits.
#[async_trait]
pub trait LaneLoads: Send + Sync {
    /// The load of one lane. Jobs that follow another are none: their work is done once.
    async fn load(&self, engine: &EngineId, tier: Tier) -> Result<LaneLoad, QueueError>;
}
