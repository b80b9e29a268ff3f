//! What came out of a simulation.

use std::{fmt, time::Duration};

use serde::Serialize;
use voicefleet_core::{EngineId, Tier};

use crate::control_loops::Cause;

/// What came out, for each pool and for all together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// One for each pool, in the scenario's order.
    pub pools: Vec<PoolReport>,
    /// All pools together.
    pub fleet: Figures,
}

/// What came out for one pool.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PoolReport {
    /// Its engine.
    pub engine: EngineId,
    /// From the arrival of its first job to the first start of a job; `None` if there was none.
    pub first_job_seconds: Option<f64>,
    /// The most workers that were wanted at a time.
    pub peak_workers: u32,
    /// The figures.
    pub figures: Figures,
    /// The workers wanted over time, from 0 at the beginning.
    pub replicas: Vec<ReplicaStep>,
}

/// A change of the workers wanted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ReplicaStep {
    /// When, since the beginning.
    pub at_seconds: f64,
    /// How many from now on.
    pub workers: u32,
    /// Why.
    pub cause: Cause,
}

/// Waits, and what they cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Jobs that arrived.
    pub jobs: usize,
    /// Jobs that were done.
    pub done: usize,
    /// How often a job was killed in flight, to be done again.
    pub kills: u64,
    /// How often the first workers came where none were.
    pub wake_ups: u64,
    /// The tiers that had jobs, most urgent first.
    pub waits: Vec<TierWaits>,
    /// Time of all workers from existence to end, start-up included.
    pub worker_seconds: f64,
    /// Of these, with at least one job in hand.
    pub busy_worker_seconds: f64,
    /// Of these, with none: starting, or waiting for work.
    pub idle_worker_seconds: f64,
    /// Time of all slots with a job, what was killed included.
    pub compute_seconds: f64,
}

/// How long the jobs of a tier waited: from arrival to the start of the run that finished.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct TierWaits {
    /// The tier.
    pub tier: Tier,
    /// How many were done.
    pub jobs: usize,
    /// Half of them waited no longer.
    pub p50_seconds: f64,
    /// 95 of 100 waited no longer.
    pub p95_seconds: f64,
    /// 99 of 100 waited no longer.
    pub p99_seconds: f64,
    /// None waited longer.
    pub longest_seconds: f64,
}

impl Figures {
    /// The waits of one tier; `None` if it had no jobs.
    pub fn waits_of(&self, tier: Tier) -> Option<&TierWaits> {
        self.waits.iter().find(|waits| waits.tier == tier)
    }
}

impl TierWaits {
    /// `None` where nobody waited.
    pub(crate) fn of(tier: Tier, mut waits: Vec<Duration>) -> Option<Self> {
        waits.sort_unstable();
        let longest = waits.last()?;
        let percentile = |per_cent: usize| {
            // Nearest rank: the smallest wait that so many of all do not exceed.
            let rank = (waits.len() * per_cent).div_ceil(100).max(1);
            waits[rank - 1].as_secs_f64()
        };
        Some(Self {
            tier,
            jobs: waits.len(),
            p50_seconds: percentile(50),
            p95_seconds: percentile(95),
            p99_seconds: percentile(99),
            longest_seconds: longest.as_secs_f64(),
        })
    }
}

impl fmt::Display for Report {
    /// Two tables: how long jobs waited, and what the workers did. All times in seconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<10}{:<10}{:>9}{:>9}{:>9}{:>9}{:>9}",
            "wait", "tier", "jobs", "p50", "p95", "p99", "longest"
        )?;
        for pool in &self.pools {
            write_waits(f, pool.engine.as_str(), &pool.figures)?;
        }
        write_waits(f, "all", &self.fleet)?;
        writeln!(
            f,
            "\n{:<10}{:>9}{:>6}{:>7}{:>6}{:>11}{:>11}{:>11}{:>11}{:>11}",
            "workers",
            "done",
            "kills",
            "wakes",
            "peak",
            "first job",
            "worker s",
            "busy s",
            "idle s",
            "compute s"
        )?;
        for pool in &self.pools {
            let peak = pool.peak_workers.to_string();
            let first_job = pool.first_job_seconds.map(|wait| format!("{wait:.1}"));
            let first_job = first_job.unwrap_or_default();
            write_workers(f, pool.engine.as_str(), &pool.figures, &peak, &first_job)?;
        }
        write_workers(f, "all", &self.fleet, "", "")
    }
}

fn write_waits(f: &mut fmt::Formatter<'_>, name: &str, figures: &Figures) -> fmt::Result {
    for waits in &figures.waits {
        writeln!(
            f,
            "{name:<10}{:<10}{:>9}{:>9.2}{:>9.2}{:>9.2}{:>9.2}",
            waits.tier.name(),
            waits.jobs,
            waits.p50_seconds,
            waits.p95_seconds,
            waits.p99_seconds,
            waits.longest_seconds
        )?;
    }
    Ok(())
}

fn write_workers(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    figures: &Figures,
    peak: &str,
    first_job: &str,
) -> fmt::Result {
    writeln!(
        f,
        "{name:<10}{:>9}{:>6}{:>7}{peak:>6}{first_job:>11}{:>11.0}{:>11.0}{:>11.0}{:>11.0}",
        figures.done,
        figures.kills,
        figures.wake_ups,
        figures.worker_seconds,
        figures.busy_worker_seconds,
        figures.idle_worker_seconds,
        figures.compute_seconds
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_waits_that_happened() {
        let waits = (1..=200).rev().map(Duration::from_secs).collect();
        let waits = TierWaits::of(Tier::Batch, waits).expect("waits");
        let figures = [waits.p50_seconds, waits.p95_seconds, waits.p99_seconds];
        assert_eq!(figures.map(|wait| wait.to_string()), ["100", "190", "198"]);
        let one = TierWaits::of(Tier::Batch, vec![Duration::from_secs(3)]).expect("a wait");
        assert!((one.p50_seconds - 3.0).abs() < f64::EPSILON);
        assert_eq!(TierWaits::of(Tier::Batch, Vec::new()), None);
    }
}
