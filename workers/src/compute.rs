//! Threads for blocking inference, apart from those that serve the network.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use tokio::sync::oneshot;
use voicefleet_core::{EngineId, ErrorCode, Failure, Tier, tier::TierShares};

use crate::{
    threads::Threads,
    turns::{Turn, Turns},
};

/// Where blocking inference runs.
pub trait Cores: Send + Sync {
    /// Has `work` done; it ends by itself and does not panic.
    fn run(&self, work: Box<dyn FnOnce() + Send>);
}

impl Cores for Threads {
    fn run(&self, work: Box<dyn FnOnce() + Send>) {
        self.give(work);
    }
}

/// Starts `count` threads, named after the engine. They end with the value.
pub(crate) fn threads(engine: &EngineId, count: usize) -> std::io::Result<Arc<dyn Cores>> {
    Ok(Arc::new(Threads::start(engine.as_str(), count)?))
}

/// As many cores as the worker has slots, each used by whoever has a turn.
pub(crate) struct ComputePool {
    cores: Arc<dyn Cores>,
    turns: Arc<Turns>,
}

impl ComputePool {
    pub(crate) fn new(cores: Arc<dyn Cores>, slots: usize, shares: TierShares) -> Self {
        Self {
            cores,
            turns: Turns::new(slots, shares),
        }
    }

    /// Waits until it is this tier's turn to use one of the threads; `held` is the turn that whoever
    /// asks has had until now.
    pub(crate) async fn turn(&self, held: Option<Turn>, tier: Tier) -> Turn {
        match held {
            Some(turn) => self.turns.renew(turn, tier).await,
            None => self.turns.take(tier).await,
        }
    }

    /// Runs `work` on one of the threads, within the current tracing span, and gives the turn back. If
    /// nobody waits for the work any more, the turn is over when the work is.
    ///
    /// # Errors
    /// [`ErrorCode::EnginePanicked`] if it panics.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        turn: Turn,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<(T, Turn), Failure> {
        let (reply, answer) = oneshot::channel();
        let span = tracing::Span::current();
        self.cores.run(Box::new(move || {
            let outcome = span.in_scope(|| catch_unwind(AssertUnwindSafe(work)));
            // Nobody waits any more when the attempt timed out; the result is then of no use.
            let _ = reply.send(outcome.map(|value| (value, turn)));
        }));
        match answer.await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(_)) | Err(_) => Err(Failure::new(
                ErrorCode::EnginePanicked,
                "the engine crashed on this input",
            )),
        }
    }
}
