//! `voicefleet serve`, `api` and `worker`: a process from its start to its end.

mod assembly;
mod backend;
mod deletion_cost;
mod descriptors;
pub(crate) mod health;
mod role;
mod scaler;
mod signals;
mod stopping;

use std::{net::SocketAddr, process::ExitCode, time::Duration};

use anyhow::Context;
use axum::Router;
use tokio::{
    net::TcpListener,
    task::{JoinError, JoinSet},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use voicefleet_api::{ConnectionLimits, queue_what_was_left, run_batches, serve};
use voicefleet_models::ModelStore;
use voicefleet_workers::{Worker, WorkerStopped};

use self::{
    assembly::Assembly,
    deletion_cost::OwnPod,
    stopping::{StopOrder, StopSwitches},
};
use crate::{
    devices::Devices,
    settings::{Options, Settings},
    telemetry::Telemetry,
};

pub(crate) use self::{backend::Backend, role::Role, signals::StopSignals};

/// Does what its role is until told to stop.
pub(crate) async fn run(role: Role, options: &Options) -> anyhow::Result<ExitCode> {
    let settings = Settings::resolve(&role, options)?;
    let telemetry = Telemetry::install(&settings)?;
    check_devices(&role, &settings).await?;
    let outcome = live(&role, &settings, &telemetry).await;
    telemetry.flush();
    outcome
}

/// A GPU that cannot be computed on ends the process before it has taken a job.
async fn check_devices(role: &Role, settings: &Settings) -> anyhow::Result<()> {
    let devices = Devices::of(settings, |engine| role.works_for(engine));
    let store = ModelStore::open(&settings.models);
    let checked = tokio::task::spawn_blocking(move || devices.check(&store));
    Ok(checked.await??)
}

async fn live(role: &Role, settings: &Settings, telemetry: &Telemetry) -> anyhow::Result<ExitCode> {
    let mut signals = StopSignals::listen(settings.on_a_leash)?;
    let assembly = tokio::select! {
        opened = Assembly::open(role, settings) => opened?,
        // Nothing has begun.
        () = signals.next() => return Ok(ExitCode::SUCCESS),
    };
    let listener = listen(settings.listen)?;
    let switches = StopSwitches::new();
    let tasks = TaskTracker::new();
    let router = if role.serves_the_api() {
        let context = assembly.api(telemetry.registry(), tasks.clone(), switches.api.clone());
        let draining = switches.api.draining.clone();
        tasks.spawn(queue_what_was_left(context.clone(), draining.clone()));
        tasks.spawn(run_batches(context.clone(), draining.clone()));
        tasks.spawn(context.webhooks.deliverer().run(draining));
        voicefleet_api::router(context)
    } else {
        let exposition = assembly.exposition(telemetry.registry());
        health::router(exposition, switches.api.draining.clone())
    };
    let workers = assembly.workers(&switches.workers)?;
    if settings.pod_deletion_cost {
        let in_hand = workers.iter().map(Worker::in_hand).collect();
        let draining = switches.workers.drain.clone();
        tasks.spawn(OwnPod::find().await?.keep_priced(in_hand, draining));
    }
    announce(&listener)?;
    let closing = switches.api.closing.clone();
    let mut connections = settings.connection_limits();
    connections.max_connections = descriptors::room_for(connections.max_connections);
    let mut running = Running::start(workers, listener, router, connections, closing.clone());
    if *role == Role::Scaler {
        scaler::start(&assembly.backend, settings, &closing, &mut running.servers)?;
    }
    assembly.list_workers(&switches.workers.drain, &tasks);

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

/// A listener at that address.
pub(crate) fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = voicefleet_api::listen(address);
    listener.with_context(|| format!("listening on {address}"))
}

/// The first line of standard output says where; whoever starts the program may wait for it.
#[expect(
    clippy::print_stdout,
    reason = "the address is the program's answer to its starter"
)]
pub(crate) fn announce(listener: &TcpListener) -> anyhow::Result<()> {
    println!("listening on http://{}", listener.local_addr()?);
    Ok(())
}

/// The tasks of the process.
struct Running {
    workers: JoinSet<Result<(), WorkerStopped>>,
    servers: JoinSet<anyhow::Result<()>>,
}

impl Running {
    fn start(
        workers: Vec<Worker>,
        listener: TcpListener,
        router: Router,
        connections: ConnectionLimits,
        closing: CancellationToken,
    ) -> Self {
        let workers = workers.into_iter().map(Worker::run).collect();
        let mut servers = JoinSet::new();
        servers.spawn(async move {
            serve(listener, router, connections, closing).await;
            Ok(())
        });
        Self { workers, servers }
    }

    /// A signal, or what ended without one.
    async fn until_told_to_stop(&mut self, signals: &mut StopSignals) -> Option<String> {
        tokio::select! {
            () = signals.next() => None,
            ended = self.workers.join_next(), if !self.workers.is_empty() => {
                Some(worker_fault(ended))
            }
            ended = self.servers.join_next() => Some(format!("a server ended: {ended:?}")),
        }
    }
}

fn worker_fault(ended: Option<Result<Result<(), WorkerStopped>, JoinError>>) -> String {
    match ended {
        Some(Ok(Err(error))) => format!("a worker ended: {error}"),
        other => format!("a worker ended: {other:?}"),
    }
}
