//! What the jobs in flight amount to.

use async_trait::async_trait;
use voicefleet_core::{
    EngineId, Tier,
    ports::{LaneLoad, LaneLoads, QueueError},
};

use super::RedisRecords;

#[async_trait]
impl LaneLoads for RedisRecords {
    async fn load(&self, engine: &EngineId, tier: Tier) -> Result<LaneLoad, QueueError> {
        let mut command = redis::cmd("HMGET");
        command
            .arg(format!("{}load:{engine}:{tier}", self.prefix))
            .arg(&["running", "cost"]);
        let (running, cost_ms): (Option<i64>, Option<i64>) = self.link.command(&command).await?;
        let count = |number: Option<i64>| u64::try_from(number.unwrap_or(0)).unwrap_or(0);
        #[expect(
            clippy::cast_precision_loss,
            reason = "milliseconds of work are far below 2^52"
        )]
        let cost_seconds = count(cost_ms) as f64 / 1000.0;
        Ok(LaneLoad {
            running: count(running),
            cost_seconds,
        })
    }
}
