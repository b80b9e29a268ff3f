//! When a job will be done, as far as that can be told.

use super::{PoolSurvey, steering::COLD_START_SECONDS};
use crate::{
    job::Progress,
    ports::{PoolGauge, TURN_SECONDS, UNKNOWN_SLOTS, least_turns},
    tenant::Weight,
    tier::Tier,
};

/// What can be said of the time that a job still takes. Estimates all.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outlook {
    /// Jobs that come first, where the job waits: those of its own tier and of more urgent ones that wait,
    /// whichever of them came earlier. 0 for one whose turn it is.
    pub jobs_ahead: Option<u64>,
    /// Until its end, seconds; `None` where nobody knows, or where it has no worker and gets none.
    pub eta_seconds: Option<f64>,
}

/// A job that waits for a worker.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Waiting {
    /// How urgent it is.
    pub tier: Tier,
    /// Its estimated cost, compute-seconds.
    pub cost_seconds: f64,
    /// Whether the survey was taken after it came, so that it is among the waiting there.
    pub is_surveyed: bool,
    /// How many other jobs its tenant has in flight; `None` where nobody is told apart.
    pub others_of_tenant: Option<u64>,
}

impl Outlook {
    /// Of a job that waits for a worker of `pool`.
    ///
    /// What its tier and more urgent ones still have to compute comes first, spread over the slots that are
    /// up. Where none is up but some will be, it is spread over the workers that the pool is to have, a slot
    /// each, once the first has started.
    pub fn of_waiting(job: Waiting, pool: &PoolSurvey) -> Self {
        let cost = job.cost_seconds * pool.correction;
        let counted = if job.is_surveyed { cost } else { 0.0 };
        let ahead = seconds_ahead(job.tier, job.others_of_tenant, counted, pool);
        Self {
            jobs_ahead: Some(jobs_ahead(job, ahead, pool)),
            eta_seconds: capacity(pool).map(|(begins_in, slots)| begins_in + ahead / slots + cost),
        }
    }

    /// The soonest that a job which has just come to `pool` can begin, seconds, if every worker that the pool
    /// has or is to have by its demand were there already; `None` where nobody knows, or it gets none. That a
    /// worker has yet to start is left out: a pool that work is kept from for that would never wake.
    pub fn soonest_begin(tier: Tier, of_tenant: Option<u64>, pool: &PoolSurvey) -> Option<f64> {
        let (_, slots) = capacity(pool)?;
        let workers = f64::from(pool.workers_up.max(1));
        let planned = f64::from(pool.plan.demand.workers.min(pool.max_workers));
        let slots = slots * (planned / workers).max(1.0);
        Some(seconds_ahead(tier, of_tenant, 0.0, pool) / slots)
    }

    /// Of a job that has a worker: the part of its cost that is not done. `correction` is what jobs of its
    /// engine really cost beside their estimates.
    pub fn of_running(cost_seconds: f64, correction: f64, progress: Progress) -> Self {
        let left = (1.0 - progress.fraction()).clamp(0.0, 1.0);
        Self {
            jobs_ahead: None,
            eta_seconds: Some(cost_seconds * correction * left),
        }
    }

    /// Of a job that waits for the end of an identical one, whose outlook this is.
    #[must_use]
    pub fn of_follower(self) -> Self {
        Self {
            jobs_ahead: Some(self.jobs_ahead.unwrap_or(0)),
            ..self
        }
    }
}

/// What is computed before a job: all of more urgent tiers, and of its own, of which `counted` is its own part,
/// no more than comes before it by fair shares. For while what its tenant has is worked off, as much is for
/// each tenant that floods the tier, and what those may have in the lane comes before a newcomer.
fn seconds_ahead(tier: Tier, of_tenant: Option<u64>, counted: f64, pool: &PoolSurvey) -> f64 {
    let backlog = &pool.plan.demand.backlog_seconds;
    let urgent: f64 = backlog[..tier.rank()].iter().sum();
    let all = (backlog[tier.rank()] - counted).max(0.0);
    let Some(of_tenant) = of_tenant else {
        return urgent + all;
    };
    let mean = mean_cost(&pool.gauge) * pool.correction;
    let slots = match pool.slots_up {
        0 => UNKNOWN_SLOTS,
        slots => slots,
    };
    let jobs = f64::from(least_turns(slots, Weight::default()));
    let window = (jobs * mean).max(f64::from(slots) * TURN_SECONDS);
    let own = as_float(of_tenant) * mean;
    let gauges = pool.gauge.tiers.iter();
    let flooding = gauges
        .filter(|gauge| gauge.tier == tier)
        .map(|gauge| gauge.tenants)
        .sum::<u64>();
    let others = flooding.saturating_sub(u64::from(own > window));
    urgent + all.min(own + as_float(others) * (own + window))
}

