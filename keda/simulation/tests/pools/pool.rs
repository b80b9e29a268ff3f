//! What one pool does, case by case.

use voicefleet_core::{EngineId, Tier};
use voicefleet_simulation::{
    DrainTargets, Pool, PoolLoad, Scaling, Scenario, ScenarioError, Trace,
    control_loops::{Behavior, ScalingPolicy, Step},
    simulate, simulate_by,
};

use super::{job, pool, s, scenario, workers};

fn assert_close(got: f64, wanted: f64) {
    assert!((got - wanted).abs() < 1e-6, "{got} instead of {wanted}");
}

#[test]
fn the_first_job_waits_for_a_push_a_pod_and_its_start() {
    let played = simulate(&scenario(pool(), vec![job(61, Tier::Realtime, 1)]).unwrap());
    let first = played.pools[0].first_job_seconds.expect("a job");
    assert_close(first, 0.014 + 0.2 + 3.0);
    assert_eq!(workers(&played), [1, 0]);
    assert_eq!((played.fleet.done, played.fleet.wake_ups), (1, 1));
}

#[test]
fn without_a_push_it_waits_for_a_poll_too() {
    let polled = Pool {
        scaling: Scaling::Messages {
            per_worker: 5.0,
            polling_interval: s(30),
        },
        ..pool()
    };
    let played = simulate(&scenario(polled, vec![job(61, Tier::Realtime, 1)]).unwrap());
    let first = played.pools[0].first_job_seconds.expect("a job");
    assert_close(first, 29.0 + 0.2 + 3.0);
}

#[test]
fn fixed_workers_cost_their_time_and_nothing_else() {
    let two = Pool {
        scaling: Scaling::Fixed { workers: 2 },
        ..pool()
    };
    let played = simulate(&scenario(two, vec![job(10, Tier::Standard, 30)]).unwrap());
    assert_close(played.fleet.worker_seconds, 2.0 * (600.0 - 0.2));
    assert_close(played.fleet.busy_worker_seconds, 30.0);
    assert_close(played.fleet.idle_worker_seconds, 2.0 * (600.0 - 0.2) - 30.0);
    assert_eq!(workers(&played), [2]);
}

#[test]
fn from_idle_the_minimum_comes_in_one_step() {
    let burst = Pool {
        idle: Some(0),
        min: 4,
        ..pool()
    };
    let played = simulate(&scenario(burst, vec![job(50, Tier::Realtime, 1)]).unwrap());
    assert_eq!(workers(&played), [4, 0]);
}

#[test]
fn a_realtime_job_goes_before_the_batch_that_waits() {
    let one = Pool {
        scaling: Scaling::Fixed { workers: 1 },
        ..pool()
    };
    let mut jobs: Vec<_> = (0..60).map(|_| job(0, Tier::Batch, 5)).collect();
    jobs.push(job(20, Tier::Realtime, 1));
    let played = simulate(&scenario(one, jobs).unwrap());
    let waits = played.fleet.waits_of(Tier::Realtime).expect("a job");
    assert!(waits.longest_seconds < 5.0, "{waits:?}");
    assert!(
        played
            .fleet
            .waits_of(Tier::Batch)
            .expect("jobs")
            .longest_seconds
            > 290.0
    );
}

/// Lets go of all but one worker as soon as nothing waits, busy or not.
fn careless(load: &PoolLoad) -> u32 {
    if load.waiting > 0 { 4 } else { 1 }
}

/// Scales in at once.
fn hasty() -> Behavior {
    let mut behavior = Behavior::default();
    behavior.scale_down.window = s(0);
    behavior.scale_down.policies = vec![ScalingPolicy {
        step: Step::Percent(100),
        period: s(15),
    }];
    behavior
}

fn four_long_jobs(grace: u64) -> Scenario {
    let jobs = (0..4).map(|_| job(0, Tier::Standard, 100)).collect();
    let pool = Pool {
        behavior: Some(hasty()),
        grace: s(grace),
        ..pool()
    };
    scenario(pool, jobs).expect("it can be played")
}

#[test]
fn a_grace_that_is_too_short_kills_jobs_and_they_are_done_again() {
    let played = simulate_by(&four_long_jobs(10), &careless);
    assert!(played.fleet.kills > 0);
    assert_eq!(played.fleet.done, 4);
    assert!(played.fleet.compute_seconds > 400.0);
}

#[test]
fn a_grace_that_is_long_enough_lets_them_finish() {
    let played = simulate_by(&four_long_jobs(100), &careless);
    assert_eq!((played.fleet.kills, played.fleet.done), (0, 4));
    assert_close(played.fleet.compute_seconds, 400.0);
}

#[test]
fn busy_workers_are_wanted_so_that_no_grace_is_needed() {
    let played = simulate(&four_long_jobs(0));
    assert_eq!((played.fleet.kills, played.fleet.done), (0, 4));
}

#[test]
fn by_deletion_cost_idle_workers_go_before_younger_ones_that_are_busy() {
    let kills = |deletion_cost| {
        let pool = Pool {
            behavior: Some(hasty()),
            grace: s(10),
            deletion_cost,
            ..pool()
        };
        // The last job is with the youngest worker when the others have none any more.
        let jobs = [30, 30, 300].map(|cost| job(0, Tier::Standard, cost));
        let by_hands = |load: &PoolLoad| u32::try_from(load.waiting + load.in_flight).unwrap();
        let played = simulate_by(&scenario(pool, jobs.to_vec()).unwrap(), &by_hands);
        assert_eq!(played.fleet.done, 3);
        played.fleet.kills
    };
    assert_eq!(kills(true), 0);
    assert_eq!(kills(false), 1);
}

#[test]
fn what_cannot_be_played_is_refused_by_name() {
    let refusal = |pools, jobs| {
        let trace = Trace::new(jobs);
        Scenario::new(trace, pools, DrainTargets::default(), s(1)).expect_err("it is refused")
    };
    let jobs = || vec![job(0, Tier::Batch, 1)];
    let piper = EngineId::new("piper");
    assert_eq!(
        refusal(vec![], jobs()),
        ScenarioError::NoPool(piper.clone())
    );
    assert_eq!(
        refusal(vec![pool(), pool()], jobs()),
        ScenarioError::TwoPools(piper)
    );
    let message = |pool| refusal(vec![pool], vec![]).to_string();
    assert_eq!(
        message(Pool { max: 0, ..pool() }),
        "the pool of 'piper': max is 0"
    );
    let idle = Pool {
        idle: Some(0),
        ..pool()
    };
    assert_eq!(message(idle), "the pool of 'piper': idle is not below min");
}

#[test]
fn a_report_is_a_table_and_json() {
    let played = simulate(&scenario(pool(), vec![job(0, Tier::Batch, 2)]).unwrap());
    let table = played.to_string();
    assert!(
        table.contains("piper     batch             1     3.20"),
        "{table}"
    );
    let json = serde_json::to_value(&played).unwrap();
    assert_eq!(json["fleet"]["waits"][0]["tier"], "batch");
    assert_eq!(json["pools"][0]["replicas"][0]["cause"], "activation");
}
