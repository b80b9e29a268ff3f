//! `voicefleet jobs list`.

use std::process::ExitCode;

use futures::{StreamExt, TryStreamExt};
use voicefleet_client::{Client, Job, JobFilter};

use super::job::{age, progress};
use crate::{
    cli::ListOptions,
    output::{print_line, print_table},
};

pub(super) async fn run(server: &Client, options: &ListOptions) -> anyhow::Result<ExitCode> {
    let mut filter = JobFilter::default();
    if let Some(status) = options.status {
        filter = filter.status(status.name());
    }
    if let Some(tier) = options.tier {
        filter = filter.tier(tier.name());
    }
    let newest = server.jobs(filter).take(options.limit as usize);
    let jobs: Vec<Job> = newest.try_collect().await?;
    if jobs.is_empty() {
        print_line("There are no such jobs.");
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<_> = jobs.iter().map(row).collect();
    print_table(
        [
            "id", "kind", "engine", "tier", "status", "attempts", "progress", "age",
        ],
        &rows,
    );
    Ok(ExitCode::SUCCESS)
}

fn row(job: &Job) -> [String; 8] {
    [
        job.id.clone(),
        job.kind.to_string(),
        job.engine.clone(),
        job.tier.to_string(),
        job.status.to_string(),
        job.attempts.to_string(),
        progress(job),
        age(job),
    ]
}
