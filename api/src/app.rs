//! What handlers share.

use std::{ops::Deref, sync::Arc};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use voicefleet_core::{Catalog, ErrorCode};

use crate::{
    audio_codec::CodecLanes, context::ApiContext, fleet::FleetView, problem::ApiError,
    rendering::Renderings, telemetry::Meters,
};

/// The context and the API's own state.
pub(crate) struct App {
    context: ApiContext,
    pub(crate) codec_lanes: CodecLanes,
    pub(crate) renderings: Renderings,
    pub(crate) fleet: FleetView,
    pub(crate) meters: Meters,
    uploads: Arc<Semaphore>,
}

/// As handlers hold it.
pub(crate) type SharedApp = Arc<App>;

impl App {
    pub(crate) fn new(context: ApiContext) -> Self {
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
}

impl Deref for App {
    type Target = ApiContext;

    fn deref(&self) -> &ApiContext {
        &self.context
    }
}
