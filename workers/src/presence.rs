//! A worker says that it is there.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;
use voicefleet_core::ports::{FleetLedger, WorkerPresence};

/// How often it says so, and how long it is believed: three times as long, so that one answer that got
/// lost makes nobody think it gone.
const SAY_EVERY: Duration = Duration::from_secs(5);
const BELIEVED_FOR: Duration = Duration::from_secs(15);

/// Keeps a worker listed until `stop`, and then takes it off the list. While the ledger does not answer,
/// nothing is said; work does not depend on it.
pub async fn stay_listed(
    ledger: Arc<dyn FleetLedger>,
    worker: WorkerPresence,
    stop: CancellationToken,
) {
    let listed = async {
        let mut ticks = tokio::time::interval(SAY_EVERY);
        loop {
            ticks.tick().await;
            if let Err(error) = ledger.note_worker(&worker, BELIEVED_FOR).await {
                tracing::debug!(%error, "not listed as a worker");
            }
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = listed => {}
    }
    if let Err(error) = ledger.forget_worker(&worker).await {
        tracing::debug!(%error, "still listed as a worker, for a while");
    }
}
