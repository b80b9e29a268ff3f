//! Commands of the program that end by themselves.

use std::time::Duration;

use anyhow::Context;
use tokio::process::Command;

use crate::server::program;

/// Longest time a command may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a command left behind.
#[derive(Clone, Debug)]
pub struct Said {
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// Runs `voicefleet` to its end.
///
/// # Errors
/// If it is not built, cannot be started or does not end.
pub async fn run_program(arguments: &[&str]) -> anyhow::Result<Said> {
    run_program_with(&[], arguments).await
}

/// The same with more in its environment, as (name, value).
///
/// # Errors
/// Those of [`run_program`].
pub async fn run_program_with(
    environment: &[(&str, &str)],
    arguments: &[&str],
) -> anyhow::Result<Said> {
    let running = Command::new(program()?)
        .envs(environment.iter().copied())
        .args(arguments)
        .kill_on_drop(true)
        .output();
    let ended = tokio::time::timeout(PATIENCE, running);
    let output = ended.await.context("the command does not end")??;
    Ok(Said {
        code: output.status.code(),
        out: String::from_utf8(output.stdout)?,
        err: String::from_utf8(output.stderr)?,
    })
}
