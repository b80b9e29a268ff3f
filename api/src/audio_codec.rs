//! The audio codec on a bounded number of threads.

use std::sync::Arc;

use tokio::sync::Semaphore;
use voicefleet_core::{ErrorCode, ports::AudioCodec};

use crate::problem::ApiError;

/// Runs codec calls, which block, beside the async threads: so many at a time, so many waiting.
pub(crate) struct CodecLanes {
    codec: Arc<dyn AudioCodec>,
    lanes: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl CodecLanes {
    pub(crate) fn new(codec: Arc<dyn AudioCodec>, lanes: usize, waiting: usize) -> Self {
        Self {
            codec,
            lanes: Arc::new(Semaphore::new(lanes)),
            waiting: Arc::new(Semaphore::new(lanes.saturating_add(waiting))),
        }
    }

    /// The length of stored speech, seconds; 0 where its header does not say it.
    pub(crate) fn stored_seconds(&self, speech: &[u8]) -> f64 {
        self.codec.stored_seconds(speech).unwrap_or_default()
    }

    /// Runs `work` on a lane. A client that hangs up frees its place in the line; work that has
    /// begun keeps its lane until it is done.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn AudioCodec) -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let Ok(place) = Arc::clone(&self.waiting).try_acquire_owned() else {
            let message = "too much audio is being read and written; try again later";
            return Err(ApiError::new(ErrorCode::Unavailable, message));
        };
        self.on_lane(place, work).await
    }

    /// Runs `work` for an answer that is being sent already: it waits for a lane however many others do,
    /// since it was let in when it began. There is one such call at a time for each answer.
    pub(crate) async fn go_on<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn AudioCodec) -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        self.on_lane((), work).await
    }

    /// Keeps `place` until the work is done.
    async fn on_lane<T: Send + 'static>(
        &self,
        place: impl Send + 'static,
        work: impl FnOnce(&dyn AudioCodec) -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let lane = Arc::clone(&self.lanes)
            .acquire_owned()
            .await
            .map_err(|_| ApiError::internal("the codec lanes are closed"))?;
        let codec = Arc::clone(&self.codec);
        tokio::task::spawn_blocking(move || {
            let _held = (place, lane);
            work(codec.as_ref())
        })
        .await
        .map_err(|error| ApiError::internal(&format!("the codec panicked: {error}")))
    }
}
