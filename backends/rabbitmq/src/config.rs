//! How the queue is reached, and its bounds.

use std::time::Duration;

use voicefleet_core::{EngineId, tier::TierShares};

use crate::Address;

/// Where the broker is, and what may wait in it.
#[derive(Clone, Debug)]
pub struct RabbitConfig {
    /// Where the broker is.
    pub address: Address,
    /// What this process is called in the broker's list of connections.
    pub name: String,
    /// Begins the name of every queue; `v1` stands for this layout of queues and messages.
    pub prefix: String,
    /// The engines that have lanes.
    pub engines: Vec<EngineId>,
    /// Most envelopes that may wait in one lane, by tier. About: several publishers at the same moment
    /// may each find room for one, and one that finds the lane less than half full does not ask again
    /// for a quarter of a second.
    pub max_waiting: [u32; 3],
    /// What the tiers are guaranteed of what each consumer gets.
    pub shares: TierShares,
    /// Longest wait for the broker to confirm, answer or come back.
    pub patience: Duration,
}

impl RabbitConfig {
    /// The usual bounds.
    pub fn new(address: Address, engines: Vec<EngineId>) -> Self {
        Self {
            address,
            name: format!("voicefleet-{}", std::process::id()),
            prefix: "v1".to_owned(),
            engines,
            max_waiting: [1_000, 20_000, 200_000],
            shares: TierShares::default(),
            patience: Duration::from_secs(3),
        }
    }
}
