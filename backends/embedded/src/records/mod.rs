//! The job records: a table of jobs, and whoever waits for one of them to move.

mod leading;
mod listing;
mod table;
mod watchers;

pub(crate) use leading::take_over;
pub(crate) use table::{apply, ids, read};
pub(crate) use watchers::Watchers;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::FutureExt;
use sqlx::SqlitePool;
use voicefleet_core::{
    Clock, Fingerprint, Job, JobId, JobState, Progress, Tenant, Timestamp,
    ports::{JobChange, JobFilter, JobPage, JobRecord, JobRecords, RecordError, RunId, Submission},
};

use crate::{
    error::Unavailable,
    presence::Present,
    writer::{Durability, Writer},
};

/// The records in the database.
pub(crate) struct EmbeddedRecords {
    pub(crate) writer: Writer,
    pub(crate) readers: SqlitePool,
    pub(crate) watchers: Arc<Watchers>,
    pub(crate) present: Present,
    pub(crate) clock: Arc<dyn Clock>,
}

#[async_trait]
impl JobRecords for EmbeddedRecords {
    /// Outlives a power cut when it returns.
    async fn submit(&self, job: &Job) -> Result<Submission, RecordError> {
        let record = JobRecord::new(job.clone());
        self.writer
            .run(Durability::Power, move |db| leading::submit(db, record))
            .await?
    }

    /// Outlives a power cut when it returns.
    async fn insert_finished(&self, job: &Job) -> Result<(), RecordError> {
        let record = JobRecord::new(job.clone());
        Ok(self
            .writer
            .run(Durability::Power, move |db| {
                leading::insert(db, record, false).boxed()
            })
            .await?)
    }

    async fn get(&self, id: JobId) -> Result<Job, RecordError> {
        let mut reader = self.readers.acquire().await.map_err(Unavailable::from)?;
        let read = read(&mut reader, id).await.map_err(Unavailable::from)?;
        Ok(read?.job)
    }

    /// Outlives this process when it returns. A power cut may take back the last moves; their jobs are
    /// then done again.
    async fn change_by(
        &self,
        run: Option<RunId>,
        id: JobId,
        change: JobChange,
    ) -> Result<Job, RecordError> {
        let now = self.clock.now();
        let watchers = Arc::clone(&self.watchers);
        let tell = move |changed: &Result<Job, RecordError>| {
            if let Ok(job) = changed {
                watchers.tell(job);
            }
        };
        self.writer
            .run_then(
                Durability::Process,
                move |db| apply(db, run, id, change, now),
                tell,
            )
            .await?
    }

    /// Nothing to note: the envelope itself is there to be seen.
    async fn published(&self, _: JobId) -> Result<(), RecordError> {
        Ok(())
    }

    async fn unpublished(&self, age: Duration, limit: usize) -> Result<Vec<Job>, RecordError> {
        let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        let old = Timestamp(self.clock.now().0.saturating_sub(age));
        let jobs = listing::without_envelope(&self.readers, old, limit).await;
        Ok(jobs.map_err(Unavailable::from)?)
    }

    async fn followers(&self, leader: JobId) -> Result<Vec<Job>, RecordError> {
        let rows = listing::followers(&self.readers, leader).await;
        Ok(rows.map_err(Unavailable::from)?)
    }

    async fn promote(&self, old_leader: JobId, follower: JobId) -> Result<Job, RecordError> {
        self.writer
            .run(Durability::Process, move |db| {
                leading::promote(db, old_leader, follower)
            })
            .await?
    }

    async fn leader(&self, fingerprint: &Fingerprint) -> Result<Option<JobId>, RecordError> {
        let mut reader = self.readers.acquire().await.map_err(Unavailable::from)?;
        let leader = leading::leader_of(&mut reader, fingerprint).await;
        Ok(leader.map_err(Unavailable::from)?)
    }

    async fn list(&self, filter: &JobFilter) -> Result<JobPage, RecordError> {
        let page = listing::page(&self.readers, filter).await;
        Ok(page.map_err(Unavailable::from)?)
    }

    async fn in_flight_of(&self, tenant: &Tenant) -> Result<u64, RecordError> {
        let count = listing::in_flight_of(&self.readers, tenant).await;
        Ok(count.map_err(Unavailable::from)?)
    }

    async fn wait(
        &self,
        id: JobId,
        seen: (JobState, Progress),
        patience: Duration,
    ) -> Result<Job, RecordError> {
        // Listening first, looking then: a move in between is heard.
        let mut watch = Watchers::watch(&self.watchers, id)?;
        let job = self.get(id).await?;
        if (job.state, job.progress) != seen {
            return Ok(job);
        }
        let moved = watch.until(|job| (job.state, job.progress) != seen);
        Ok(tokio::time::timeout(patience, moved).await.unwrap_or(job))
    }
}