/// What a job of the pool is estimated to cost, compute-seconds.
fn mean_cost(gauge: &PoolGauge) -> f64 {
    let queued = gauge.tiers.iter().map(|tier| tier.ready + tier.in_flight);
    let jobs = queued.sum::<u64>() + gauge.reserved;
    let cost: f64 = gauge.tiers.iter().map(|tier| tier.cost_seconds).sum();
    cost / as_float(jobs.max(1))
}

#[expect(clippy::cast_precision_loss, reason = "counts of jobs")]
fn as_float(count: u64) -> f64 {
    count as f64
}

fn jobs_ahead(job: Waiting, seconds_ahead: f64, pool: &PoolSurvey) -> u64 {
    let first = pool
        .gauge
        .tiers
        .iter()
        .filter(|gauge| gauge.tier <= job.tier);
    let waiting: u64 = first.map(|gauge| gauge.ready).sum();
    let all = waiting.saturating_sub(u64::from(job.is_surveyed));
    let backlog: f64 = pool.plan.demand.backlog_seconds[..=job.tier.rank()]
        .iter()
        .sum();
    if job.others_of_tenant.is_none() || backlog <= 0.0 {
        return all;
    }
    all.min(part_of(waiting, seconds_ahead / backlog))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float cast saturates"
)]
fn part_of(count: u64, part: f64) -> u64 {
    (as_float(count) * part).ceil() as u64
}

