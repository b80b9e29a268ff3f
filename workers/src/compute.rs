//! Threads for blocking inference, apart from those that serve the network.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;
use voicefleet_core::{EngineId, ErrorCode, Failure};

/// As many threads as the worker has slots; callers are bounded by the slots, so nothing piles up.
pub(crate) struct ComputePool {
    threads: rayon::ThreadPool,
}

impl ComputePool {
    /// Starts the threads. They are named after the engine and end when the pool is dropped.
    pub(crate) fn start(engine: &EngineId, threads: usize) -> std::io::Result<Self> {
        let name = engine.as_str().to_owned();
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(move |index| format!("{name}-{index}"))
            .build()
            .map(|threads| Self { threads })
            .map_err(std::io::Error::other)
    }

    /// Runs `work` on one of the threads, within the current tracing span.
    ///
    /// # Errors
    /// [`ErrorCode::EnginePanicked`] if it panics.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let (reply, answer) = oneshot::channel();
        let span = tracing::Span::current();
        self.threads.spawn(move || {
            let outcome = span.in_scope(|| catch_unwind(AssertUnwindSafe(work)));
            // Nobody waits any more when the attempt timed out; the result is then of no use.
            let _ = reply.send(outcome);
        });
        match answer.await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(_)) | Err(_) => Err(Failure::new(
                ErrorCode::EnginePanicked,
                "the engine crashed on this input",
            )),
        }
    }
}
