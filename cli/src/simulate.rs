//! `voicefleet simulate`: what ways to scale would make of a day of jobs.

use std::{fs::File, process::ExitCode, time::Duration};

use anyhow::Context;
use serde_json::{Map, Value};
use voicefleet_simulation::{
    DrainTargets, Report, Scenario, Trace,
    comparison::{by_messages, fixed_as_fast_as, shipped_pools},
    simulate,
    trace::{Day, read_csv},
};

use crate::{
    cli::{Policy, SimulateOptions},
    output::print_line,
};

/// After the last job has come, so long is watched.
const AFTERMATH: Duration = Duration::from_hours(1);

/// Plays and reports. Takes seconds of CPU.
pub(crate) fn run(options: &SimulateOptions) -> anyhow::Result<ExitCode> {
    let scenario = scenario(options)?;
    let work = simulate(&scenario);
    let mut reports: Vec<(Policy, Report)> = Vec::new();
    let asked = |policy| options.policy == policy || options.policy == Policy::All;
    if asked(Policy::Messages) {
        reports.push((Policy::Messages, simulate(&by_messages(&scenario)?)));
    }
    if asked(Policy::Fixed) {
        let fixed = fixed_as_fast_as(&scenario, &work)?;
        reports.push((Policy::Fixed, simulate(&fixed)));
    }
    if asked(Policy::Work) {
        reports.insert(0, (Policy::Work, work));
    }
    if options.json {
        print_line(&as_json(&reports)?);
    } else {
        for (policy, report) in &reports {
            print_line(title(*policy));
            print_line(&report.to_string());
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn scenario(options: &SimulateOptions) -> anyhow::Result<Scenario> {
    let trace = trace(options)?;
    let last = trace.arrivals().last().map_or(Duration::ZERO, |job| job.at);
    let mut pools = shipped_pools();
    for pool in &mut pools {
        pool.slots = options.slots;
    }
    let mut drain = DrainTargets::default();
    for (target, seconds) in drain.0.iter_mut().zip(&options.drain) {
        *target = Duration::from_secs(*seconds);
    }
    Ok(Scenario::new(trace, pools, drain, last + AFTERMATH)?)
}

fn trace(options: &SimulateOptions) -> anyhow::Result<Trace> {
    let Some(file) = &options.trace else {
        let day = Day {
            seed: options.seed,
            ..Day::default()
        };
        return Ok(day.trace());
    };
    let shown = || file.display().to_string();
    let source = File::open(file).with_context(shown)?;
    read_csv(source).with_context(shown)
}

fn title(policy: Policy) -> &'static str {
    match policy {
        Policy::Messages => "Scaled by messages for the same drain time, polled every 30 s\n",
        Policy::Fixed => "The fewest fixed workers with which the urgent wait no longer\n",
        Policy::Work | Policy::All => "Scaled by work, pushed\n",
    }
}

fn as_json(reports: &[(Policy, Report)]) -> anyhow::Result<String> {
    let mut all = Map::new();
    for (policy, report) in reports {
        let name = format!("{policy:?}").to_lowercase();
        all.insert(name, serde_json::to_value(report)?);
    }
    Ok(serde_json::to_string_pretty(&Value::Object(all))?)
}
