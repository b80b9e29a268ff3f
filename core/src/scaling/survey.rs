//! Everything that scaling goes by, read at one moment.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Demand, DrainTargets, EngineUsage, Hardware, LearntCosts, PoolPlan, PoolPolicy, Split, plan,
};
use crate::{
    catalog::EngineId,
    ports::{FleetLedger, JobQueue, LedgerUnavailable, PoolGauge, QueueError},
};

/// Over what time a pool's actual part of the compute is counted.
const ACTUAL_OVER: Duration = Duration::from_mins(5);

/// From how long ago finished jobs teach.
const LEARN_OVER: Duration = Duration::from_hours(1);

/// How the fleet is scaled, as it was configured.
#[derive(Clone, Debug, PartialEq)]
pub struct ScalingPolicy {
    /// The pools.
    pub pools: Vec<PoolPolicy>,
    /// In what time backlogs are to be worked off.
    pub drain: DrainTargets,
    /// The split, until another one is set.
    pub split: Split,
}

impl Default for ScalingPolicy {
    /// Piper, Whisper and Kokoro on CPUs, one job at a time, at most 20 workers each.
    fn default() -> Self {
        let split = Split::default();
        let pool = |engine: &EngineId| PoolPolicy {
            engine: engine.clone(),
            hardware: Hardware::Cpu,
            slots: 1,
            max_workers: 20,
        };
        Self {
            pools: split.shares.keys().map(pool).collect(),
            drain: DrainTargets::default(),
            split,
        }
    }
}

impl ScalingPolicy {
    /// The engines of the pools.
    pub fn engines(&self) -> Vec<EngineId> {
        self.pools.iter().map(|pool| pool.engine.clone()).collect()
    }
}

/// Why the fleet cannot be surveyed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SurveyError {
    /// What waits is not known.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// What was computed, or the split, is not known.
    #[error(transparent)]
    Ledger(#[from] LedgerUnavailable),
}

/// One pool, as it is and as it should be.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolSurvey {
    /// What the queue says.
    pub gauge: PoolGauge,
    /// What it should have.
    pub plan: PoolPlan,
    /// Workers that are there.
    pub workers_up: u32,
    /// Their slots.
    pub slots_up: u32,
    /// Most workers that it may have.
    pub max_workers: u32,
    /// What its jobs really cost beside their estimates.
    pub correction: f64,
    /// Its part of what all pools have computed in the last five minutes, 0 to 1; `None` if none has.
    pub actual_ratio: Option<f64>,
}

/// All pools at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Survey {
    /// The split that the plans keep.
    pub split: Split,
    /// In the order of the policy.
    pub pools: Vec<PoolSurvey>,
}

impl Survey {
    /// Reads the gauges, the split and what was computed, and plans.
    ///
    /// # Errors
    /// [`SurveyError`]; half of a survey would be a wrong one.
    pub async fn take(
        queue: &dyn JobQueue,
        ledger: &dyn FleetLedger,
        policy: &ScalingPolicy,
    ) -> Result<Self, SurveyError> {
        let split = ledger
            .split()
            .await?
            .unwrap_or_else(|| policy.split.clone());
        let learnt = LearntCosts::from_usage(&ledger.usage(LEARN_OVER).await?);
        let actual = ledger.usage(ACTUAL_OVER).await?;
        let (mut gauges, mut demands) = (Vec::new(), Vec::new());
        for pool in &policy.pools {
            let gauge = queue.gauge(&pool.engine).await?;
            let correction = learnt.correction(&pool.engine);
            let demand = Demand::of(&gauge, pool.slots, &policy.drain, correction);
            let up = ledger.workers(&pool.engine).await?;
            gauges.push((gauge, up, correction, pool.max_workers));
            demands.push((pool.clone(), demand));
        }
        let plans = plan(&demands, &split);
        let pools = plans.into_iter().zip(gauges);
        Ok(Self {
            split,
            pools: pools
                .map(|(plan, (gauge, up, correction, max_workers))| PoolSurvey {
                    actual_ratio: ratio(&actual, &plan.engine),
                    workers_up: u32::try_from(up.len()).unwrap_or(u32::MAX),
                    slots_up: up.iter().map(|worker| worker.slots).sum(),
                    max_workers,
                    correction,
                    gauge,
                    plan,
                })
                .collect(),
        })
    }

    /// The pool of `engine`.
    pub fn pool(&self, engine: &EngineId) -> Option<&PoolSurvey> {
        self.pools.iter().find(|pool| pool.plan.engine == *engine)
    }
}

fn ratio(usage: &BTreeMap<EngineId, EngineUsage>, engine: &EngineId) -> Option<f64> {
    let all: f64 = usage.values().map(|usage| usage.compute_seconds).sum();
    let own = usage.get(engine).map_or(0.0, |usage| usage.compute_seconds);
    (all > 0.0).then(|| own / all)
}
