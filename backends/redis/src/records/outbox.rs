//! Jobs whose envelopes are in the queue, until the server has been told so.

use std::{
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use voicefleet_core::JobId;

use crate::{error::Unavailable, link::Link};

/// How often the server is told. What is lost with the process is published a second time.
pub(super) const TELL_EVERY: Duration = Duration::from_millis(200);

/// The most that are kept until then.
const MOST: usize = 500;

/// The jobs. One that has begun by the time the server is told is not in its outbox any more.
pub(super) struct Noted {
    outbox: String,
    jobs: Mutex<Vec<JobId>>,
}

impl Noted {
    pub(super) fn new(prefix: &str) -> Self {
        Self {
            outbox: format!("{prefix}outbox"),
            jobs: Mutex::default(),
        }
    }

    /// Tells the server at once only if many have come together.
    pub(super) async fn add(&self, link: &Link, id: JobId) -> Result<(), Unavailable> {
        let is_full = {
            let mut jobs = self.jobs();
            jobs.push(id);
            jobs.len() >= MOST
        };
        if is_full {
            self.tell(link).await
        } else {
            Ok(())
        }
    }

    /// Tells the server, if there is something to tell.
    pub(super) async fn tell(&self, link: &Link) -> Result<(), Unavailable> {
        let jobs = mem::take(&mut *self.jobs());
        if jobs.is_empty() {
            return Ok(());
        }
        let mut command = redis::cmd("ZREM");
        command.arg(&self.outbox);
        for id in &jobs {
            command.arg(id.to_string());
        }
        link.command(&command).await
    }

    fn jobs(&self) -> MutexGuard<'_, Vec<JobId>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
