//! `voicefleet jobs`: the jobs of a running server, over its HTTP API.

mod dead;
mod job;
mod list;
mod purge;
mod show;

use std::process::ExitCode;

use voicefleet_client::{Client, ClientError};
use voicefleet_core::JobId;

use crate::{
    cli::{JobsCommand, JobsOptions},
    output::{complain, print_line},
    server::connect,
};

/// Runs the command; the exit code is 1 if something that was asked for was not done.
pub(crate) async fn run(options: JobsOptions) -> anyhow::Result<ExitCode> {
    let server = connect(&options.server)?;
    match options.command {
        JobsCommand::List(options) => list::run(&server, &options).await,
        JobsCommand::Show { id, json } => show::run(&server, id, json).await,
        JobsCommand::Cancel { ids } => cancel(&server, &ids).await,
        JobsCommand::Retry { ids } => retry(&server, &ids).await,
        JobsCommand::Dead { retry } => dead::run(&server, retry).await,
        JobsCommand::Purge(options) => purge::run(&server, &options).await,
    }
}

async fn cancel(server: &Client, ids: &[JobId]) -> anyhow::Result<ExitCode> {
    let mut all_done = true;
    for id in ids {
        let id = id.to_string();
        let outcome = server.cancel(&id).await;
        all_done &= told(&id, outcome, |job| format!("{id} is {}", job.status))?;
    }
    Ok(code(all_done))
}

async fn retry(server: &Client, ids: &[JobId]) -> anyhow::Result<ExitCode> {
    let mut all_done = true;
    for id in ids {
        let id = id.to_string();
        let outcome = server.retry(&id).await;
        all_done &= told(&id, outcome, |again| again.id.clone())?;
    }
    Ok(code(all_done))
}

/// Tells what became of one of several jobs. A refusal concerns that one only; all else ends the command.
fn told<T>(
    id: &str,
    outcome: Result<T, ClientError>,
    sentence: impl FnOnce(&T) -> String,
) -> Result<bool, ClientError> {
    match outcome {
        Ok(value) => print_line(&sentence(&value)),
        Err(ClientError::Api { message, .. }) => {
            complain(&format!("{id}: {message}"));
            return Ok(false);
        }
        Err(error) => return Err(error),
    }
    Ok(true)
}

fn code(all_done: bool) -> ExitCode {
    if all_done {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
