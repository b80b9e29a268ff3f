//! Pools of workers under their ways to be scaled.

mod day;
mod pool;
mod properties;

use std::time::Duration;

use voicefleet_core::{EngineId, Tier};
use voicefleet_simulation::{
    Arrival, DrainTargets, Pool, Report, Scaling, Scenario, ScenarioError, Trace,
    control_loops::Behavior,
};

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn job(at: u64, tier: Tier, cost: u64) -> Arrival {
    Arrival {
        at: s(at),
        engine: EngineId::new("piper"),
        tier,
        cost: s(cost),
    }
}

/// One slot for each worker, ready after 3 s, scaled by work.
fn pool() -> Pool {
    Pool {
        engine: EngineId::new("piper"),
        slots: 1,
        start_up: s(3),
        grace: s(90),
        deletion_cost: true,
        min: 0,
        max: 10,
        idle: None,
        cooldown: s(120),
        behavior: Some(Behavior::default()),
        scaling: Scaling::Work {
            polling_interval: s(5),
        },
    }
}

fn scenario(pool: Pool, jobs: Vec<Arrival>) -> Result<Scenario, ScenarioError> {
    let drain = DrainTargets::default();
    Scenario::new(Trace::new(jobs), vec![pool], drain, s(600))
}

/// The workers wanted, each time that they change.
fn workers(report: &Report) -> Vec<u32> {
    let steps = report.pools[0].replicas.iter();
    steps.map(|step| step.workers).collect()
}
