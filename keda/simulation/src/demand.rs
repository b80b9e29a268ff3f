//! From what waits and runs to the workers wanted.

use std::time::Duration;

use voicefleet_core::scaling;

/// What waits and what runs in one pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolLoad {
    /// Compute time of the jobs that wait or run, each with its whole cost, by [`voicefleet_core::Tier::rank`].
    pub backlog: [Duration; 3],
    /// Jobs that wait.
    pub waiting: u64,
    /// Jobs that run.
    pub in_flight: u64,
    /// Jobs that one worker runs at a time.
    pub slots: u32,
}

/// How many workers a pool is to have; the metric that the scaler reports.
pub trait Demand {
    /// Workers wanted, unbounded.
    fn workers(&self, load: &PoolLoad) -> u32;
}

impl<F: Fn(&PoolLoad) -> u32> Demand for F {
    fn workers(&self, load: &PoolLoad) -> u32 {
        self(load)
    }
}

/// In what time the backlog of each tier is to be worked off, by [`voicefleet_core::Tier::rank`]; each above 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrainTargets(pub [Duration; 3]);

impl Default for DrainTargets {
    /// Those of the product.
    fn default() -> Self {
        Self(
            scaling::DrainTargets::default()
                .0
                .map(Duration::from_secs_f64),
        )
    }
}

/// What the product does: see [`voicefleet_core::scaling::Demand`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkSeconds {
    /// The times.
    pub drain: DrainTargets,
}

impl Demand for WorkSeconds {
    fn workers(&self, load: &PoolLoad) -> u32 {
        let demand = scaling::Demand {
            in_flight: load.in_flight,
            waiting: load.waiting,
            backlog_seconds: load.backlog.map(|backlog| backlog.as_secs_f64()),
            ..scaling::Demand::default()
        };
        let drain = scaling::DrainTargets(self.drain.0.map(|drain| drain.as_secs_f64()));
        demand.with_workers(load.slots, &drain).workers
    }
}
