//! The job records: a hash per job, lists of them by state and tier, and whoever waits for one to move.

mod background;
mod ledger;
mod listing;
mod loads;
mod outbox;
mod recent;
mod scripts;
mod stored;
mod watchers;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use voicefleet_core::{
    Clock, Envelope, Fingerprint, Job, JobId, JobState, Progress, Tenant, Tier,
    ports::{JobChange, JobFilter, JobPage, JobRecord, JobRecords, RecordError, RunId, Submission},
    scaling::EngineUsage,
};

use self::{
    background::Background,
    outbox::Noted,
    recent::Recent,
    scripts::{Basis, Changed, Scripts},
    stored::{Stored, read, read_all},
    watchers::{Interest, Watchers},
};
use crate::{
    config::RedisConfig,
    documents::RedisDocuments,
    error::{ConfigError, Unavailable},
    link::{Link, Patience},
    turns::RedisTurns,
};

/// How often a change is worked out anew because another one came before it. Each loss is somebody
/// else's progress, so that this many in a row mean that something is wrong.
const TRIES: usize = 32;

/// How a job stands that has just been submitted.
const SUBMITTED: (JobState, Progress) = (
    JobState::Queued,
    Progress {
        chunks_done: 0,
        chunks_total: 0,
    },
);

/// The job records on Redis. Dropped, it stops; [`RedisRecords::close`] also waits for that.
pub struct RedisRecords {
    link: Arc<Link>,
    scripts: Arc<Scripts>,
    watchers: Arc<Watchers>,
    recent: Recent,
    noted: Arc<Noted>,
    prefix: String,
    clock: Arc<dyn Clock>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl RedisRecords {
    /// Opens the records without waiting for the server: until it is there, calls are answered with
    /// `Unavailable`. To be called within a Tokio runtime, for it starts the task that listens.
    ///
    /// # Errors
    /// If the URL cannot be read, or the prefix cannot be used.
    pub fn open(config: &RedisConfig) -> Result<Self, ConfigError> {
        let patience = Patience {
            connect: config.connect_timeout,
            response: config.response_timeout,
        };
        let link = Arc::new(Link::new("the job records", &config.records_url, patience)?);
        let prefix = link.prefix(&config.key_prefix)?;
        let scripts = Scripts::new(prefix.clone(), config.finished_ttl, config.unfinished_ttl);
        let scripts = Arc::new(scripts);
        let watchers = Arc::new(Watchers::new(config.max_waiters));
        let noted = Arc::new(Noted::new(&prefix));
        let background = Background {
            link: Arc::clone(&link),
            scripts: Arc::clone(&scripts),
            watchers: Arc::clone(&watchers),
            noted: Arc::clone(&noted),
            prefix: prefix.clone(),
            look_interval: config.look_interval,
            patience: config.response_timeout,
        };
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        tasks.spawn(background.run(stop.clone()));
        tasks.close();
        Ok(Self {
            link,
            scripts,
            watchers,
            recent: Recent::default(),
            noted,
            prefix,
            clock: Arc::clone(&config.clock),
            tasks,
            stop,
        })
    }

    /// The documents, on the same server and over the same connection.
    pub fn documents(&self) -> RedisDocuments {
        RedisDocuments::new(Arc::clone(&self.link), self.prefix.clone())
    }

    /// The turns of tenants, on the same server and over the same connection.
    pub fn turns(&self) -> RedisTurns {
        RedisTurns::new(Arc::clone(&self.link), self.prefix.clone())
    }

    /// Stops listening, in order: whoever waits hears that the records are closed, and nothing runs on
    /// when this returns. All other calls still work.
    pub async fn close(&self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }

    async fn wait_until(
        &self,
        id: JobId,
        interest: Interest,
        seen: (JobState, Progress),
        enough: impl Fn(&Job) -> bool,
        patience: Duration,
    ) -> Result<Job, RecordError> {
        // Listening first, looking then: a move in between is heard.
        let mut watch = Watchers::watch(&self.watchers, id, interest)?;
        let mut version = 0;
        // What was submitted here and has not been heard of since stands as it was submitted.
        if seen != SUBMITTED || !watch.has_not_moved() {
            let stored = self.stored(id).await?;
            if enough(&stored.record.job) {
                return Ok(stored.record.job);
            }
            version = stored.version;
        }
        let moved = watch.until(version, enough);
        match tokio::time::timeout(patience, moved).await {
            Ok(told) => told,
            // Perhaps nobody has told.
            Err(_) => self.get(id).await,
        }
    }

    /// Writes a record; the version that it has then, unless it was made from an old one.
    async fn write(
        &self,
        record: &JobRecord,
        basis: Basis,
        usage: &EngineUsage,
    ) -> Result<Option<u64>, RecordError> {
        let change = self.scripts.change(record, basis, usage)?;
        let (version, is_followed): Changed = self.link.script(&change).await?;
        if version == 0 {
            return Ok(None);
        }
        if record.job.state.is_terminal() && !is_followed {
            self.recent.note_unfollowed(record.job.id);
        }
        Ok(Some(version))
    }

    async fn stored(&self, id: JobId) -> Result<Stored, RecordError> {
        let found = read(&self.link, &self.prefix, id).await?;
        found.ok_or(RecordError::NotFound(id))
    }
}

impl Drop for RedisRecords {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[async_trait]
impl JobRecords for RedisRecords {
    async fn submit(&self, job: &Job) -> Result<Submission, RecordError> {
        // Before it is there: nothing that becomes of it is missed.
        self.watchers.expect(job.id);
        let answer: Vec<Option<String>> = self.link.script(&self.scripts.submit(job)?).await?;
        let [Some(was_there), leader @ ..] = &answer[..] else {
            return Err(RecordError::Unavailable(
                "a submit has no answer".to_owned(),
            ));
        };
        if was_there == "1" {
            self.watchers.expect_no_more(job.id);
        }
        submission(leader)
    }

