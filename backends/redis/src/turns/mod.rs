//! Turns: a hash by engine, tier and tenant, beside the job records.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use redis::{Script, ScriptInvocation};
use voicefleet_core::{
    EngineId, Envelope, Tenant, Tier,
    ports::{QueueError, TURN_SECONDS, TenantLane, Turn, Turns, UNKNOWN_SLOTS},
};

use crate::{
    config::millis,
    link::Link,
    script::{self, script},
};

/// The turns on Redis, beside the job records.
pub struct RedisTurns {
    link: Arc<Link>,
    prefix: String,
    take: Script,
    note_behind: Script,
    grant: Script,
    give_back: Script,
}

impl RedisTurns {
    pub(crate) fn new(link: Arc<Link>, prefix: String) -> Self {
        Self {
            link,
            prefix,
            take: script!("take.lua"),
            note_behind: script!("note_behind.lua"),
            grant: script!("grant.lua"),
            give_back: script!("give_back.lua"),
        }
    }

    fn call<'a>(&self, script: &'a Script, lane: &TenantLane) -> ScriptInvocation<'a> {
        let mut call = script::call(script, &self.prefix);
        call.arg(lane.engine.as_str())
            .arg(lane.tier.name())
            .arg(lane.tenant.as_str())
            .arg(millis(Duration::from_secs_f64(TURN_SECONDS)))
            .arg(UNKNOWN_SLOTS);
        call
    }

    async fn ask_for(&self, script: &Script, envelope: &Envelope) -> Result<bool, QueueError> {
        let mut call = self.call(script, &TenantLane::of(envelope));
        call.arg(envelope.job_id.to_string())
            .arg(millis(
                Duration::try_from_secs_f64(envelope.cost).unwrap_or_default(),
            ))
            .arg(envelope.weight.get());
        Ok(self.link.script(&call).await?)
    }

    fn behind(&self, engine: &EngineId, tier: Tier) -> String {
        format!("{}behind:{engine}:{tier}", self.prefix)
    }
}

#[async_trait]
impl Turns for RedisTurns {
    async fn take(&self, envelope: &Envelope) -> Result<Turn, QueueError> {
        let taken = self.ask_for(&self.take, envelope).await?;
        Ok(if taken { Turn::Taken } else { Turn::Behind })
    }

    async fn note_behind(&self, lane: &TenantLane) -> Result<bool, QueueError> {
        let call = self.call(&self.note_behind, lane);
        Ok(self.link.script(&call).await?)
    }

    async fn grant(&self, envelope: &Envelope) -> Result<bool, QueueError> {
        self.ask_for(&self.grant, envelope).await
    }

    async fn give_back(&self, envelope: &Envelope) -> Result<bool, QueueError> {
        self.ask_for(&self.give_back, envelope).await
    }

    async fn note_none_behind(&self, lane: &TenantLane) -> Result<(), QueueError> {
        let mut command = redis::cmd("SREM");
        command
            .arg(self.behind(&lane.engine, lane.tier))
            .arg(lane.tenant.as_str());
        Ok(self.link.command(&command).await?)
    }

    async fn tenants_behind(
        &self,
        engine: &EngineId,
        tier: Tier,
    ) -> Result<Vec<Tenant>, QueueError> {
        let mut command = redis::cmd("SMEMBERS");
        command.arg(self.behind(engine, tier));
        let names: Vec<String> = self.link.command(&command).await?;
        Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
    }
}
