//! A day of interviews under three ways to scale: `cargo run -p voicefleet-simulation --example day`.

#![expect(clippy::print_stdout, reason = "its figures are what it is run for")]

use std::time::Duration;

use voicefleet_core::Tier;
use voicefleet_simulation::{
    DrainTargets, Scenario, ScenarioError, Trace,
    comparison::{by_messages, fixed_as_fast_as, shipped_pools},
    simulate,
    trace::Day,
};

fn main() -> Result<(), ScenarioError> {
    let trace = Day::default().trace();
    let ours = scenario(&trace, 10)?;
    let report = simulate(&ours);
    println!("Scaled by work, pushed\n\n{report}");
    let messages = simulate(&by_messages(&ours)?);
    println!("Scaled by messages for the same drain time, polled\n\n{messages}");
    let fixed = simulate(&fixed_as_fast_as(&ours, &report)?);
    println!("The fewest fixed workers with which the urgent wait no longer\n\n{fixed}");

    println!(
        "Scaled by work, by the realtime drain time: how long 95 of 100 wait, and what it costs\n"
    );
    println!("{:>7}{:>10}{:>12}", "drain s", "p95 s", "worker s");
    for drain in [10, 5, 2, 1] {
        let fleet = simulate(&scenario(&trace, drain)?).fleet;
        let waits = fleet.waits_of(Tier::Realtime);
        let p95 = waits.map_or(0.0, |waits| waits.p95_seconds);
        println!("{drain:>7}{p95:>10.2}{:>12.0}", fleet.worker_seconds);
    }
    Ok(())
}

/// A day with the pools that are shipped.
fn scenario(trace: &Trace, realtime_drain: u64) -> Result<Scenario, ScenarioError> {
    let drain = DrainTargets([realtime_drain, 60, 600].map(Duration::from_secs));
    Scenario::new(trace.clone(), shipped_pools(), drain, Day::LENGTH)
}
