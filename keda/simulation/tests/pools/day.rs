//! A day of interviews: what is better about being scaled by work and pushed. Seconds are in the example
//! `day`; here is what holds on any day.

use voicefleet_core::Tier;
use voicefleet_simulation::{
    DrainTargets, Report, Scenario,
    comparison::{by_messages, fixed_as_fast_as, shipped_pools},
    simulate,
    trace::Day,
};

fn day(seed: u64) -> Scenario {
    let day = Day {
        seed,
        peak_sessions: 100.0,
        bank_texts: 1_000,
        ..Day::default()
    };
    let drain = DrainTargets::default();
    Scenario::new(day.trace(), shipped_pools(), drain, Day::LENGTH).expect("it can be played")
}

fn realtime_p95(report: &Report) -> f64 {
    let waits = report.fleet.waits_of(Tier::Realtime);
    waits.expect("realtime jobs").p95_seconds
}

#[test]
fn realtime_waits_less_than_by_polled_message_counts_for_the_same_drain_time() {
    for seed in 1..=3 {
        let ours = day(seed);
        let messages = simulate(&by_messages(&ours).expect("it can be played"));
        let ours = simulate(&ours);
        assert!(realtime_p95(&ours) < realtime_p95(&messages), "seed {seed}");
        for (ours, messages) in ours.pools.iter().zip(&messages.pools) {
            assert!(
                ours.first_job_seconds <= messages.first_job_seconds,
                "{}",
                ours.engine
            );
        }
    }
}

#[test]
fn fixed_workers_that_are_as_fast_cost_more() {
    let scenario = day(1);
    let ours = simulate(&scenario);
    let fixed = simulate(&fixed_as_fast_as(&scenario, &ours).expect("it can be played"));
    assert!(realtime_p95(&fixed) <= realtime_p95(&ours));
    assert!(ours.fleet.worker_seconds < fixed.fleet.worker_seconds);
}

#[test]
fn the_day_ends_with_every_job_done_and_none_killed() {
    let scenario = day(1);
    let report = simulate(&scenario);
    assert_eq!(report.fleet.done, scenario.trace().arrivals().len());
    assert_eq!(report.fleet.kills, 0);
    for pool in &report.pools {
        let last = pool.replicas.last().map(|step| step.workers);
        assert_eq!(last, Some(0), "{}: at night nobody works", pool.engine);
    }
}
