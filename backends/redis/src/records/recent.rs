//! The running jobs as this process has written them last: whoever changes one again need not read it
//! first, for what is written is refused if it was made from an old one. And the jobs that it has ended and
//! that nobody followed: nobody follows them later.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use voicefleet_core::{JobId, JobState};

use super::stored::Stored;

/// More than a worker has in hand. What was lost on the way to its end stays until there is no room.
const MOST: usize = 1_024;

/// The records.
#[derive(Default)]
pub(super) struct Recent {
    records: Mutex<HashMap<JobId, Stored>>,
    unfollowed: Mutex<HashSet<JobId>>,
}

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

    /// The job has ended, and nobody follows it.
    pub(super) fn note_unfollowed(&self, id: JobId) {
        let mut unfollowed = self.unfollowed();
        if unfollowed.len() >= MOST {
            unfollowed.clear();
        }
        unfollowed.insert(id);
    }

    /// Whether that was noted. Told once, since whoever ends a job asks once.
    pub(super) fn is_unfollowed(&self, id: JobId) -> bool {
        self.unfollowed().remove(&id)
    }

    fn records(&self) -> MutexGuard<'_, HashMap<JobId, Stored>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unfollowed(&self) -> MutexGuard<'_, HashSet<JobId>> {
        self.unfollowed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
