//! Withdrawing a job without taking its followers with it.

use std::sync::Arc;

use tracing::Instrument;
use voicefleet_core::{
    ErrorCode, Failure, Job, JobId, JobSpec, JobState,
    ports::{BlobKey, JobChange, RecordError},
};

use crate::{
    app::{App, SharedApp},
    problem::ApiError,
    submit,
};

/// What a cancellation found.
pub(crate) enum Cancelled {
    /// It was still in flight; a worker that has it stops at the next chunk.
    Now(Job),
    /// It had ended before.
    EndedBefore(Job),
}

/// Cancels a job. Completed even when the client hangs up: followers of a cancelled job must not be
/// left without one that leads them.
pub(crate) async fn cancel(app: &SharedApp, id: JobId) -> Result<Cancelled, ApiError> {
    let owned = Arc::clone(app);
    let cancelling = async move { end(&owned, id).await }.in_current_span();
    app.tasks
        .spawn(cancelling)
        .await
        .map_err(|error| ApiError::internal(&format!("a cancellation panicked: {error}")))?
}

async fn end(app: &App, id: JobId) -> Result<Cancelled, ApiError> {
    let change = JobChange::End {
        state: JobState::Cancelled,
        at: app.clock.now(),
        failure: Failure::new(ErrorCode::Cancelled, "cancelled by the client"),
    };
    let cancelled = match app.records.change(id, change).await {
        Ok(job) => Cancelled::Now(job),
        Err(RecordError::IllegalMove { .. }) => Cancelled::EndedBefore(app.records.get(id).await?),
        Err(error) => return Err(app.refusal_of(id, error)),
    };
    // Also for one that was cancelled before: the client may be repeating a call that broke off here.
    let (Cancelled::Now(job) | Cancelled::EndedBefore(job)) = &cancelled;
    if job.state == JobState::Cancelled && job.follows.is_none() {
        let is_continued = submit::hand_over(app, id).await?;
        release_upload(app, &cancelled, is_continued).await;
    }
    Ok(cancelled)
}

/// What nobody is going to listen to any more gives way to others. A call that is repeated releases
/// nothing, for the same may have been sent again meanwhile.
async fn release_upload(app: &App, cancelled: &Cancelled, is_continued: bool) {
    let Cancelled::Now(job) = cancelled else {
        return;
    };
    if let (JobSpec::Transcription(spec), false) = (&job.spec, is_continued) {
        submit::release(app, &BlobKey::Upload(spec.audio_key.clone())).await;
    }
}