    async fn insert_finished(&self, job: &Job) -> Result<(), RecordError> {
        Ok(self.link.script(&self.scripts.insert(job)?).await?)
    }

    async fn get(&self, id: JobId) -> Result<Job, RecordError> {
        Ok(self.stored(id).await?.record.job)
    }

    /// If the connection is lost before the answer, the move may have been made nevertheless.
    async fn change_by(
        &self,
        run: Option<RunId>,
        id: JobId,
        change: JobChange,
    ) -> Result<Job, RecordError> {
        let now = self.clock.now();
        let mut recent = self.recent.take(id);
        for _ in 0..TRIES {
            let (mut stored, is_old) = match recent.take() {
                Some(stored) => (stored, true),
                None => (self.stored(id).await?, false),
            };
            let before = stored.record.job.timings;
            match stored.record.apply(run, change.clone(), now) {
                // It may have changed since.
                Err(_) if is_old => continue,
                applied => applied?,
            }
            let usage = EngineUsage::of_change(&before, &stored.record.job);
            let basis = Basis::Version(stored.version);
            if let Some(version) = self.write(&stored.record, basis, &usage).await? {
                stored.version = version;
                self.recent.keep(&stored);
                return Ok(stored.record.job);
            }
        }
        Err(RecordError::Unavailable(format!(
            "job {id} has been changed by others {TRIES} times meanwhile"
        )))
    }

    /// What has happened to the record since it was submitted, if anything, is noticed by the server.
    async fn start(&self, envelope: &Envelope, start: JobChange) -> Result<Job, RecordError> {
        if let Some(mut record) = as_submitted(envelope, &start)
            && record.apply(None, start.clone(), self.clock.now()).is_ok()
        {
            let nothing = EngineUsage::default();
            let written = self.write(&record, Basis::AsSubmitted, &nothing).await?;
            if let Some(version) = written {
                let stored = Stored { record, version };
                self.recent.keep(&stored);
                return Ok(stored.record.job);
            }
        }
        self.change(envelope.job_id, start).await
    }

    /// Told to the server some moments later, together with others.
    async fn published(&self, id: JobId) -> Result<(), RecordError> {
        Ok(self.noted.add(&self.link, id).await?)
    }

