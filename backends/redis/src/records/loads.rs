//! What the jobs in flight amount to.

use async_trait::async_trait;
use voicefleet_core::{
    EngineId, JobId, Tier,
    ports::{LaneLoad, LaneLoads, QueueError},
};

use super::RedisRecords;

#[async_trait]
impl LaneLoads for RedisRecords {
    async fn load(&self, engine: &EngineId, tier: Tier) -> Result<LaneLoad, QueueError> {
        let (jobs, oldest) = self.members(engine, tier).await?;
        let mut command = redis::cmd("HMGET");
        command
            .arg(format!("{}load:{engine}:{tier}", self.prefix))
            .arg(&["running", "cost"]);
        let (running, cost_ms): (Option<i64>, Option<i64>) = self.link.command(&command).await?;
        let mut behind = redis::cmd("SCARD");
        behind.arg(format!("{}behind:{engine}:{tier}", self.prefix));
        let tenants = self.link.command(&behind).await?;
        let count = |number: Option<i64>| u64::try_from(number.unwrap_or(0)).unwrap_or(0);
        #[expect(
            clippy::cast_precision_loss,
            reason = "milliseconds of work are far below 2^52"
        )]
        let cost_seconds = count(cost_ms) as f64 / 1000.0;
        Ok(LaneLoad {
            jobs,
            running: count(running),
            oldest: oldest.map(JobId::created_at),
            cost_seconds,
            tenants,
        })
    }
}

impl RedisRecords {
    /// How many jobs there are, and the oldest.
    async fn members(
        &self,
        engine: &EngineId,
        tier: Tier,
    ) -> Result<(u64, Option<JobId>), QueueError> {
        let members = format!("{}pool:{engine}:{tier}", self.prefix);
        let mut count = redis::cmd("ZCARD");
        count.arg(&members);
        let mut first = redis::cmd("ZRANGE");
        first.arg(&members).arg(&[0, 0]);
        let jobs = self.link.command(&count).await?;
        let oldest: Vec<String> = self.link.command(&first).await?;
        let oldest = oldest.first().and_then(|id| id.parse().ok());
        Ok((jobs, oldest))
    }
}
