//! `voicefleet jobs dead`: what failed for good.

use std::{collections::HashSet, process::ExitCode};

use futures::TryStreamExt;
use voicefleet_client::{Client, DeadLetterCount, Job, JobFilter, JobStatus};

use super::{
    code,
    job::{age, reason},
    told,
};
use crate::output::{print_line, print_table};

pub(super) async fn run(server: &Client, retry: bool) -> anyhow::Result<ExitCode> {
    let filter = JobFilter::default().status(JobStatus::Failed);
    let failed: Vec<Job> = server.jobs(filter).try_collect().await?;
    if retry {
        return submit_again(server, failed).await;
    }
    print_failed(&failed);
    print_line("");
    print_counts(&server.dead_letters().await?);
    Ok(ExitCode::SUCCESS)
}

fn print_failed(failed: &[Job]) {
    if failed.is_empty() {
        return print_line("No job has failed.");
    }
    let row = |job: &Job| {
        [
            job.id.clone(),
            job.engine.clone(),
            job.tier.to_string(),
            job.attempts.to_string(),
            age(job),
            reason(job),
        ]
    };
    let rows: Vec<_> = failed.iter().map(row).collect();
    print_table(["id", "engine", "tier", "attempts", "age", "reason"], &rows);
}

fn print_counts(lanes: &[DeadLetterCount]) {
    if lanes.iter().all(|lane| lane.dead == 0) {
        return print_line("No dead letters.");
    }
    let filled = lanes.iter().filter(|lane| lane.dead > 0);
    let rows: Vec<_> = filled
        .map(|lane| {
            [
                lane.engine.clone(),
                lane.tier.to_string(),
                lane.dead.to_string(),
            ]
        })
        .collect();
    print_table(["engine", "tier", "dead letters"], &rows);
}

/// Identical jobs once: the same work would be done once in any case, and what fails again would be
/// twice as much each time.
async fn submit_again(server: &Client, failed: Vec<Job>) -> anyhow::Result<ExitCode> {
    let mut all_done = true;
    let mut seen = HashSet::new();
    for job in failed {
        if !seen.insert(job.fingerprint) {
            continue;
        }
        let outcome = server.retry(&job.id).await;
        all_done &= told(&job.id, outcome, |again| {
            format!("{} -> {}", job.id, again.id)
        })?;
    }
    if seen.is_empty() {
        print_line("No job has failed.");
    }
    Ok(code(all_done))
}
