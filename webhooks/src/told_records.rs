//! Job records whose jobs' ends are told.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use voicefleet_core::{
    Envelope, Fingerprint, Job, JobId, JobState, Progress, Tenant, Timestamp,
    ports::{JobChange, JobFilter, JobPage, JobRecords, RecordError, RunId, Submission},
};

use crate::{Event, EventKind, Webhooks};

/// For how long it is remembered that nobody wants to hear of something: most tenants have no endpoint, and
/// each job would ask anew.
const NOBODY_FOR: Duration = Duration::from_secs(2);
/// Tenants and kinds of which that is remembered.
const MOST_REMEMBERED: usize = 10_000;

/// Records that enqueue an event for every job that ends, before the call that ended it returns. A new
/// endpoint is told of jobs that end two seconds later or more.
///
/// Whoever ends a job does not let go of it (settle its delivery, answer its client) before that. If the event
/// cannot be enqueued, the call fails though the job has ended; made again it is refused as an illegal
/// move, and the event is enqueued then. An event that is enqueued twice is told once.
pub struct ToldRecords {
    records: Arc<dyn JobRecords>,
    webhooks: Webhooks,
    /// What links in events begin with.
    base: String,
    /// Since when nobody wants to hear of it.
    unheard: Mutex<HashMap<(Tenant, EventKind), Timestamp>>,
}

impl ToldRecords {
    /// Tells of the jobs of `records`. Links in events begin with `base`, the public URL of the API without a
    /// slash at its end, or empty.
    pub fn new(records: Arc<dyn JobRecords>, webhooks: Webhooks, base: impl Into<String>) -> Self {
        Self {
            records,
            webhooks,
            base: base.into(),
            unheard: Mutex::default(),
        }
    }

    async fn tell(&self, job: &Job) -> Result<(), RecordError> {
        let Some(event) = Event::of_job(job, &self.base) else {
            return Ok(());
        };
        if self.is_unheard(&event) {
            return Ok(());
        }
        match self.webhooks.enqueue(&event).await {
            Ok(0) => {
                self.remember_unheard(event);
                Ok(())
            }
            Ok(_) => Ok(()),
            Err(error) => Err(RecordError::Unavailable(format!("webhooks: {error}"))),
        }
    }
}

impl ToldRecords {
    /// Tells of what a change of the job has come to.
    async fn tell_of(
        &self,
        id: JobId,
        changed: Result<Job, RecordError>,
    ) -> Result<Job, RecordError> {
        match changed {
            Ok(job) => {
                self.tell(&job).await?;
                Ok(job)
            }
            // Whoever ended it may not have come to tell.
            Err(RecordError::IllegalMove { from, to }) if from.is_terminal() => {
                self.tell(&self.records.get(id).await?).await?;
                Err(RecordError::IllegalMove { from, to })
            }
            Err(error) => Err(error),
        }
    }

    fn is_unheard(&self, event: &Event) -> bool {
        let unheard = self.unheard.lock().unwrap_or_else(PoisonError::into_inner);
        let since = unheard.get(&(event.tenant.clone(), event.kind));
        since.is_some_and(|since| self.webhooks.now().since(*since) < NOBODY_FOR)
    }

    fn remember_unheard(&self, event: Event) {
        let mut unheard = self.unheard.lock().unwrap_or_else(PoisonError::into_inner);
        if unheard.len() >= MOST_REMEMBERED {
            unheard.clear();
        }
        unheard.insert((event.tenant, event.kind), self.webhooks.now());
    }
}

#[async_trait]
impl JobRecords for ToldRecords {
    async fn submit(&self, job: &Job) -> Result<Submission, RecordError> {
        self.records.submit(job).await
    }

    async fn insert_finished(&self, job: &Job) -> Result<(), RecordError> {
        self.records.insert_finished(job).await?;
        self.tell(job).await
    }

    async fn get(&self, id: JobId) -> Result<Job, RecordError> {
        self.records.get(id).await
    }

    async fn change_by(
        &self,
        run: Option<RunId>,
        id: JobId,
        change: JobChange,
    ) -> Result<Job, RecordError> {
        let changed = self.records.change_by(run, id, change).await;
        self.tell_of(id, changed).await
    }

    async fn start(&self, envelope: &Envelope, start: JobChange) -> Result<Job, RecordError> {
        let started = self.records.start(envelope, start).await;
        self.tell_of(envelope.job_id, started).await
    }

    async fn published(&self, id: JobId) -> Result<(), RecordError> {
        self.records.published(id).await
    }

    async fn unpublished(&self, age: Duration, limit: usize) -> Result<Vec<Job>, RecordError> {
        self.records.unpublished(age, limit).await
    }

    async fn followers(&self, leader: JobId) -> Result<Vec<Job>, RecordError> {
        self.records.followers(leader).await
    }

