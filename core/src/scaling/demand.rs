//! The demand of one pool, whatever the others want.

use crate::{ports::PoolGauge, tier::Tier};

/// In what time the backlog of each tier shall be worked off, seconds, indexed by [`Tier::rank`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DrainTargets(pub [f64; 3]);

impl Default for DrainTargets {
    /// 5 seconds, a minute, ten minutes.
    fn default() -> Self {
        Self([5.0, 60.0, 600.0])
    }
}

impl DrainTargets {
    /// Whether all of them are above 0 and at most a day.
    pub fn are_valid(&self) -> bool {
        let mut targets = self.0.iter();
        targets.all(|seconds| *seconds > 0.0 && *seconds <= 86_400.0)
    }
}

/// What one pool wants.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Demand {
    /// Workers.
    pub workers: u32,
    /// Jobs with a worker.
    pub in_flight: u64,
    /// Jobs that no worker has yet, those included that are recorded and not in the queue yet.
    pub waiting: u64,
    /// Compute-seconds of both, per tier, indexed by [`Tier::rank`].
    pub backlog_seconds: [f64; 3],
}

impl Demand {
    /// The demand behind a gauge: the larger of
    ///
    /// - what works the backlog off in time, a worker of `slots` slots doing so many compute-seconds a second:
    ///   `ceil(sum over tiers of backlog_seconds / (drain_seconds * slots))`, and
    /// - what is busy, so that nobody is scaled in at work: `ceil(in_flight / slots)`;
    ///
    /// and at least 1 where there is anything to do. `correction` is what a job of this engine really costs
    /// beside its estimate (see [`LearntCosts`](super::LearntCosts)).
    pub fn of(gauge: &PoolGauge, slots: u32, drain: &DrainTargets, correction: f64) -> Self {
        let mut demand = Self {
            waiting: gauge.reserved,
            ..Self::default()
        };
        for tier in &gauge.tiers {
            demand.in_flight += tier.in_flight;
            demand.waiting += tier.ready;
            demand.backlog_seconds[tier.tier.rank()] += tier.cost_seconds.max(0.0) * correction;
        }
        demand.with_workers(slots, drain)
    }

    /// The same with the workers that its load asks for, as [`of`](Self::of) has them.
    #[must_use]
    pub fn with_workers(self, slots: u32, drain: &DrainTargets) -> Self {
        let slots = slots.max(1);
        let busy = self.in_flight.div_ceil(u64::from(slots));
        let in_time: f64 = Tier::ALL
            .map(|tier| self.backlog_seconds[tier.rank()] / drain.0[tier.rank()])
            .iter()
            .sum();
        let least = u32::from(self.is_active());
        let workers = whole(in_time / f64::from(slots))
            .max(u32::try_from(busy).unwrap_or(u32::MAX))
            .max(least);
        Self { workers, ..self }
    }

    /// Whether there is anything to do.
    pub fn is_active(&self) -> bool {
        self.in_flight + self.waiting > 0
    }
}

/// What sums of fractions may be off by without meaning another worker.
const ROUNDING: f64 = 1e-6;

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates: 2^32 workers are as good as any larger number"
)]
fn whole(workers: f64) -> u32 {
    (workers - ROUNDING).ceil() as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{catalog::EngineId, ports::TierGauge};

    fn gauge(tiers: [(u64, u64, f64); 3]) -> PoolGauge {
        let tiers = Tier::ALL.into_iter().zip(tiers);
        PoolGauge {
            engine: EngineId::new("piper"),
            reserved: 0,
            tiers: tiers
                .map(|(tier, (ready, in_flight, cost_seconds))| TierGauge {
                    tier,
                    ready,
                    in_flight,
                    cost_seconds,
                    dead: 0,
                    oldest: None,
                    tenants: 0,
                })
                .collect(),
        }
    }

    fn workers(tiers: [(u64, u64, f64); 3], slots: u32) -> u32 {
        Demand::of(&gauge(tiers), slots, &DrainTargets::default(), 1.0).workers
    }

    const NOTHING: (u64, u64, f64) = (0, 0, 0.0);

    #[test]
    fn nothing_to_do_wants_nobody() {
        assert_eq!(workers([NOTHING; 3], 1), 0);
    }

    #[test]
    fn one_small_job_wants_one() {
        assert_eq!(workers([NOTHING, NOTHING, (1, 0, 0.01)], 4), 1);
    }

    #[test]
    fn work_counts_by_its_length_and_urgency() {
        // The same hour of work, to be done in 5 s, a minute, ten minutes.
        let hour = (1, 0, 3600.0);
        assert_eq!(workers([hour, NOTHING, NOTHING], 1), 720);
        assert_eq!(workers([NOTHING, hour, NOTHING], 1), 60);
        assert_eq!(workers([NOTHING, NOTHING, hour], 1), 6);
        assert_eq!(workers([hour, hour, hour], 1), 786);
        assert_eq!(workers([NOTHING, NOTHING, hour], 4), 2);
    }

    #[test]
    fn whoever_is_busy_is_wanted() {
        assert_eq!(workers([NOTHING, (0, 9, 0.9), NOTHING], 4), 3);
    }

    #[test]
    fn what_is_not_in_the_queue_yet_is_wanted_too() {
        let gauge = PoolGauge {
            reserved: 1,
            ..gauge([NOTHING; 3])
        };
        let demand = Demand::of(&gauge, 1, &DrainTargets::default(), 1.0);
        assert!(demand.is_active() && demand.workers == 1);
    }

    #[test]
    fn what_costs_twice_as_much_as_was_thought_wants_twice_as_many() {
        let gauge = gauge([NOTHING, (100, 0, 600.0), NOTHING]);
        let demand = |correction| Demand::of(&gauge, 1, &DrainTargets::default(), correction);
        assert_eq!((demand(1.0).workers, demand(2.0).workers), (10, 20));
    }

    proptest! {
        #[test]
        fn more_work_never_wants_fewer(
            costs in proptest::array::uniform3(0.0..10_000.0_f64),
            more in 0.0..1_000.0_f64,
            slots in 1..16_u32,
            tier in 0..3_usize,
        ) {
            let of = |costs: [f64; 3]| workers(costs.map(|cost| (1, 0, cost)), slots);
            let mut larger = costs;
            larger[tier] += more;
            prop_assert!(of(larger) >= of(costs));
        }
    }
}
