//! `voicefleet jobs list`.

use std::process::ExitCode;

use super::job::Job;
use crate::{
    cli::ListOptions,
    output::{print_line, print_table},
    server::{JobFilter, Server},
};

pub(super) async fn run(server: &Server, options: &ListOptions) -> anyhow::Result<ExitCode> {
    let filter = JobFilter {
        status: options.status,
        tier: options.tier,
    };
    let jobs = server.jobs(filter, options.limit as usize).await?;
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
        job.id.to_string(),
        job.kind.clone(),
        job.engine.clone(),
        job.tier.clone(),
        job.status.clone(),
        job.attempts.to_string(),
        job.progress(),
        job.age(),
    ]
}
