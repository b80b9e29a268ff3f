//! Whoever waits for a job to move.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Notify, watch};
use voicefleet_core::{Job, JobId, ports::RecordError};

use super::stored::Stored;
use crate::error::Unavailable;

/// The most jobs of which it is remembered that they were submitted here and have not moved.
const MOST_EXPECTED: usize = 4_096;

/// What the waiting callers are told of their job.
type Told = Result<Arc<Stored>, RecordError>;

/// The waiting callers by job, a bounded number of them, and which of the jobs have to be looked at.
pub(super) struct Watchers {
    state: Mutex<Watched>,
    limit: usize,
    /// Rung when there is a job to look at.
    pub(super) bell: Notify,
    /// Rung when somebody wants to know of a job.
    wish: Notify,
}

#[derive(Default)]
struct Watched {
    jobs: HashMap<JobId, Watching>,
    /// Those of them that may have moved since they were last looked at.
    marked: HashSet<JobId>,
    listeners: usize,
    closed: bool,
    /// Whether moves are heard of.
    hears: bool,
    /// Jobs that were submitted here while moves were heard of, and of which none has been; oldest first in
    /// the second, where also some are that have moved.
    expected: HashSet<JobId>,
    expected_since: VecDeque<JobId>,
}

struct Watching {
    told: watch::Sender<Option<Told>>,
    /// What each listener waits for.
    interests: Vec<Interest>,
}

/// What a caller waits for. All wait for the end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Interest {
    EveryMove,
    /// That more than so many chunks are done.
    Beyond(u32),
    TheEnd,
}

/// What has become of a job.
#[derive(Clone, Copy)]
pub(super) enum Move {
    /// It has not ended; so many chunks are done.
    To(u32),
    End,
}

impl Interest {
    fn is_met_by(self, moved: Move) -> bool {
        match (self, moved) {
            (Self::EveryMove, _) | (_, Move::End) => true,
            (Self::Beyond(chunks), Move::To(done)) => done > chunks,
            (Self::TheEnd, Move::To(_)) => false,
        }
    }
}

impl Watchers {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            state: Mutex::default(),
            limit,
            bell: Notify::new(),
            wish: Notify::new(),
        }
    }

    /// Comes to its end when somebody has wanted to know of a job.
    pub(super) async fn wanted(&self) {
        self.wish.notified().await;
    }

    /// Moves are heard of until what this returns is dropped.
    pub(super) fn hear(watchers: &Arc<Self>) -> Hearing {
        watchers.watched().hears = true;
        Hearing(Arc::clone(watchers))
    }

    /// The job is about to be submitted.
    pub(super) fn expect(&self, id: JobId) {
        self.wish.notify_one();
        let mut watched = self.watched();
        if !watched.hears || !watched.expected.insert(id) {
            return;
        }
        watched.expected_since.push_back(id);
        if watched.expected_since.len() > MOST_EXPECTED
            && let Some(oldest) = watched.expected_since.pop_front()
        {
            watched.expected.remove(&oldest);
        }
    }

    /// The job was there already, and may have moved.
    pub(super) fn expect_no_more(&self, id: JobId) {
        self.watched().expected.remove(&id);
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
            interests: Vec::with_capacity(1),
        });
        watching.interests.push(interest);
        watchers.wish.notify_one();
        Ok(Watch {
            told: watching.told.subscribe(),
            id,
            interest,
            watchers: Arc::clone(watchers),
        })
    }

    /// The job has moved. Whether somebody waits for that.
    pub(super) fn is_waited_for(&self, id: JobId, moved: Move) -> bool {
        let mut watched = self.watched();
        watched.expected.remove(&id);
        let watching = watched.jobs.get(&id);
        watching.is_some_and(|watching| {
            let mut interests = watching.interests.iter();
            interests.any(|interest| interest.is_met_by(moved))
        })
    }

    /// The job is to be looked at, if anybody waits for it.
    pub(super) fn mark(&self, id: JobId) {
        let mut watched = self.watched();
        if watched.jobs.contains_key(&id) {
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
            let mut interests = watching.interests.iter();
            if let Some(one) = interests.position(|known| *known == interest) {
                watching.interests.swap_remove(one);
            }
            if watching.interests.is_empty() {
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

/// While this lives, moves are heard of.
pub(super) struct Hearing(Arc<Watchers>);

impl Drop for Hearing {
    fn drop(&mut self) {
        let mut watched = self.0.watched();
        watched.hears = false;
        watched.expected.clear();
        watched.expected_since.clear();
    }
}

/// One caller's ear. Dropped, it no longer counts.
pub(super) struct Watch {
    told: watch::Receiver<Option<Told>>,
    id: JobId,
    interest: Interest,
    watchers: Arc<Watchers>,
}

impl Watch {
    /// Whether the job was submitted here, and no move has been heard of since.
    pub(super) fn has_not_moved(&self) -> bool {
        self.watchers.watched().expected.contains(&self.id)
    }

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
        watchers.mark(JobId::generate());
        assert_eq!(watchers.take_marked(), []);
        watchers.mark(id);
        watchers.mark(id);
        assert_eq!(watchers.take_marked(), [id]);
        assert_eq!(watchers.take_marked(), []);
        watchers.mark_all();
        assert_eq!(watchers.take_marked(), [id]);
        drop(watch);
    }

    #[test]
    fn everybody_hears_of_the_end_and_of_what_comes_before_only_who_waits_for_it() {
        let watchers = Arc::new(Watchers::new(3));
        let id = JobId::generate();
        let watch = |interest| Watchers::watch(&watchers, id, interest).expect("room");
        let patient = watch(Interest::TheEnd);
        let is_waited_for = |moved| watchers.is_waited_for(id, moved);
        assert!(!is_waited_for(Move::To(9)) && is_waited_for(Move::End));
        let listener = watch(Interest::Beyond(1));
        assert!(!is_waited_for(Move::To(1)) && is_waited_for(Move::To(2)));
        let curious = watch(Interest::EveryMove);
        assert!(is_waited_for(Move::To(0)));
        drop(curious);
        assert!(!is_waited_for(Move::To(1)));
        drop(listener);
        assert!(!is_waited_for(Move::To(2)));
        drop(patient);
        assert!(!is_waited_for(Move::End));
    }

    #[test]
    fn a_job_that_was_submitted_has_not_moved_until_that_is_heard_or_nothing_is() {
        let watchers = Arc::new(Watchers::new(9));
        let submitted = || {
            let id = JobId::generate();
            watchers.expect(id);
            Watchers::watch(&watchers, id, Interest::TheEnd).expect("room")
        };
        assert!(!submitted().has_not_moved(), "nothing is heard of yet");
        let hearing = Watchers::hear(&watchers);
        let (one, other) = (submitted(), submitted());
        assert!(one.has_not_moved() && other.has_not_moved());
        watchers.is_waited_for(one.id, Move::To(0));
        assert!(!one.has_not_moved() && other.has_not_moved());
        drop(hearing);
        assert!(!other.has_not_moved());
        let _hearing = Watchers::hear(&watchers);
        let first = submitted();
        for _ in 0..MOST_EXPECTED {
            watchers.expect(JobId::generate());
        }
        assert!(!first.has_not_moved(), "so many are remembered");
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
