//! What is simulated: jobs, the pools that serve them, and how each pool is scaled.

use std::{collections::BTreeSet, time::Duration};

use voicefleet_core::EngineId;

use crate::{
    control_loops::{Behavior, ScaledObject},
    demand::DrainTargets,
    trace::Trace,
};

/// The workers of one engine.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    /// The engine.
    pub engine: EngineId,
    /// Jobs that a worker runs at a time, each at full speed. At least 1.
    pub slots: u32,
    /// From a pod's existence to its first job: image, start, model.
    pub start_up: Duration,
    /// `terminationGracePeriodSeconds`: what a worker that is taken away has to finish its jobs.
    pub grace: Duration,
    /// Whether workers say by pod-deletion-cost that they are busy, so that idle ones are taken first.
    pub deletion_cost: bool,
    /// `minReplicaCount`.
    pub min: u32,
    /// `maxReplicaCount`. At least 1.
    pub max: u32,
    /// `idleReplicaCount`.
    pub idle: Option<u32>,
    /// `cooldownPeriod`.
    pub cooldown: Duration,
    /// The HPA's `behavior`.
    pub behavior: Option<Behavior>,
    /// How it is scaled.
    pub scaling: Scaling,
}

/// How a pool is scaled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scaling {
    /// By the work that waits, over an `external-push` scaler: see [`crate::Demand`].
    Work {
        /// `pollingInterval`, above 0.
        polling_interval: Duration,
    },
    /// By the number of messages, those in flight included, as KEDA's `rabbitmq` trigger counts them
    /// over HTTP; at once, where the management plugin's figures are up to 5 s old.
    Messages {
        /// `value`: messages for each worker, above 0.
        per_worker: f64,
        /// `pollingInterval`, above 0.
        polling_interval: Duration,
    },
    /// Not: so many workers from beginning to end.
    Fixed {
        /// The workers. At least 1.
        workers: u32,
    },
}

impl Pool {
    /// The `ScaledObject` of this pool; `None` if it is not scaled.
    pub fn scaled_object(&self) -> Option<ScaledObject> {
        let (target, polling_interval) = match self.scaling {
            Scaling::Work { polling_interval } => (1.0, polling_interval),
            Scaling::Messages {
                per_worker,
                polling_interval,
            } => (per_worker, polling_interval),
            Scaling::Fixed { .. } => return None,
        };
        Some(ScaledObject {
            min: self.min,
            max: self.max,
            idle: self.idle,
            cooldown: self.cooldown,
            behavior: self.behavior.clone(),
            target,
            polling_interval,
            ..ScaledObject::default()
        })
    }

    fn check(&self) -> Result<(), ScenarioError> {
        let wrong = |what| {
            Err(ScenarioError::Setting {
                engine: self.engine.clone(),
                what,
            })
        };
        let polls = |every: Duration| !every.is_zero();
        match self.scaling {
            _ if self.slots == 0 => wrong("its workers have no slot"),
            _ if self.max == 0 => wrong("max is 0"),
            _ if self.min > self.max => wrong("min is above max"),
            _ if self.idle.is_some_and(|idle| idle >= self.min) => wrong("idle is not below min"),
            Scaling::Fixed { workers: 0 } => wrong("it has no worker"),
            Scaling::Messages { per_worker, .. } if per_worker.is_nan() || per_worker <= 0.0 => {
                wrong("the messages for each worker are not above 0")
            }
            Scaling::Work { polling_interval }
            | Scaling::Messages {
                polling_interval, ..
            } if !polls(polling_interval) => wrong("it is polled without a pause"),
            _ => Ok(()),
        }
    }
}

/// Why a scenario cannot be played.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScenarioError {
    /// Jobs without workers.
    #[error("the trace has jobs for '{0}', and no pool is for that engine")]
    NoPool(EngineId),
    /// Which of the two gets the jobs?
    #[error("there are two pools for '{0}'")]
    TwoPools(EngineId),
    /// A setting under which jobs would never be done.
    #[error("the pool of '{engine}': {what}")]
    Setting {
        /// The pool.
        engine: EngineId,
        /// What is wrong.
        what: &'static str,
    },
    /// A backlog cannot be worked off in no time.
    #[error("a drain target is 0 s")]
    DrainTarget,
}

/// Jobs and the pools that serve them. It can be played: every job has a pool, and every pool can have workers.
#[derive(Clone, Debug)]
pub struct Scenario {
    trace: Trace,
    pools: Vec<Pool>,
    drain: DrainTargets,
    horizon: Duration,
}

impl Scenario {
    /// A scenario. It is played until `horizon`, and as much longer as jobs take.
    ///
    /// # Errors
    /// A sentence that names the pool and what is wrong with it.
    pub fn new(
        trace: Trace,
        pools: Vec<Pool>,
        drain: DrainTargets,
        horizon: Duration,
    ) -> Result<Self, ScenarioError> {
        let mut engines = BTreeSet::new();
        for pool in &pools {
            pool.check()?;
            if !engines.insert(&pool.engine) {
                return Err(ScenarioError::TwoPools(pool.engine.clone()));
            }
        }
        let mut jobs = trace.arrivals().iter();
        if let Some(job) = jobs.find(|job| !engines.contains(&job.engine)) {
            return Err(ScenarioError::NoPool(job.engine.clone()));
        }
        if drain.0.iter().any(Duration::is_zero) {
            return Err(ScenarioError::DrainTarget);
        }
        Ok(Self {
            trace,
            pools,
            drain,
            horizon,
        })
    }

    /// The same jobs with pools that are changed.
    ///
    /// # Errors
    /// As [`Scenario::new`].
    pub fn with_pools(&self, change: impl FnMut(&mut Pool)) -> Result<Self, ScenarioError> {
        let mut pools = self.pools.clone();
        pools.iter_mut().for_each(change);
        Self::new(self.trace.clone(), pools, self.drain, self.horizon)
    }

    /// The jobs.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// The pools.
    pub fn pools(&self) -> &[Pool] {
        &self.pools
    }

    /// In what time each tier's backlog is to be worked off.
    pub fn drain(&self) -> DrainTargets {
        self.drain
    }

    /// How long it is played at least.
    pub fn horizon(&self) -> Duration {
        self.horizon
    }
}
