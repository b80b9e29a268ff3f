//! A job's way as server-sent events. Nothing is stored for it: the id of an event says where the job
//! stood, so whoever comes back with one is told what is new since.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::response::sse::Event;
use futures::{Stream, stream};
use tokio::sync::OwnedSemaphorePermit;
use voicefleet_core::{Job, JobState};

use crate::{app::SharedApp, job_object::JobObject, outlook::outlook, standing::Standing};

/// How long a change is waited for in one step.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// The events of `job` from now on, without what the client has `seen`. Ends with the job, when the server
/// closes, and when the records do not answer: the client comes back with the last id and is told then.
///
/// `room` is held until the end.
pub(crate) fn events(
    app: &SharedApp,
    job: Job,
    seen: Option<Standing>,
    room: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<Event, Infallible>> + use<> {
    let follower = Follower {
        app: Arc::clone(app),
        job,
        told: seen,
        _room: room,
    };
    stream::unfold(follower, Follower::next)
}

struct Follower {
    app: SharedApp,
    /// As it was read last.
    job: Job,
    /// Where it stood in the last event that the client has.
    told: Option<Standing>,
    _room: OwnedSemaphorePermit,
}

impl Follower {
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        while self.told == Some(Standing::of(&self.job)) {
            if self.job.state.is_terminal() {
                return None;
            }
            self.job = self.changed().await?;
        }
        let event = self.event().await?;
        self.told = Some(Standing::of(&self.job));
        Some((Ok(event), self))
    }

    /// The job when it has moved, or after some time.
    async fn changed(&self) -> Option<Job> {
        let seen = (self.job.state, self.job.progress);
        let change = self.app.records.wait(self.job.id, seen, LOOK_EVERY);
        let changed = self.app.stop.closing.run_until_cancelled(change).await?;
        changed
            .inspect_err(
                |error| tracing::debug!(job_id = %self.job.id, %error, "a stream of events breaks off"),
            )
            .ok()
    }

    async fn event(&self) -> Option<Event> {
        let standing = Standing::of(&self.job);
        let object = JobObject::with_outlook(&self.job, outlook(&self.app, &self.job).await);
        let event = Event::default()
            .event(name(self.told, standing))
            .id(standing.to_string());
        event
            .json_data(object)
            .inspect_err(|error| tracing::error!(%error, "a job object is no JSON"))
            .ok()
    }
}

/// What has happened between two standings.
fn name(told: Option<Standing>, now: Standing) -> &'static str {
    let has_begun = |told: Standing| (told.state, told.attempt) == (now.state, now.attempt);
    match now.state {
        JobState::Queued => "job.queued",
        JobState::Running if told.is_some_and(has_begun) => "job.progress",
        JobState::Running => "job.running",
        JobState::Succeeded => "job.succeeded",
        JobState::Failed => "job.failed",
        JobState::Cancelled => "job.cancelled",
        JobState::Expired => "job.expired",
    }
}
