//! Delivers what is due.

use std::{sync::Arc, time::Duration};

use tokio::{sync::Notify, time::sleep};
use tokio_util::sync::CancellationToken;
use voicefleet_core::{Timestamp, ports::DocumentError};

use crate::{attempt::Attempts, round::Round};

/// How often is looked for what other servers have enqueued.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// And how often while the documents do not answer.
const LOOK_EVERY_IN_OUTAGE: Duration = Duration::from_secs(5);

/// Posts what is due: at most 16 at a time, and 4 to one endpoint. One per process; several beside each
/// other share the work, and none of it is posted by two at the same time.
pub struct Deliverer {
    pub(crate) attempts: Attempts,
    /// Rings when something is enqueued in this process.
    pub(crate) bell: Arc<Notify>,
}

impl Deliverer {
    /// Delivers until `stop`; then starts nothing new and returns when what is under way has ended, which
    /// takes 20 s at most. Dropped before, what was under way is tried again after a minute.
    pub async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let wait = match self.work(&stop).await {
                Ok(next) => self.wait_until(next),
                Err(error) => {
                    tracing::debug!(%error, "not looked for webhooks that are due");
                    LOOK_EVERY_IN_OUTAGE
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.bell.notified() => {}
                () = sleep(wait) => {}
            }
        }
    }

    fn wait_until(&self, next: Option<Timestamp>) -> Duration {
        let now = self.attempts.clock.now();
        next.map_or(LOOK_EVERY, |next| next.since(now).min(LOOK_EVERY))
    }

    /// Does everything that is due now, and says when the next is due; `None` while nothing waits.
    pub async fn tick(&self) -> Result<Option<Timestamp>, DocumentError> {
        self.work(&CancellationToken::new()).await
    }

    async fn work(&self, stop: &CancellationToken) -> Result<Option<Timestamp>, DocumentError> {
        let mut round = Round::new(&self.attempts);
        let mut started = Ok(());
        loop {
            if started.is_ok() && !stop.is_cancelled() {
                started = round.start(self.attempts.clock.now()).await;
            }
            if round.is_idle() {
                return started.map(|()| round.next_due());
            }
            tokio::select! {
                () = round.land() => {}
                () = self.bell.notified(), if started.is_ok() => round.queue_changed(),
                () = sleep(LOOK_EVERY), if started.is_ok() => {}
            }
        }
    }
}
