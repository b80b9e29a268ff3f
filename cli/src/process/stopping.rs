//! The order of a stop: see ARCHITECTURE.md, "A stop, step by step".

use std::{process::ExitCode, time::Duration};

use tokio_util::task::TaskTracker;
use voicefleet_api::ApiStop;
use voicefleet_workers::Stop;

use super::{Running, backend::Backend, signals::StopSignals};

/// What clients get to read their last answers.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// Who is told, and in which words.
pub(super) struct StopSwitches {
    pub(super) workers: Stop,
    pub(super) api: ApiStop,
}

impl StopSwitches {
    pub(super) fn new() -> Self {
        let workers = Stop::default();
        let api = ApiStop {
            draining: workers.drain.clone(),
            ..ApiStop::default()
        };
        Self { workers, api }
    }
}

/// What is stopped, and in what time.
pub(super) struct StopOrder<'a> {
    pub(super) switches: &'a StopSwitches,
    pub(super) grace: Duration,
    pub(super) tasks: &'a TaskTracker,
    pub(super) backend: Backend,
}

/// Stops within the grace time, at once at a second signal. Failure means that something had to be cut off.
pub(super) async fn stop(
    order: StopOrder<'_>,
    running: &mut Running,
    signals: &mut StopSignals,
) -> ExitCode {
    let StopOrder {
        switches,
        grace,
        tasks,
        backend,
    } = order;
    let in_order = async {
        let sessions = live_sessions(&switches.api, grace / 2);
        tokio::join!(workers(&switches.workers, grace / 2, running), sessions);
        // The server has been answering until here, so that clients learn how their jobs ended.
        switches.api.closing.cancel();
        servers(running).await;
        switches.api.live.wait().await;
        tasks.close();
        tasks.wait().await;
        backend.close().await;
    };
    tokio::select! {
        stopped = tokio::time::timeout(grace, in_order) => {
            if stopped.is_ok() {
                return ExitCode::SUCCESS;
            }
            tracing::error!("not stopped within {grace:?}; what runs will be delivered again");
        }
        () = signals.next() => {
            tracing::warn!("second signal: stopping at once; what runs will be delivered again");
        }
    }
    ExitCode::FAILURE
}

/// Drains for as long as `patience`; what is left of the grace time is for the chunks that are being
/// computed then, which on a slow CPU take many seconds.
async fn workers(stop: &Stop, patience: Duration, running: &mut Running) {
    tracing::info!("stopping: no new work is taken");
    stop.drain.cancel();
    let finished = async { while running.workers.join_next().await.is_some() {} };
    if tokio::time::timeout(patience, finished).await.is_err() {
        tracing::info!("giving back what is not finished");
        stop.give_back.cancel();
        while running.workers.join_next().await.is_some() {}
    }
}

/// Lets live sessions say what they have begun, for as long as `patience`.
async fn live_sessions(api: &ApiStop, patience: Duration) {
    api.draining.cancel();
    api.live.close();
    let _ = tokio::time::timeout(patience, api.live.wait()).await;
}

async fn servers(running: &mut Running) {
    let polite = async { while running.servers.join_next().await.is_some() {} };
    if tokio::time::timeout(LAST_ANSWERS, polite).await.is_err() {
        running.servers.shutdown().await;
    }
}
