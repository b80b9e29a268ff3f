//! Turns: how much of a lane one tenant may fill at a time, so that nobody waits behind another's flood.

use async_trait::async_trait;

use crate::{
    catalog::EngineId,
    envelope::Envelope,
    tenant::{Tenant, Weight},
    tier::Tier,
};

use super::queue::QueueError;

/// What one tenant may have waiting in a lane, compute-seconds for each slot of the pool and each unit of its
/// weight, if that is more than [`least_turns`] are. Whoever comes new waits about as long for each tenant that
/// floods; and slots take longer with it than calling up the next one takes.
pub const TURN_SECONDS: f64 = 0.1;

/// How many jobs one tenant may have waiting in a lane however long they are: one for every four slots that
/// may become free, for each unit of its weight.
pub fn least_turns(slots: u32, weight: Weight) -> u32 {
    slots.div_ceil(4).max(1).saturating_mul(weight.get())
}

/// For how many slots turns are given in a pool that has yet to start.
pub const UNKNOWN_SLOTS: u32 = 4;

/// What a tenant has in the lane of an engine and tier.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TenantLane {
    /// The engine.
    pub engine: EngineId,
    /// The tier.
    pub tier: Tier,
    /// Whose.
    pub tenant: Tenant,
}

impl TenantLane {
    /// Where an envelope belongs.
    pub fn of(envelope: &Envelope) -> Self {
        Self {
            engine: envelope.spec.engine().clone(),
            tier: envelope.tier,
            tenant: envelope.tenant.clone(),
        }
    }
}

/// What became of asking for a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The envelope may be delivered.
    Taken,
    /// The tenant has as much in the lane as it may, or others of its own were there before: the envelope
    /// is to be kept behind the lane until a turn is free.
    Behind,
}

/// Keeps count of the turns of all tenants, for a queue that cannot sort what is in it. All processes of a
/// fleet share one.
///
/// Turns that were never given back, because an envelope was lost, lapse: nobody is held back for ever.
#[async_trait]
pub trait Turns: Send + Sync {
    /// Asks for a turn for an envelope that is about to be published. One that has a turn keeps it.
    async fn take(&self, envelope: &Envelope) -> Result<Turn, QueueError>;

    /// Notes that an envelope has been put behind `lane`; whether a turn is free there by now.
    async fn note_behind(&self, lane: &TenantLane) -> Result<bool, QueueError>;

    /// Gives a turn to an envelope from behind its lane; whether another one is free and may be wanted.
    async fn grant(&self, envelope: &Envelope) -> Result<bool, QueueError>;

    /// Takes back the turn of an envelope that a worker has got; whether one is free and wanted.
    async fn give_back(&self, envelope: &Envelope) -> Result<bool, QueueError>;

    /// Notes that nothing is left behind `lane`.
    async fn note_none_behind(&self, lane: &TenantLane) -> Result<(), QueueError>;

    /// The tenants of which something may be behind the lane of `engine` and `tier`.
    async fn tenants_behind(
        &self,
        engine: &EngineId,
        tier: Tier,
    ) -> Result<Vec<Tenant>, QueueError>;
}
