//! Whoever waits for a job to move.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;
use voicefleet_core::{Job, JobId};

use crate::error::Unavailable;

/// The waiting callers by job, a bounded number of them.
pub(crate) struct Watchers {
    jobs: Mutex<Watched>,
    limit: usize,
}

#[derive(Default)]
struct Watched {
    /// Per job the last that was told, and how many listen.
    jobs: HashMap<JobId, (watch::Sender<Option<Job>>, usize)>,
    listeners: usize,
}

impl Watchers {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            jobs: Mutex::default(),
            limit,
        }
    }

    /// Begins to listen.
    pub(super) fn watch(watchers: &Arc<Self>, id: JobId) -> Result<Watch, Unavailable> {
        let mut watched = watchers.watched();
        if watched.listeners >= watchers.limit {
            return Err(Unavailable(format!(
                "{} callers wait for jobs already",
                watchers.limit
            )));
        }
        watched.listeners += 1;
        let (sender, listeners) = watched
            .jobs
            .entry(id)
            .or_insert_with(|| (watch::Sender::new(None), 0));
        *listeners += 1;
        Ok(Watch {
            told: sender.subscribe(),
            id,
            watchers: Arc::clone(watchers),
        })
    }

    /// Tells everybody who listens how the job is now. To be called in the order of the commits.
    pub(crate) fn tell(&self, job: &Job) {
        if let Some((sender, _)) = self.watched().jobs.get(&job.id) {
            sender.send_replace(Some(job.clone()));
        }
    }

    /// [`Watchers::tell`] for each.
    pub(crate) fn tell_all(&self, jobs: &[Job]) {
        for job in jobs {
            self.tell(job);
        }
    }

    fn forget(&self, id: JobId) {
        let mut watched = self.watched();
        watched.listeners -= 1;
        if let Some((_, listeners)) = watched.jobs.get_mut(&id) {
            *listeners -= 1;
            if *listeners == 0 {
                watched.jobs.remove(&id);
            }
        }
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One caller's ear. Dropped, it no longer counts.
pub(super) struct Watch {
    told: watch::Receiver<Option<Job>>,
    id: JobId,
    watchers: Arc<Watchers>,
}

impl Watch {
    /// The job as it is when `enough` first holds for what is told.
    pub(super) async fn until(&mut self, enough: impl Fn(&Job) -> bool) -> Job {
        let told = self
            .told
            .wait_for(|job| job.as_ref().is_some_and(&enough))
            .await;
        match told.map(|job| job.clone()) {
            Ok(Some(job)) => job,
            // The sender stays for as long as somebody listens.
            _ => std::future::pending().await,
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.watchers.forget(self.id);
    }
}

#[cfg(test)]
mod tests {
    use voicefleet_core::{Tier, Timestamp};
    use voicefleet_testkit::speech_job;

    use super::*;

    #[test]
    fn only_so_many_may_wait_and_each_makes_room_when_it_leaves() {
        let watchers = Arc::new(Watchers::new(2));
        let job = speech_job("x", Tier::Batch, Timestamp(0));
        let one = Watchers::watch(&watchers, job.id).expect("room");
        let other = Watchers::watch(&watchers, job.id).expect("room");
        assert!(Watchers::watch(&watchers, JobId::generate()).is_err());
        drop(one);
        let third = Watchers::watch(&watchers, JobId::generate()).expect("room again");
        drop((other, third));
        let watched = watchers.watched();
        assert_eq!((watched.listeners, watched.jobs.len()), (0, 0));
    }

    #[tokio::test]
    async fn what_is_told_before_the_wait_begins_is_heard() {
        let watchers = Arc::new(Watchers::new(2));
        let job = speech_job("x", Tier::Batch, Timestamp(0));
        let mut watch = Watchers::watch(&watchers, job.id).expect("room");
        watchers.tell(&job);
        assert_eq!(watch.until(|_| true).await, job);
    }
}
