//! What holds for every trace and every pool.

use std::{iter::zip, time::Duration};

use proptest::{collection::vec, option, prelude::*};
use voicefleet_core::{EngineId, Tier};
use voicefleet_simulation::{
    Arrival, Pool, Report, Scaling, Scenario, control_loops::Behavior, simulate,
};

use super::{s, scenario};

prop_compose! {
    fn arrivals()(
        jobs in vec((0_u64..600_000, 0_usize..3, 0_u64..40_000), 0..60),
    ) -> Vec<Arrival> {
        let arrival = |(at, tier, cost): (u64, usize, u64)| Arrival {
            at: Duration::from_millis(at),
            engine: EngineId::new("piper"),
            tier: Tier::ALL[tier],
            cost: Duration::from_millis(cost.max(1)),
        };
        jobs.into_iter().map(arrival).collect()
    }
}

fn scaling() -> impl Strategy<Value = Scaling> {
    let polling = (1_u64..40).prop_map(s);
    let by_messages =
        (0.5_f64..20.0, polling.clone()).prop_map(|(per_worker, polling_interval)| {
            Scaling::Messages {
                per_worker,
                polling_interval,
            }
        });
    prop_oneof![
        polling.prop_map(|polling_interval| Scaling::Work { polling_interval }),
        by_messages,
        (1_u32..6).prop_map(|workers| Scaling::Fixed { workers }),
    ]
}

prop_compose! {
    fn pools()(
        (slots, max, min) in (1_u32..4, 1_u32..7, 0_u32..4),
        (start_up, grace, cooldown) in (0_u64..30, 0_u64..60, 0_u64..120),
        (deletion_cost, idles) in any::<(bool, bool)>(),
        behavior in option::of(Just(Behavior::default())),
        scaling in scaling(),
    ) -> Pool {
        let min = min.min(max);
        Pool {
            engine: EngineId::new("piper"),
            slots,
            start_up: s(start_up),
            grace: s(grace),
            deletion_cost,
            min,
            max,
            idle: (idles && min > 0).then_some(0),
            cooldown: s(cooldown),
            behavior,
            scaling,
        }
    }
}

fn most_workers(pool: &Pool) -> u32 {
    match pool.scaling {
        Scaling::Fixed { workers } => workers,
        _ => pool.max,
    }
}

fn check(scenario: &Scenario, report: &Report) -> Result<(), TestCaseError> {
    let (pool, jobs, got) = (&scenario.pools()[0], scenario.trace(), &report.fleet);
    prop_assert_eq!(got.done, jobs.arrivals().len(), "every job is done");
    let waited: usize = got.waits.iter().map(|waits| waits.jobs).sum();
    prop_assert_eq!(waited, got.done);
    let steps = &report.pools[0].replicas;
    prop_assert!(steps.iter().all(|step| step.workers <= most_workers(pool)));
    prop_assert!(zip(steps, steps.iter().skip(1)).all(|(a, b)| a.at_seconds <= b.at_seconds));
    for waits in &got.waits {
        let percentiles = [
            0.0,
            waits.p50_seconds,
            waits.p95_seconds,
            waits.p99_seconds,
            waits.longest_seconds,
        ];
        prop_assert!(percentiles.is_sorted(), "{waits:?}");
    }
    let cost: f64 = jobs
        .arrivals()
        .iter()
        .map(|job| job.cost.as_secs_f64())
        .sum();
    let redone = got.compute_seconds - cost;
    prop_assert!(redone > -1e-6, "no work is left out");
    prop_assert!(
        got.kills > 0 || redone < 1e-6,
        "only what is killed is done again"
    );
    let sum = got.busy_worker_seconds + got.idle_worker_seconds;
    prop_assert!((sum - got.worker_seconds).abs() < 1e-6);
    let room = got.busy_worker_seconds * f64::from(pool.slots);
    prop_assert!(got.compute_seconds <= room + 1e-6);
    Ok(())
}

proptest! {
    #[test]
    fn every_job_is_done_and_the_sums_add_up(jobs in arrivals(), pool in pools()) {
        let scenario = scenario(pool, jobs).expect("it can be played");
        let report = simulate(&scenario);
        check(&scenario, &report)?;
        prop_assert_eq!(report, simulate(&scenario), "the same again");
    }
}
