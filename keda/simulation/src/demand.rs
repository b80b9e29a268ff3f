//! From what waits and runs to the workers wanted.

use std::time::Duration;

use voicefleet_core::Tier;

/// What waits and what runs in one pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolLoad {
    /// Compute time of the jobs that wait or run, each with its whole cost, by [`Tier::rank`].
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

/// In what time the backlog of each tier is to be worked off, by [`Tier::rank`]; each above 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrainTargets(pub [Duration; 3]);

impl Default for DrainTargets {
    /// 10 s, a minute, ten minutes: the values that are shipped.
    fn default() -> Self {
        Self([10, 60, 600].map(Duration::from_secs))
    }
}

/// Enough workers to work every tier's backlog off in its time, and never fewer than those that are busy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkSeconds {
    /// The times.
    pub drain: DrainTargets,
}

impl Demand for WorkSeconds {
    /// `max(ceil(sum over tiers of backlog / drain), ceil(in_flight / slots))`: the second term keeps
    /// a scale-in from busy workers.
    fn workers(&self, load: &PoolLoad) -> u32 {
        let share = |tier: Tier| {
            let (backlog, drain) = (load.backlog[tier.rank()], self.drain.0[tier.rank()]);
            backlog.as_secs_f64() / drain.as_secs_f64()
        };
        let by_work = round_up(Tier::ALL.into_iter().map(share).sum());
        let busy = load.in_flight.div_ceil(u64::from(load.slots));
        by_work.max(u32::try_from(busy).unwrap_or(u32::MAX))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, and the value is whole"
)]
fn round_up(workers: f64) -> u32 {
    workers.ceil() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(backlog: [u64; 3], in_flight: u64) -> u32 {
        let load = PoolLoad {
            backlog: backlog.map(Duration::from_secs),
            in_flight,
            slots: 2,
            ..PoolLoad::default()
        };
        WorkSeconds::default().workers(&load)
    }

    #[test]
    fn each_tier_counts_by_its_drain_time() {
        assert_eq!(wanted([0, 0, 0], 0), 0);
        assert_eq!(wanted([1, 0, 0], 0), 1);
        assert_eq!(wanted([25, 0, 0], 0), 3);
        assert_eq!(wanted([5, 30, 300], 0), 2, "half a worker each");
        assert_eq!(wanted([0, 0, 1_200], 0), 2);
    }

    #[test]
    fn busy_workers_are_wanted() {
        assert_eq!(wanted([1, 0, 0], 7), 4);
    }
}
