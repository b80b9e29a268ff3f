//! Whoever waits for a job to move.

use std::{
    collections::{HashMap, HashSet},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Notify, watch};
use voicefleet_core::{Job, JobId, ports::RecordError};

use super::stored::Stored;
use crate::error::Unavailable;

/// What the waiting callers are told of their job.
type Told = Result<Arc<Stored>, RecordError>;

/// The waiting callers by job, a bounded number of them, and which of the jobs have to be looked at.
pub(super) struct Watchers {
    state: Mutex<Watched>,
    limit: usize,
    /// Rung when there is a job to look at.
    pub(super) bell: Notify,
}

#[derive(Default)]
struct Watched {
    jobs: HashMap<JobId, Watching>,
    /// Those of them that may have moved since they were last looked at.
    marked: HashSet<JobId>,
    listeners: usize,
    closed: bool,
}

struct Watching {
    told: watch::Sender<Option<Told>>,
    listeners: usize,
    /// Those of them that want to hear of every move.
    curious: usize,
}

/// What a caller waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Interest {
    EveryMove,
    TheEnd,
}

impl Watchers {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            state: Mutex::default(),
            limit,
            bell: Notify::new(),
        }
    }

    /// Begins to listen.
    pub(super) fn watch(
        watchers: &Arc<Self>,
        id: JobId,
        interest: Interest,
    ) -> Result<Watch, Unavailable> {
        let mut watched = watchers.watched();
        if watched.closed {
            return Err(closed());
        }
        if watched.listeners >= watchers.limit {
            return Err(Unavailable(format!(
                "{} callers wait for jobs already",
                watchers.limit
            )));
        }
        watched.listeners += 1;
        let watching = watched.jobs.entry(id).or_insert_with(|| Watching {
            told: watch::Sender::new(None),
            listeners: 0,
            curious: 0,
        });
        watching.listeners += 1;
        watching.curious += usize::from(interest == Interest::EveryMove);
        Ok(Watch {
            told: watching.told.subscribe(),
            id,
            interest,
            watchers: Arc::clone(watchers),
        })
    }

    /// The job has moved, perhaps to its end; no effect if nobody waits for that.
    pub(super) fn mark(&self, id: JobId, ended: bool) {
        let mut watched = self.watched();
        let waited_for = |watching: &Watching| ended || watching.curious > 0;
        if watched.jobs.get(&id).is_some_and(waited_for) {
            watched.marked.insert(id);
            self.bell.notify_one();
        }
    }

    /// Any of them may have moved.
    pub(super) fn mark_all(&self) {
        let mut watched = self.watched();
        watched.marked = watched.jobs.keys().copied().collect();
        self.bell.notify_one();
    }

    /// The jobs to look at; each is named once.
    pub(super) fn take_marked(&self) -> Vec<JobId> {
        mem::take(&mut self.watched().marked).into_iter().collect()
    }

    /// Tells everybody who waits for the job how it is now.
    pub(super) fn tell(&self, id: JobId, news: Told) {
        if let Some(watching) = self.watched().jobs.get(&id) {
            watching.told.send_replace(Some(news));
        }
    }

    /// Tells everybody that there is nothing to wait for at the moment.
    pub(super) fn disappoint(&self, refusal: &RecordError) {
        for watching in self.watched().jobs.values() {
            watching.told.send_replace(Some(Err(refusal.clone())));
        }
    }

    /// Nobody will be told anything any more.
    pub(super) fn close(&self) {
        self.watched().closed = true;
        self.disappoint(&closed().into());
    }

    fn forget(&self, id: JobId, interest: Interest) {
        let mut watched = self.watched();
        watched.listeners -= 1;
        if let Some(watching) = watched.jobs.get_mut(&id) {
            watching.listeners -= 1;
            watching.curious -= usize::from(interest == Interest::EveryMove);
            if watching.listeners == 0 {
                watched.jobs.remove(&id);
                watched.marked.remove(&id);
            }
        }
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn closed() -> Unavailable {
    Unavailable("the job records are closed".to_owned())
}

/// One caller's ear. Dropped, it no longer counts.
pub(super) struct Watch {
    told: watch::Receiver<Option<Told>>,
    id: JobId,
    interest: Interest,
    watchers: Arc<Watchers>,
}

impl Watch {
    /// The job as it is when `enough` first holds for something newer than `version`.
    pub(super) async fn until(
        &mut self,
        version: u64,
        enough: impl Fn(&Job) -> bool,
    ) -> Result<Job, RecordError> {
        // What is told may have been read before what the caller has read itself.
        let is_news = |told: &Option<Told>| match told {
            None => false,
            Some(Ok(stored)) => stored.version > version && enough(&stored.record.job),
            Some(Err(_)) => true,
        };
        let told = self.told.wait_for(is_news).await.map(|told| told.clone());
        match told {
            Ok(Some(told)) => told.map(|stored| stored.record.job.clone()),
            // The sender stays for as long as somebody listens.
            _ => std::future::pending().await,
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.watchers.forget(self.id, self.interest);
    }
}

#[cfg(test)]
mod tests {
    use voicefleet_core::{Tier, Timestamp, ports::JobRecord};
    use voicefleet_testkit::speech_job;

    use super::*;

    fn stored(version: u64) -> Arc<Stored> {
        let job = speech_job("x", Tier::Batch, Timestamp(0));
        let record = JobRecord::new(job);
        Arc::new(Stored { record, version })
    }

    #[test]
    fn only_so_many_may_wait_and_each_makes_room_when_it_leaves() {
        let watchers = Arc::new(Watchers::new(2));
        let id = JobId::generate();
        let watch = |id| Watchers::watch(&watchers, id, Interest::EveryMove);
        let one = watch(id).expect("room");
        let other = watch(id).expect("room");
        assert!(watch(JobId::generate()).is_err());
        drop(one);
        let third = watch(JobId::generate()).expect("room again");
        drop((other, third));
        let watched = watchers.watched();
        assert_eq!((watched.listeners, watched.jobs.len()), (0, 0));
    }

    #[test]
    fn only_jobs_that_somebody_waits_for_are_looked_at_and_once() {
        let watchers = Arc::new(Watchers::new(2));
        let id = JobId::generate();
        let watch = Watchers::watch(&watchers, id, Interest::EveryMove).expect("room");
        watchers.mark(JobId::generate(), true);
        assert_eq!(watchers.take_marked(), []);
        watchers.mark(id, false);
        watchers.mark(id, false);
        assert_eq!(watchers.take_marked(), [id]);
        assert_eq!(watchers.take_marked(), []);
        watchers.mark_all();
        assert_eq!(watchers.take_marked(), [id]);
        drop(watch);
    }

    #[test]
    fn a_job_whose_end_alone_is_waited_for_is_looked_at_when_it_ends() {
        let watchers = Arc::new(Watchers::new(2));
        let id = JobId::generate();
        let patient = Watchers::watch(&watchers, id, Interest::TheEnd).expect("room");
        watchers.mark(id, false);
        assert_eq!(watchers.take_marked(), []);
        let curious = Watchers::watch(&watchers, id, Interest::EveryMove).expect("room");
        watchers.mark(id, false);
        assert_eq!(watchers.take_marked(), [id]);
        drop(curious);
        watchers.mark(id, false);
        assert_eq!(watchers.take_marked(), []);
        watchers.mark(id, true);
        assert_eq!(watchers.take_marked(), [id]);
        drop(patient);
    }

    #[tokio::test]
    async fn what_was_read_before_is_no_news() {
        let watchers = Arc::new(Watchers::new(2));
        let (old, new) = (stored(3), stored(4));
        let id = JobId::generate();
        let mut watch = Watchers::watch(&watchers, id, Interest::EveryMove).expect("room");
        watchers.tell(id, Ok(old));
        {
            let waiting = watch.until(3, |_| true);
            tokio::pin!(waiting);
            assert!(futures::poll!(&mut waiting).is_pending());
            watchers.tell(id, Ok(Arc::clone(&new)));
            assert_eq!(waiting.await.as_ref(), Ok(&new.record.job));
        }
        watchers.close();
        let told = watch.until(4, |_| true).await;
        assert_eq!(told, Err(closed().into()));
        assert!(Watchers::watch(&watchers, id, Interest::EveryMove).is_err());
    }
}
