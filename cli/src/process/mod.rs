//! `voicefleet serve`, `api` and `worker`: a process from its start to its end.

mod assembly;
mod backend;
mod health;
mod role;
mod signals;
mod stopping;

use std::{process::ExitCode, time::Duration};

use anyhow::Context;
use axum::Router;
use tokio::{
    net::TcpListener,
    task::{JoinError, JoinSet},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use voicefleet_api::queue_what_was_left;
use voicefleet_workers::{Worker, WorkerStopped};

use self::{
    assembly::Assembly,
    signals::StopSignals,
    stopping::{StopOrder, StopSwitches},
};
use crate::{
    settings::{Options, Settings},
    telemetry::Telemetry,
};

pub(crate) use self::role::Role;

/// Does what its role is until told to stop.
pub(crate) async fn run(role: Role, options: &Options) -> anyhow::Result<ExitCode> {
    let settings = Settings::resolve(&role, options)?;
    let telemetry = Telemetry::install(&settings)?;
    let outcome = live(&role, &settings, &telemetry).await;
    telemetry.flush();
    outcome
}

async fn live(role: &Role, settings: &Settings, telemetry: &Telemetry) -> anyhow::Result<ExitCode> {
    let mut signals = StopSignals::listen()?;
    let assembly = tokio::select! {
        opened = Assembly::open(role, settings) => opened?,
        // Nothing has begun.
        () = signals.next() => return Ok(ExitCode::SUCCESS),
    };
    let listener = TcpListener::bind(settings.listen)
        .await
        .with_context(|| format!("listening on {}", settings.listen))?;
    let switches = StopSwitches::new();
    let tasks = TaskTracker::new();
    let router = if role.serves_the_api() {
        let context = assembly.api(telemetry.registry(), tasks.clone(), switches.api.clone());
        let draining = switches.api.draining.clone();
        tasks.spawn(queue_what_was_left(context.clone(), draining));
        voicefleet_api::router(context)
    } else {
        let exposition = assembly.exposition(telemetry.registry());
        health::router(exposition, switches.api.draining.clone())
    };
    let workers = assembly.workers(&switches.workers)?;
    announce(&listener)?;
    let closing = switches.api.closing.clone();
    let mut running = Running::start(workers, listener, router, closing);

    let fault = running.until_told_to_stop(&mut signals).await;
    let grace = Duration::from_secs(settings.grace_seconds);
    let order = StopOrder {
        switches: &switches,
        grace,
        tasks: &tasks,
        backend: assembly.backend,
    };
    let stopped = stopping::stop(order, &mut running, &mut signals).await;
    match fault {
        None => Ok(stopped),
        Some(fault) => anyhow::bail!(fault),
    }
}

/// The first line of standard output says where; whoever starts the program may wait for it.
#[expect(
    clippy::print_stdout,
    reason = "the address is the program's answer to its starter"
)]
fn announce(listener: &TcpListener) -> anyhow::Result<()> {
    println!("listening on http://{}", listener.local_addr()?);
    Ok(())
}

/// The tasks of the process.
struct Running {
    workers: JoinSet<Result<(), WorkerStopped>>,
    server: JoinSet<std::io::Result<()>>,
}

impl Running {
    fn start(
        workers: Vec<Worker>,
        listener: TcpListener,
        router: Router,
        closing: CancellationToken,
    ) -> Self {
        let workers = workers.into_iter().map(Worker::run).collect();
        let mut server = JoinSet::new();
        server.spawn(async move {
            axum::serve(listener, router)
                .with_graceful_shutdown(closing.cancelled_owned())
                .await
        });
        Self { workers, server }
    }

    /// A signal, or what ended without one.
    async fn until_told_to_stop(&mut self, signals: &mut StopSignals) -> Option<String> {
        tokio::select! {
            () = signals.next() => None,
            ended = self.workers.join_next(), if !self.workers.is_empty() => {
                Some(worker_fault(ended))
            }
            ended = self.server.join_next() => Some(format!("the HTTP server ended: {ended:?}")),
        }
    }
}

fn worker_fault(ended: Option<Result<Result<(), WorkerStopped>, JoinError>>) -> String {
    match ended {
        Some(Ok(Err(error))) => format!("a worker ended: {error}"),
        other => format!("a worker ended: {other:?}"),
    }
}