/// In how many seconds a pool computes, and then how many compute-seconds a second; `None` for never.
fn capacity(pool: &PoolSurvey) -> Option<(f64, f64)> {
    if pool.slots_up > 0 {
        return Some((0.0, f64::from(pool.slots_up)));
    }
    // A pool without demand gets its first worker when it has some; one that has demand gets what is planned.
    let is_refused = pool.plan.demand.is_active() && pool.plan.workers == 0;
    if pool.max_workers == 0 || is_refused {
        return None;
    }
    Some((COLD_START_SECONDS, f64::from(pool.plan.workers.max(1))))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        catalog::EngineId,
        ports::TierGauge,
        scaling::{Demand, DrainTargets, Limit, PoolPlan},
    };

    /// A pool with so many jobs waiting per tier, 2 compute-seconds each, of which it plans 3 workers.
    fn pool(waiting: [u64; 3], slots_up: u32) -> PoolSurvey {
        let engine = EngineId::new("piper");
        let tiers = Tier::ALL.into_iter().zip(waiting);
        let gauge = PoolGauge {
            engine: engine.clone(),
            reserved: 0,
            tiers: tiers
                .map(|(tier, ready)| TierGauge {
                    tier,
                    ready,
                    in_flight: 0,
                    cost_seconds: f64::from(u32::try_from(ready).expect("few")) * 2.0,
                    dead: 0,
                    oldest: None,
                    tenants: 0,
                })
                .collect(),
        };
        let plan = PoolPlan {
            engine,
            demand: Demand::of(&gauge, 1, &DrainTargets::default(), 1.0),
            workers: 3,
            limit: Limit::Demand,
            share: 70,
            target_ratio: 1.0,
        };
        PoolSurvey {
            gauge,
            plan,
            workers_up: slots_up,
            slots_up,
            max_workers: 20,
            correction: 1.0,
            actual_ratio: None,
        }
    }

    fn job(tier: Tier, is_surveyed: bool) -> Waiting {
        Waiting {
            tier,
            cost_seconds: 2.0,
            is_surveyed,
            others_of_tenant: None,
        }
    }

    fn outlook(job: Waiting, pool: &PoolSurvey) -> (u64, Option<f64>) {
        let outlook = Outlook::of_waiting(job, pool);
        (outlook.jobs_ahead.expect("it waits"), outlook.eta_seconds)
    }

    #[test]
    fn its_own_tier_and_more_urgent_ones_come_first() {
        let pool = pool([1, 4, 100], 2);
        let of = |tier| outlook(job(tier, true), &pool);
        assert_eq!(of(Tier::Realtime), (0, Some(2.0)));
        // 4 others of 2 s on 2 slots, and its own 2.
        assert_eq!(of(Tier::Standard), (4, Some(6.0)));
        assert_eq!(of(Tier::Batch), (104, Some(106.0)));
    }

    #[test]
    fn a_job_that_came_after_the_survey_is_not_subtracted_from_it() {
        let pool = pool([0, 4, 0], 2);
        assert_eq!(outlook(job(Tier::Standard, false), &pool), (4, Some(6.0)));
        assert_eq!(outlook(job(Tier::Standard, true), &pool), (3, Some(5.0)));
    }

    #[test]
    fn anothers_flood_is_not_ahead_of_a_tenant_with_little() {
        let mut pool = pool([0, 1_000, 0], 2);
        let newcomer = Waiting {
            others_of_tenant: Some(0),
            ..job(Tier::Standard, false)
        };
        let of = |pool: &PoolSurvey| outlook(newcomer, pool);
        pool.gauge.tiers[1].tenants = 1;
        // One of the other one's on 2 slots, and its own 2 s.
        assert_eq!(of(&pool), (1, Some(3.0)));
        let soonest = |own| Outlook::soonest_begin(Tier::Standard, own, &pool);
        assert_eq!(soonest(Some(0)), Some(2.0 / 20.0));
        assert_eq!(soonest(None), Some(2_000.0 / 20.0));
        // Its own 50 of 2 s; it is the one that floods.
        assert_eq!(soonest(Some(50)), Some(100.0 / 20.0));
        pool.gauge.tiers[1].tenants = 2;
        let soonest = |own| Outlook::soonest_begin(Tier::Standard, own, &pool);
        // As much of the other one's, and what that may have in the lane.
        assert_eq!(soonest(Some(50)), Some(202.0 / 20.0));
        assert_eq!(soonest(Some(4_500)), soonest(None));
    }

    #[test]
    fn without_workers_the_first_has_to_start() {
        let pool = pool([0, 4, 0], 0);
        assert_eq!(outlook(job(Tier::Standard, true), &pool), (3, Some(19.0)));
    }

    #[test]
    fn a_pool_that_gets_no_workers_has_no_end_in_sight() {
        let without_any = PoolSurvey {
            max_workers: 0,
            ..pool([0, 4, 0], 0)
        };
        assert_eq!(outlook(job(Tier::Standard, true), &without_any), (3, None));
        let mut crowded_out = pool([0, 4, 0], 0);
        crowded_out.plan.workers = 0;
        assert_eq!(outlook(job(Tier::Standard, true), &crowded_out), (3, None));
        let mut idle_until_now = pool([0; 3], 0);
        idle_until_now.plan.workers = 0;
        let first = outlook(job(Tier::Standard, false), &idle_until_now);
        assert_eq!(first, (0, Some(17.0)));
    }

    #[test]
    fn what_finished_jobs_have_taught_counts() {
        let mut pool = pool([0, 1, 0], 1);
        pool.correction = 3.0;
        pool.plan.demand.backlog_seconds = [0.0, 6.0, 0.0];
        assert_eq!(outlook(job(Tier::Standard, true), &pool), (0, Some(6.0)));
    }

    #[test]
    fn a_running_job_has_the_rest_of_its_work_before_it() {
        let progress = |chunks_done, chunks_total| Progress {
            chunks_done,
            chunks_total,
        };
        let eta = |progress| Outlook::of_running(10.0, 2.0, progress).eta_seconds;
        assert_eq!(eta(progress(0, 0)), Some(20.0));
        assert_eq!(eta(progress(3, 4)), Some(5.0));
        assert_eq!(eta(progress(4, 4)), Some(0.0));
        assert_eq!(eta(progress(5, 4)), Some(0.0));
    }

    #[test]
    fn a_follower_waits_as_long_as_whom_it_follows() {
        let running = Outlook::of_running(10.0, 1.0, Progress::default()).of_follower();
        assert_eq!(
            (running.jobs_ahead, running.eta_seconds),
            (Some(0), Some(10.0))
        );
    }

    proptest! {
        #[test]
        fn more_work_ahead_never_ends_sooner_and_more_slots_never_later(
            waiting in proptest::array::uniform3(1..1_000_u64),
            more in 0..1_000_u64,
            slots in 0..64_u32,
            rank in 0..3_usize,
        ) {
            let tier = Tier::ALL[rank];
            let mut longer = waiting;
            longer[0] += more;
            let eta = |waiting, slots| {
                let eta = Outlook::of_waiting(job(tier, true), &pool(waiting, slots)).eta_seconds;
                eta.expect("workers come")
            };
            prop_assert!(eta(longer, slots) >= eta(waiting, slots));
            prop_assert!(eta(waiting, slots.max(1) * 2) <= eta(waiting, slots.max(1)));
        }
    }
}
