//! Turns in memory.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use voicefleet_core::{
    EngineId, Envelope, JobId, Tenant, Tier, Weight,
    ports::{QueueError, TURN_SECONDS, TenantLane, Turn, Turns, UNKNOWN_SLOTS, least_turns},
};

use super::lock;

/// The turns of a fleet of which no worker is up. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct MemoryTurns(Arc<Mutex<HashMap<TenantLane, Held>>>);

#[derive(Debug, Default)]
struct Held {
    costs: HashMap<JobId, f64>,
    weight: Weight,
    some_behind: bool,
}

impl Held {
    fn is_free(&self) -> bool {
        let window = f64::from(UNKNOWN_SLOTS * self.weight.get()) * TURN_SECONDS;
        self.costs.len() < least_turns(UNKNOWN_SLOTS, self.weight) as usize
            || self.costs.values().sum::<f64>() < window
    }

    fn give(&mut self, envelope: &Envelope) {
        self.costs.insert(envelope.job_id, envelope.cost);
    }
}

impl MemoryTurns {
    fn with<T>(&self, lane: &TenantLane, work: impl FnOnce(&mut Held) -> T) -> T {
        work(lock(&self.0).entry(lane.clone()).or_default())
    }
}

#[async_trait]
impl Turns for MemoryTurns {
    async fn take(&self, envelope: &Envelope) -> Result<Turn, QueueError> {
        Ok(self.with(&TenantLane::of(envelope), |held| {
            if held.costs.contains_key(&envelope.job_id) {
                return Turn::Taken;
            }
            held.weight = envelope.weight;
            if held.some_behind || !held.is_free() {
                held.some_behind = true;
                return Turn::Behind;
            }
            held.give(envelope);
            Turn::Taken
        }))
    }

    async fn note_behind(&self, lane: &TenantLane) -> Result<bool, QueueError> {
        Ok(self.with(lane, |held| {
            held.some_behind = true;
            held.is_free()
        }))
    }

    async fn grant(&self, envelope: &Envelope) -> Result<bool, QueueError> {
        Ok(self.with(&TenantLane::of(envelope), |held| {
            held.weight = envelope.weight;
            held.give(envelope);
            held.is_free()
        }))
    }

    async fn give_back(&self, envelope: &Envelope) -> Result<bool, QueueError> {
        Ok(self.with(&TenantLane::of(envelope), |held| {
            held.costs.remove(&envelope.job_id);
            held.some_behind && held.is_free()
        }))
    }

    async fn note_none_behind(&self, lane: &TenantLane) -> Result<(), QueueError> {
        self.with(lane, |held| held.some_behind = false);
        Ok(())
    }

    async fn tenants_behind(
        &self,
        engine: &EngineId,
        tier: Tier,
    ) -> Result<Vec<Tenant>, QueueError> {
        let all = lock(&self.0);
        let behind = all
            .iter()
            .filter(|(lane, held)| lane.engine == *engine && lane.tier == tier && held.some_behind);
        let tenants: BTreeSet<_> = behind.map(|(lane, _)| lane.tenant.clone()).collect();
        Ok(tenants.into_iter().collect())
    }
}
