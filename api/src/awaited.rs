//! Jobs that a client waits for: withdrawn when it hangs up, unless somebody else wants them.

use std::{sync::Arc, time::Duration};

use tokio::{runtime::Handle, time::sleep};
use tracing::Instrument;
use voicefleet_core::{Job, JobId};

use crate::{
    app::SharedApp,
    cancel,
    problem::ApiError,
    submit::{self, NewJob},
    tenancy::Caller,
};

/// Held for as long as the client waits. Dropped before [`settle`](Self::settle), it means that the
/// client has gone, and the job with it.
pub(crate) struct Awaited {
    app: SharedApp,
    id: JobId,
    settled: bool,
}

/// Submits work for a client that waits for it. One that hangs up meanwhile withdraws it as well.
pub(crate) async fn submit(
    app: &SharedApp,
    caller: &Caller,
    work: NewJob,
) -> Result<(Job, Awaited), ApiError> {
    let (owned, caller) = (Arc::clone(app), caller.clone());
    let work = NewJob {
        waits: Some(app.limits.sync_wait),
        ..work
    };
    let submitting = async move {
        let job = submit::submit(&owned, &caller, work).await?;
        let awaited = Awaited {
            id: job.id,
            settled: job.state.is_terminal(),
            app: owned,
        };
        Ok((job, awaited))
    };
    // What nobody takes from the task is dropped when it is done.
    app.tasks
        .spawn(submitting.in_current_span())
        .await
        .map_err(|error| ApiError::internal(&format!("a submit panicked: {error}")))?
}

impl Awaited {
    /// The job has ended, or the client has been told where to find it.
    pub(crate) fn settle(&mut self) {
        self.settled = true;
    }

    /// The client says that it does not want it any more: it is not coming back for it.
    pub(crate) fn withdraw(mut self) {
        self.leave(Duration::ZERO);
    }

    /// Withdraws the job after `grace`, unless it is settled.
    fn leave(&mut self, grace: Duration) {
        // A server that closes drops its requests too; their work goes on after the next start.
        if self.settled || self.app.stop.closing.is_cancelled() {
            return;
        }
        self.settled = true;
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let withdrawing = withdraw(Arc::clone(&self.app), self.id, grace);
        self.app
            .tasks
            .spawn_on(withdrawing.in_current_span(), &runtime);
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        self.leave(self.app.limits.hang_up_grace);
    }
}

/// Others that follow the job keep it. One that begins to just now is made to lead by the cancellation.
///
/// A client whose connection broke comes back in a moment: then it follows its own job, and nothing is
/// computed twice.
async fn withdraw(app: SharedApp, id: JobId, grace: Duration) {
    if !grace.is_zero()
        && app
            .stop
            .closing
            .run_until_cancelled(sleep(grace))
            .await
            .is_none()
    {
        return;
    }
    match app.records.followers(id).await {
        Ok(followers) if followers.is_empty() => {}
        Ok(_) => return tracing::debug!(job_id = %id, "the client has gone, others wait"),
        Err(error) => return tracing::debug!(job_id = %id, %error, "a job is not withdrawn"),
    }
    match cancel::cancel(&app, id).await {
        Ok(_) => tracing::debug!(job_id = %id, "the client has gone: its job is cancelled"),
        Err(error) => {
            tracing::debug!(job_id = %id, error = %error.failure, "a job is not withdrawn");
        }
    }
}
