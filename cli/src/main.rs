//! The `voicefleet` program: the one place where backends and engines are chosen.

mod allocation;
mod catalog;
mod cli;
mod devices;
mod engines;
mod jobs;
mod keys;
mod models;
mod output;
mod process;
mod sample;
mod server;
mod settings;
mod simulate;
mod speak;
mod split;
mod supervise;
mod telemetry;
mod transcribe;
mod warm;

use std::process::ExitCode;

use clap::Parser;

use crate::{
    cli::{Cli, Command},
    process::Role,
    settings::SettingsError,
};

/// `sysexits.h`: the configuration is wrong.
const EX_USAGE: u8 = 64;

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            report(&error);
            if error.is::<SettingsError>() {
                ExitCode::from(EX_USAGE)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match cli.command {
            Command::Serve(options) => process::run(Role::Serve, &options).await,
            Command::Api(options) => process::run(Role::Api, &options).await,
            Command::Worker(worker) => {
                let role = Role::worker(&worker.engines)?;
                process::run(role, &worker.options).await
            }
            Command::Scaler(options) => process::run(Role::Scaler, &options).await,
            Command::Supervise(options) => supervise::run(&options).await,
            Command::Simulate(options) => simulate::run(&options),
            Command::Split(options) => split::run(options).await,
            Command::Keys(options) => keys::run(options).await,
            Command::Models(command) => models::run(command).await,
            Command::Jobs(options) => jobs::run(options).await,
            Command::Speak(options) => speak::run(options).await,
            Command::Transcribe(options) => transcribe::run(options).await,
            Command::Warm(options) => warm::run(&options).await,
            Command::Sample(options) => sample::run(options).await,
        }
    })
}

#[expect(
    clippy::print_stderr,
    reason = "the last word of a command that failed"
)]
fn report(error: &anyhow::Error) {
    match server::advice(error) {
        Some(advice) => eprintln!("voicefleet: {error:#}; {advice}"),
        None => eprintln!("voicefleet: {error:#}"),
    }
}
