//! The running jobs as this process has written them last: whoever changes one again need not read it
//! first, for what is written is refused if it was made from an old one.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use voicefleet_core::{JobId, JobState};

use super::stored::Stored;

/// More than a worker has in hand. What was lost on the way to its end stays until there is no room.
const MOST: usize = 1_024;

/// The records.
#[derive(Default)]
pub(super) struct Recent(Mutex<HashMap<JobId, Stored>>);

impl Recent {
    /// The record, if it is kept. Only one caller gets it.
    pub(super) fn take(&self, id: JobId) -> Option<Stored> {
        self.records().remove(&id)
    }

    /// Keeps a record that has been written, while its job runs.
    pub(super) fn keep(&self, written: &Stored) {
        let job = &written.record.job;
        if job.state != JobState::Running {
            return;
        }
        let mut records = self.records();
        if records.len() >= MOST {
            records.clear();
        }
        records.insert(job.id, written.clone());
    }

    fn records(&self) -> MutexGuard<'_, HashMap<JobId, Stored>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
