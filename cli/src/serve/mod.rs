//! `voicefleet serve`: API, queue and workers in one process.

mod signals;

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use voicefleet_api::{ApiContext, ApiLimits};
use voicefleet_audio::Codec;
use voicefleet_core::{
    Clock, EngineId,
    ports::{AudioCodec, EngineLoader},
    time::SystemClock,
};
use voicefleet_embedded::{Embedded, EmbeddedConfig};
use voicefleet_models::ModelStore;
use voicefleet_workers::{Stop, Worker, WorkerParts, WorkerStopped};

use crate::{
    catalog::CatalogCache,
    engines,
    settings::{Options, Settings},
    telemetry::{Exposition, Telemetry},
};

/// Left of the grace time when work is given back: the longest that a chunk usually takes.
const GIVE_BACK_MARGIN: Duration = Duration::from_secs(5);

/// Serves until told to stop.
pub(crate) async fn run(options: Box<Options>) -> anyhow::Result<ExitCode> {
    let settings = Settings::resolve(&options)?;
    let telemetry = Telemetry::install(&settings)?;
    let outcome = serve(&settings, &telemetry).await;
    telemetry.flush();
    outcome
}

async fn serve(settings: &Settings, telemetry: &Telemetry) -> anyhow::Result<ExitCode> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let backend = open_backend(settings, Arc::clone(&clock)).await?;
    let store = Arc::new(ModelStore::open(&settings.models));
    let loaders = engines::loaders(&store);
    let listener = TcpListener::bind(settings.listen)
        .await
        .with_context(|| format!("listening on {}", settings.listen))?;

    let codec: Arc<dyn AudioCodec> = Arc::new(Codec);
    let engines = loaders
        .iter()
        .map(|loader| loader.engine().clone())
        .collect();
    let tasks = TaskTracker::new();
    let context = api_context(
        settings,
        &backend,
        &codec,
        &clock,
        store,
        telemetry,
        engines,
        tasks.clone(),
    );
    let stop = Stop::default();
    let closing = CancellationToken::new();
    let mut workers = JoinSet::new();
    for loader in loaders {
        let parts = worker_parts(&backend, &codec, &clock, loader);
        let slots = slots_of(settings, parts.loader.engine());
        workers.spawn(Worker::new(parts, settings.worker(slots), stop.clone())?.run());
    }
    announce(&listener)?;
    let mut server = JoinSet::new();
    let closed = closing.clone();
    server.spawn(async move {
        axum::serve(listener, voicefleet_api::router(context))
            .with_graceful_shutdown(closed.cancelled_owned())
            .await
    });

    let fault = tokio::select! {
        signal = signals::first() => { signal?; None }
        ended = workers.join_next() => Some(worker_fault(ended)),
        ended = server.join_next() => Some(format!("the HTTP server ended: {ended:?}")),
    };
    let grace = Duration::from_secs(settings.grace_seconds);
    let in_order = async {
        stop_in_order(&stop, &closing, grace, &mut workers, &mut server).await;
        tasks.close();
        tasks.wait().await;
        if let Err(error) = backend.close().await {
            tracing::warn!(%error, "the database did not close in order; nothing is lost");
        }
    };
    tokio::select! {
        stopped = tokio::time::timeout(grace, in_order) => {
            if stopped.is_err() {
                tracing::error!("not stopped within {grace:?}; what runs will be delivered again");
                return Ok(ExitCode::FAILURE);
            }
        }
        signal = signals::first() => {
            signal?;
            tracing::warn!("second signal: stopping at once; what runs will be delivered again");
            return Ok(ExitCode::FAILURE);
        }
    }
    match fault {
        None => Ok(ExitCode::SUCCESS),
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

async fn open_backend(settings: &Settings, clock: Arc<dyn Clock>) -> anyhow::Result<Embedded> {
    std::fs::create_dir_all(&settings.data)
        .with_context(|| format!("the data folder {}", settings.data.display()))?;
    let config = EmbeddedConfig {
        blob_limit_bytes: settings.cache_mib << 20,
        max_attempts: settings.max_attempts,
        clock,
        ..EmbeddedConfig::new(settings.data.join("voicefleet.db"))
    };
    Embedded::open(config)
        .await
        .with_context(|| format!("the data folder {}", settings.data.display()))
}

fn worker_parts(
    backend: &Embedded,
    codec: &Arc<dyn AudioCodec>,
    clock: &Arc<dyn Clock>,
    loader: Arc<dyn EngineLoader>,
) -> WorkerParts {
    WorkerParts {
        queue: backend.queue(),
        records: backend.records(),
        blobs: backend.blobs(),
        codec: Arc::clone(codec),
        clock: Arc::clone(clock),
        loader,
    }
}

fn slots_of(settings: &Settings, engine: &EngineId) -> usize {
    let known = settings
        .slots()
        .into_iter()
        .find(|(name, _)| *name == engine.as_str());
    known.map_or(1, |(_, slots)| slots)
}

fn worker_fault(
    ended: Option<Result<Result<(), WorkerStopped>, tokio::task::JoinError>>,
) -> String {
    match ended {
        Some(Ok(Err(error))) => format!("a worker ended: {error}"),
        other => format!("a worker ended: {other:?}"),
    }
}

/// Drain, then give back, then close: see ARCHITECTURE.md, "A stop".
async fn stop_in_order(
    stop: &Stop,
    closing: &CancellationToken,
    grace: Duration,
    workers: &mut JoinSet<Result<(), WorkerStopped>>,
    server: &mut JoinSet<std::io::Result<()>>,
) {
    tracing::info!("stopping: no new work is taken");
    stop.drain.cancel();
    let finished = async { while workers.join_next().await.is_some() {} };
    let patience = grace.saturating_sub(GIVE_BACK_MARGIN.min(grace / 2));
    if tokio::time::timeout(patience, finished).await.is_err() {
        tracing::info!("giving back what is not finished");
        stop.give_back.cancel();
        while workers.join_next().await.is_some() {}
    }
    // The listener has been answering until here, so that clients learn how their jobs ended.
    closing.cancel();
    let polite = async { while server.join_next().await.is_some() {} };
    if tokio::time::timeout(Duration::from_secs(1), polite)
        .await
        .is_err()
    {
        server.shutdown().await;
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "everything comes together here, once"
)]
fn api_context(
    settings: &Settings,
    backend: &Embedded,
    codec: &Arc<dyn AudioCodec>,
    clock: &Arc<dyn Clock>,
    store: Arc<ModelStore>,
    telemetry: &Telemetry,
    engines: Vec<EngineId>,
    tasks: TaskTracker,
) -> ApiContext {
    let exposition = Arc::new(Exposition::new(
        telemetry.registry(),
        backend.queue(),
        engines,
    ));
    let catalog = CatalogCache::new(store);
    ApiContext {
        queue: backend.queue(),
        records: backend.records(),
        blobs: backend.blobs(),
        codec: Arc::clone(codec),
        catalog: Arc::new(move || catalog.current()),
        clock: Arc::clone(clock),
        limits: ApiLimits {
            max_upload_bytes: settings.max_upload_mib << 20,
            audio: settings.audio_limits(),
            sync_wait: Duration::from_secs(settings.sync_wait_seconds),
            ..ApiLimits::default()
        },
        metrics: Arc::new(move || {
            tokio::task::block_in_place(|| {
                tokio::runtime::Handle::current().block_on(exposition.text())
            })
        }),
        tasks,
    }
}
