//! What handlers share.

use std::{ops::Deref, sync::Arc};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use voicefleet_core::{Catalog, ErrorCode, Job, JobId, ports::RecordError};

use crate::{
    audio_codec::CodecLanes,
    context::{ApiContext, ApiLimits},
    fleet::FleetView,
    near::Near,
    problem::ApiError,
    rendering::Renderings,
    telemetry::Meters,
};

/// The context and the API's own state.
pub(crate) struct App {
    context: ApiContext,
    pub(crate) codec_lanes: CodecLanes,
    pub(crate) renderings: Renderings,
    pub(crate) fleet: FleetView,
    pub(crate) meters: Meters,
    uploads: Arc<Semaphore>,
    event_streams: Arc<Semaphore>,
    live_sessions: Arc<Semaphore>,
    /// KiB of the recordings that live sessions are being sent.
    recordings: Arc<Semaphore>,
}

/// As handlers hold it.
pub(crate) type SharedApp = Arc<App>;

impl App {
    pub(crate) fn new(mut context: ApiContext) -> Self {
        if context.limits.near_bytes > 0 {
            let (store, clock) = (context.blobs, Arc::clone(&context.clock));
            context.blobs = Arc::new(Near::before(store, clock, context.limits.near_bytes));
        }
        let limits = &context.limits;
        Self {
            codec_lanes: CodecLanes::new(
                Arc::clone(&context.codec),
                limits.codec_lanes,
                limits.codec_waiting,
            ),
            renderings: Renderings::default(),
            fleet: FleetView::default(),
            meters: Meters::new(),
            uploads: Arc::new(Semaphore::new(limits.max_uploads)),
            event_streams: Arc::new(Semaphore::new(limits.max_event_streams)),
            live_sessions: Arc::new(Semaphore::new(limits.max_live_sessions)),
            recordings: Arc::new(Semaphore::new(room_for_recordings(limits))),
            context,
        }
    }

    /// The catalogue as it is now.
    pub(crate) fn catalog_now(&self) -> Arc<Catalog> {
        (self.context.catalog)()
    }

    /// Room for one upload in memory, until the permit is dropped.
    pub(crate) fn room_for_upload(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        Arc::clone(&self.uploads).try_acquire_owned().map_err(|_| {
            let message = "too many uploads at the same time; try again later";
            ApiError::new(ErrorCode::Unavailable, message)
        })
    }

    /// The same for one that can wait: at most for as long as a synchronous request does.
    pub(crate) async fn room_for_recording(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        let room = Arc::clone(&self.uploads).acquire_owned();
        match timeout(self.limits.sync_wait, room).await {
            Ok(Ok(room)) => Ok(room),
            _ => self.room_for_upload(),
        }
    }

    /// Room for so many KiB more of a recording that is being sent, until the permit is dropped.
    pub(crate) fn room_to_record(&self, kib: u32) -> Result<OwnedSemaphorePermit, ApiError> {
        let room = Arc::clone(&self.recordings).try_acquire_many_owned(kib);
        room.map_err(|_| {
            let message = "too much is being recorded at the same time; try again later";
            ApiError::new(ErrorCode::Unavailable, message)
        })
    }

    /// Room for one more live session, until the permit is dropped.
    pub(crate) fn room_for_live(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        let room = Arc::clone(&self.live_sessions).try_acquire_owned();
        room.map_err(|_| {
            let message = "too many live sessions at the same time; try again later";
            ApiError::new(ErrorCode::Unavailable, message)
        })
    }

    /// Room for one more stream of events, until the permit is dropped.
    pub(crate) fn room_for_events(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        let room = Arc::clone(&self.event_streams).try_acquire_owned();
        room.map_err(|_| {
            let message = "too many clients follow jobs at the same time; try again later";
            ApiError::new(ErrorCode::Unavailable, message)
        })
    }

    /// The job. One that is not there is refused as expired, if it may have ended and been forgotten.
    pub(crate) async fn job(&self, id: JobId) -> Result<Job, ApiError> {
        let found = self.records.get(id).await;
        found.map_err(|error| self.refusal_of(id, error))
    }

    /// Why there is nothing to be had of job `id`.
    pub(crate) fn refusal_of(&self, id: JobId, error: RecordError) -> ApiError {
        match error {
            RecordError::NotFound(_) if self.may_have_expired(id) => {
                let message = format!("job {id}, if there ever was one, ended too long ago");
                ApiError::new(ErrorCode::JobExpired, message)
            }
            error => error.into(),
        }
    }

    /// Whether it is older than records of finished jobs are kept.
    fn may_have_expired(&self, id: JobId) -> bool {
        let age = self.clock.now().since(id.created_at());
        id.has_time() && self.limits.finished_ttl.is_some_and(|kept| age > kept)
    }
}

/// Recordings in the making take no more memory than uploads may.
fn room_for_recordings(limits: &ApiLimits) -> usize {
    let bytes = limits.max_uploads.saturating_mul(limits.max_upload_bytes);
    (bytes / 1024).clamp(1, Semaphore::MAX_PERMITS)
}

impl Deref for App {
    type Target = ApiContext;

    fn deref(&self) -> &ApiContext {
        &self.context
    }
}