    async fn unpublished(&self, age: Duration, limit: usize) -> Result<Vec<Job>, RecordError> {
        self.noted.tell(&self.link).await?;
        let waiting = self.scripts.unpublished(age, limit);
        let ids: Vec<String> = self.link.script(&waiting).await?;
        let ids = ids.iter().map(|id| parse_id(id));
        let ids = ids.collect::<Result<Vec<_>, _>>()?;
        let found = read_all(&self.link, &self.prefix, &ids).await?;
        let jobs = found.into_iter().map(|stored| stored.record.job);
        Ok(jobs
            .filter(|job| job.state == JobState::Queued && job.follows.is_none())
            .collect())
    }

    async fn followers(&self, leader: JobId) -> Result<Vec<Job>, RecordError> {
        if self.recent.is_unfollowed(leader) {
            return Ok(Vec::new());
        }
        Ok(listing::followers(&self.link, &self.prefix, leader).await?)
    }

    async fn promote(&self, old_leader: JobId, follower: JobId) -> Result<Job, RecordError> {
        let promotion = self.scripts.promote(old_leader, follower);
        let () = self.link.script(&promotion).await?;
        let job = self.get(follower).await?;
        if job.state.is_terminal() {
            let (from, to) = (job.state, JobState::Queued);
            return Err(RecordError::IllegalMove { from, to });
        }
        Ok(job)
    }

    async fn leader(&self, fingerprint: &Fingerprint) -> Result<Option<JobId>, RecordError> {
        let mut command = redis::cmd("GET");
        command.arg(format!("{}lead:{fingerprint}", self.prefix));
        let leader: Option<String> = self.link.command(&command).await?;
        leader.as_deref().map(parse_id).transpose()
    }

    /// At most 1 000 jobs, whatever the filter's limit is.
    async fn list(&self, filter: &JobFilter) -> Result<JobPage, RecordError> {
        Ok(listing::page(&self.link, &self.prefix, filter).await?)
    }

    async fn in_flight_of(&self, tenant: &Tenant) -> Result<u64, RecordError> {
        Ok(listing::in_flight_of(&self.link, &self.prefix, tenant).await?)
    }

    /// An outage ends the waiting only when it lasts longer than the response time-out.
    async fn wait(
        &self,
        id: JobId,
        seen: (JobState, Progress),
        patience: Duration,
    ) -> Result<Job, RecordError> {
        let differs = |job: &Job| (job.state, job.progress) != seen;
        self.wait_until(id, Interest::EveryMove, seen, differs, patience)
            .await
    }

    async fn wait_for_chunk(
        &self,
        id: JobId,
        seen: (JobState, Progress),
        chunks: u32,
        patience: Duration,
    ) -> Result<Job, RecordError> {
        let enough = |job: &Job| job.state.is_terminal() || job.progress.chunks_done > chunks;
        self.wait_until(id, Interest::Beyond(chunks), seen, enough, patience)
            .await
    }

    async fn wait_for_end(
        &self,
        id: JobId,
        seen: (JobState, Progress),
        patience: Duration,
    ) -> Result<Job, RecordError> {
        let has_ended = |job: &Job| job.state.is_terminal();
        self.wait_until(id, Interest::TheEnd, seen, has_ended, patience)
            .await
    }
}

/// The record of a job as its envelope says that it was submitted; `None` if it cannot be that any more.
fn as_submitted(envelope: &Envelope, start: &JobChange) -> Option<JobRecord> {
    let JobChange::Start { claim, .. } = start else {
        return None;
    };
    let is_first = envelope.attempt == 0 && !claim.redelivered;
    (is_first && envelope.created_at.is_some()).then(|| JobRecord::new(envelope.to_job()))
}

/// What the script has answered: nothing, or the leader with its tier and state.
fn submission(answer: &[Option<String>]) -> Result<Submission, RecordError> {
    let [Some(leader), about @ ..] = answer else {
        return Ok(Submission::Leads);
    };
    let leader = parse_id(leader)?;
    let [Some(tier), Some(state)] = about else {
        return Err(RecordError::NotFound(leader));
    };
    let leader_tier = tier.parse::<Tier>();
    Ok(Submission::Follows {
        leader,
        leader_tier: leader_tier.map_err(|error| Unavailable(error.to_string()))?,
        leader_queued: state == JobState::Queued.name(),
    })
}

fn parse_id(text: &str) -> Result<JobId, RecordError> {
    let id = text.parse();
    id.map_err(|_| RecordError::Unavailable(format!("{text:?} is no job id")))
}