    async fn promote(&self, old_leader: JobId, follower: JobId) -> Result<Job, RecordError> {
        self.records.promote(old_leader, follower).await
    }

    async fn leader(&self, fingerprint: &Fingerprint) -> Result<Option<JobId>, RecordError> {
        self.records.leader(fingerprint).await
    }

    async fn list(&self, filter: &JobFilter) -> Result<JobPage, RecordError> {
        self.records.list(filter).await
    }

    async fn in_flight_of(&self, tenant: &Tenant) -> Result<u64, RecordError> {
        self.records.in_flight_of(tenant).await
    }

    async fn wait(
        &self,
        id: JobId,
        seen: (JobState, Progress),
        patience: Duration,
    ) -> Result<Job, RecordError> {
        self.records.wait(id, seen, patience).await
    }

    async fn wait_for_chunk(
        &self,
        id: JobId,
        seen: (JobState, Progress),
        chunks: u32,
        patience: Duration,
    ) -> Result<Job, RecordError> {
        self.records
            .wait_for_chunk(id, seen, chunks, patience)
            .await
    }

    async fn wait_for_end(
        &self,
        id: JobId,
        seen: (JobState, Progress),
        patience: Duration,
    ) -> Result<Job, RecordError> {
        self.records.wait_for_end(id, seen, patience).await
    }
}

#[cfg(test)]
mod tests {
    use voicefleet_core::{Clock, ErrorCode, Failure, Tier};
    use voicefleet_testkit::{
        FakeClock,
        memory::{MemoryDocuments, MemoryRecords},
        speech_job,
    };

    use super::*;
    use crate::{NewEndpoint, UrlPolicy};

    struct Bench {
        documents: MemoryDocuments,
        webhooks: Webhooks,
        told: ToldRecords,
        clock: FakeClock,
    }

    impl Bench {
        fn new() -> Self {
            let clock = FakeClock::default();
            let documents = MemoryDocuments::new(clock.clone());
            let webhooks = Webhooks::new(
                Arc::new(documents.clone()),
                Arc::new(clock.clone()),
                UrlPolicy::default(),
            );
            let records = Arc::new(MemoryRecords::new(clock.clone()));
            Self {
                told: ToldRecords::new(records, webhooks.clone(), ""),
                documents,
                webhooks,
                clock,
            }
        }

        fn cancel(&self) -> JobChange {
            JobChange::End {
                state: JobState::Cancelled,
                at: self.clock.now(),
                failure: Failure::new(ErrorCode::Cancelled, "withdrawn"),
            }
        }

        /// How many events the only endpoint is told.
        async fn told(&self) -> usize {
            let tenant = Tenant::default();
            let endpoints = self.webhooks.list(&tenant).await.expect("listed");
            let log = self
                .webhooks
                .deliveries(&tenant, &endpoints[0].id, None, 100);
            log.await.expect("read").deliveries.len()
        }
    }

    async fn with_endpoint() -> Bench {
        let bench = Bench::new();
        let new = NewEndpoint {
            url: "https://example.com/".to_owned(),
            events: Vec::new(),
        };
        let made = bench.webhooks.create(&Tenant::default(), new).await;
        made.expect("made");
        bench
    }

    #[tokio::test]
    async fn every_end_is_told_once() {
        let bench = with_endpoint().await;
        let job = speech_job("a", Tier::Batch, bench.clock.now());
        bench.told.submit(&job).await.expect("recorded");
        assert_eq!(bench.told().await, 0);
        bench
            .told
            .change(job.id, bench.cancel())
            .await
            .expect("ended");
        assert_eq!(bench.told().await, 1);
        let again = bench.told.change(job.id, bench.cancel()).await;
        assert!(matches!(again, Err(RecordError::IllegalMove { .. })));
        assert_eq!(bench.told().await, 1);
        let cached = Job {
            state: JobState::Succeeded,
            finished_at: Some(bench.clock.now()),
            ..speech_job("b", Tier::Batch, bench.clock.now())
        };
        bench.told.insert_finished(&cached).await.expect("recorded");
        assert_eq!(bench.told().await, 2);
    }

    #[tokio::test]
    async fn an_end_that_could_not_be_told_is_told_when_it_is_tried_again() {
        let bench = with_endpoint().await;
        let job = speech_job("a", Tier::Batch, bench.clock.now());
        bench.told.submit(&job).await.expect("recorded");
        bench.documents.outage().set_down(true);
        let cut = bench.told.change(job.id, bench.cancel()).await;
        assert!(matches!(cut, Err(RecordError::Unavailable(_))));
        bench.documents.outage().set_down(false);
        assert_eq!(bench.told().await, 0);
        let again = bench.told.change(job.id, bench.cancel()).await;
        assert!(matches!(again, Err(RecordError::IllegalMove { .. })));
        assert_eq!(bench.told().await, 1);
    }
}
