//! What the fleet has computed, and how its compute is divided.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use voicefleet_core::{
    EngineId, Tenant,
    ports::{FleetLedger, LedgerUnavailable, TenantUsage, WorkerPresence},
    scaling::{EngineUsage, Split},
};

use super::RedisRecords;

/// Older minutes are forgotten.
const MOST_MINUTES: u64 = 120;

#[async_trait]
impl FleetLedger for RedisRecords {
    async fn usage(
        &self,
        window: Duration,
    ) -> Result<BTreeMap<EngineId, EngineUsage>, LedgerUnavailable> {
        let minutes = window.as_secs().div_ceil(60).clamp(1, MOST_MINUTES);
        let sums: Vec<(String, String, i64)> = self
            .link
            .script(&self.scripts.usage(minutes))
            .await
            .map_err(unavailable)?;
        let mut by_engine: BTreeMap<EngineId, ([i64; 3], u64)> = BTreeMap::new();
        for (engine, field, sum) in sums {
            let (milliseconds, jobs) = by_engine.entry(EngineId::new(engine)).or_default();
            match field.as_str() {
                "spent" => milliseconds[0] = sum,
                "estimated" => milliseconds[1] = sum,
                "finished" => milliseconds[2] = sum,
                _ => *jobs = u64::try_from(sum).unwrap_or(0),
            }
        }
        let usage = |(milliseconds, jobs)| EngineUsage::from_milliseconds(milliseconds, jobs);
        Ok(by_engine
            .into_iter()
            .map(|(engine, sums)| (engine, usage(sums)))
            .collect())
    }

    async fn tenant_usage(
        &self,
        tenant: &Tenant,
        days_ago: u32,
    ) -> Result<TenantUsage, LedgerUnavailable> {
        let asked = self.scripts.tenant_usage(tenant, days_ago);
        let (milliseconds, jobs): (Option<i64>, Option<u64>) =
            self.link.script(&asked).await.map_err(unavailable)?;
        let spent = [milliseconds.unwrap_or(0), 0, 0];
        let jobs = jobs.unwrap_or(0);
        Ok(TenantUsage {
            compute_seconds: EngineUsage::from_milliseconds(spent, jobs).compute_seconds,
            jobs,
        })
    }

    async fn split(&self) -> Result<Option<Split>, LedgerUnavailable> {
        let mut command = redis::cmd("GET");
        command.arg(format!("{}split", self.prefix));
        let split: Option<String> = self.link.command(&command).await.map_err(unavailable)?;
        let damaged = |error| LedgerUnavailable(format!("the split cannot be read: {error}"));
        split
            .map(|split| serde_json::from_str(&split).map_err(damaged))
            .transpose()
    }

    async fn set_split(&self, split: &Split) -> Result<(), LedgerUnavailable> {
        let body = serde_json::to_string(split);
        let body = body.map_err(|error| LedgerUnavailable(error.to_string()))?;
        let mut command = redis::cmd("SET");
        command.arg(format!("{}split", self.prefix)).arg(body);
        self.link.command(&command).await.map_err(unavailable)
    }

    async fn note_worker(
        &self,
        worker: &WorkerPresence,
        ttl: Duration,
    ) -> Result<(), LedgerUnavailable> {
        let note = self.scripts.worker(worker, Some(ttl));
        self.link.script(&note).await.map_err(unavailable)
    }

    async fn forget_worker(&self, worker: &WorkerPresence) -> Result<(), LedgerUnavailable> {
        let note = self.scripts.worker(worker, None);
        self.link.script(&note).await.map_err(unavailable)
    }

    async fn workers(&self, engine: &EngineId) -> Result<Vec<WorkerPresence>, LedgerUnavailable> {
        let asked = self.link.script(&self.scripts.workers(engine)).await;
        let members: Vec<String> = asked.map_err(unavailable)?;
        let presence = |member: &String| {
            let (id, slots) = member.split_once(':')?;
            Some(WorkerPresence {
                id: id.parse().ok()?,
                engine: engine.clone(),
                slots: slots.parse().ok()?,
            })
        };
        Ok(members.iter().filter_map(presence).collect())
    }
}

fn unavailable(error: crate::error::Unavailable) -> LedgerUnavailable {
    LedgerUnavailable(error.0)
}
