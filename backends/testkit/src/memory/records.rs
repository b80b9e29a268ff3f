//! Job records in memory.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::watch;
use uuid::Uuid;
use voicefleet_core::{
    Clock, EngineId, Fingerprint, Job, JobId, JobState, Progress, Tenant, Timestamp,
    ports::{
        FleetLedger, JobChange, JobFilter, JobPage, JobRecord, JobRecords, LedgerUnavailable,
        RecordError, RunId, Submission, TenantUsage, WorkerPresence,
    },
    scaling::{EngineUsage, Split},
};

use super::{Outage, lock};
use crate::FakeClock;

const DAY_MS: i64 = 86_400_000;

/// Job records in memory. Clones are the same records.
#[derive(Clone)]
pub struct MemoryRecords {
    ledger: Arc<Mutex<Ledger>>,
    /// Counts changes, so that waiters can wait for the next one.
    changes: Arc<watch::Sender<u64>>,
    clock: FakeClock,
    outage: Outage,
}

#[derive(Default)]
struct Ledger {
    records: BTreeMap<JobId, JobRecord>,
    leaders: HashMap<Fingerprint, JobId>,
    /// Leaders of which nobody has said that they are in the queue, and since when they lead.
    unpublished: BTreeMap<JobId, Timestamp>,
    /// By minute.
    usage: BTreeMap<i64, BTreeMap<EngineId, EngineUsage>>,
    split: Option<Split>,
    /// By day.
    tenants: BTreeMap<(i64, Tenant), TenantUsage>,
    /// With the moment until which each is there.
    workers: BTreeMap<Uuid, (WorkerPresence, Timestamp)>,
}

impl MemoryRecords {
    /// No jobs yet. `clock` dates the moves that carry no time of their own.
    pub fn new(clock: FakeClock) -> Self {
        let changes = Arc::new(watch::Sender::new(0));
        Self {
            ledger: Arc::default(),
            changes,
            clock,
            outage: Outage::default(),
        }
    }

    /// Its switch.
    pub fn outage(&self) -> &Outage {
        &self.outage
    }

    /// Every job, oldest first.
    pub fn all(&self) -> Vec<Job> {
        lock(&self.ledger)
            .records
            .values()
            .map(|record| record.job.clone())
            .collect()
    }

    fn with<T>(
        &self,
        work: impl FnOnce(&mut Ledger) -> Result<T, RecordError>,
    ) -> Result<T, RecordError> {
        self.outage.check().map_err(RecordError::Unavailable)?;
        work(&mut lock(&self.ledger))
    }

    fn announce(&self) {
        self.changes.send_modify(|changes| *changes += 1);
    }
}

impl Ledger {
    fn record(&mut self, id: JobId) -> Result<&mut JobRecord, RecordError> {
        self.records.get_mut(&id).ok_or(RecordError::NotFound(id))
    }

    fn job(&self, id: JobId) -> Result<&Job, RecordError> {
        let record = self.records.get(&id).ok_or(RecordError::NotFound(id))?;
        Ok(&record.job)
    }

    fn submit(&mut self, job: &Job, now: Timestamp) -> Result<Submission, RecordError> {
        if let Ok(known) = self.job(job.id) {
            let follows = known.follows;
            return self.submission(follows);
        }
        let leader = self.leaders.get(&job.fingerprint).copied();
        if leader.is_none() {
            self.leaders.insert(job.fingerprint.clone(), job.id);
            self.unpublished.insert(job.id, now);
        }
        let job = Job {
            follows: leader,
            ..job.clone()
        };
        self.records.insert(job.id, JobRecord::new(job));
        self.submission(leader)
    }

    fn submission(&self, follows: Option<JobId>) -> Result<Submission, RecordError> {
        let Some(leader) = follows else {
            return Ok(Submission::Leads);
        };
        let job = self.job(leader)?;
        Ok(Submission::Follows {
            leader,
            leader_tier: job.tier,
            leader_queued: job.state == JobState::Queued,
        })
    }

    fn change(
        &mut self,
        id: JobId,
        run: Option<RunId>,
        change: JobChange,
        now: Timestamp,
    ) -> Result<Job, RecordError> {
        let record = self.record(id)?;
        let before = record.job.timings;
        record.apply(run, change, now)?;
        let job = record.job.clone();
        let minute = self.usage.entry(now.0.div_euclid(60_000)).or_default();
        let usage = minute.entry(job.spec.engine().clone()).or_default();
        usage.add(&EngineUsage::of_change(&before, &job));
        if !job.tenant.is_sole() {
            let day = now.0.div_euclid(DAY_MS);
            let more = EngineUsage::of_change(&before, &job);
            let used = self.tenants.entry((day, job.tenant.clone())).or_default();
            used.compute_seconds += more.compute_seconds;
            used.jobs += more.finished_jobs;
        }
        self.unpublished.remove(&id);
        if job.state.is_terminal() && self.leaders.get(&job.fingerprint) == Some(&id) {
            self.leaders.remove(&job.fingerprint);
        }
        Ok(job)
    }

    fn unpublished(&mut self, age: Duration, limit: usize, now: Timestamp) -> Vec<Job> {
        let old = self
            .unpublished
            .iter_mut()
            .filter(|(_, since)| now.since(**since) >= age)
            .take(limit);
        let ids: Vec<JobId> = old
            .map(|(id, since)| {
                *since = now;
                *id
            })
            .collect();
        ids.iter()
            .filter_map(|id| self.job(*id).ok().cloned())
            .collect()
    }

    fn followers(&self, leader: JobId) -> Vec<JobId> {
        let follows = |record: &&JobRecord| {
            record.job.follows == Some(leader) && !record.job.state.is_terminal()
        };
        self.records
            .values()
            .filter(follows)
            .map(|record| record.job.id)
            .collect()
    }

    fn promote(
        &mut self,
        old_leader: JobId,
        follower: JobId,
        now: Timestamp,
    ) -> Result<Job, RecordError> {
        let job = self.job(follower)?.clone();
        if job.state.is_terminal() {
            return Err(RecordError::IllegalMove {
                from: job.state,
                to: JobState::Queued,
            });
        }
        if job.follows != Some(old_leader) {
            return Ok(job);
        }
        let other = self
            .leaders
            .get(&job.fingerprint)
            .copied()
            .filter(|id| *id != old_leader);
        let leader = other.unwrap_or(follower);
        for id in self.followers(old_leader) {
            self.record(id)?.job.follows = (id != leader).then_some(leader);
        }
        self.leaders.insert(job.fingerprint, leader);
        self.unpublished.entry(leader).or_insert(now);
        self.job(follower).cloned()
    }
}

#[async_trait]
impl JobRecords for MemoryRecords {
    async fn submit(&self, job: &Job) -> Result<Submission, RecordError> {
        self.with(|ledger| ledger.submit(job, self.clock.now()))
    }

    async fn insert_finished(&self, job: &Job) -> Result<(), RecordError> {
        self.with(|ledger| {
            ledger
                .records
                .entry(job.id)
                .or_insert_with(|| JobRecord::new(job.clone()));
            Ok(())
        })
    }

    async fn get(&self, id: JobId) -> Result<Job, RecordError> {
        self.with(|ledger| ledger.job(id).cloned())
    }

    async fn change_by(
        &self,
        run: Option<RunId>,
        id: JobId,
        change: JobChange,
    ) -> Result<Job, RecordError> {
        let job = self.with(|ledger| ledger.change(id, run, change, self.clock.now()))?;
        self.announce();
        Ok(job)
    }

    async fn published(&self, id: JobId) -> Result<(), RecordError> {
        self.with(|ledger| {
            ledger.unpublished.remove(&id);
            Ok(())
        })
    }

    async fn unpublished(&self, age: Duration, limit: usize) -> Result<Vec<Job>, RecordError> {
        self.with(|ledger| Ok(ledger.unpublished(age, limit, self.clock.now())))
    }

    async fn followers(&self, leader: JobId) -> Result<Vec<Job>, RecordError> {
        self.with(|ledger| {
            ledger
                .followers(leader)
                .into_iter()
                .map(|id| ledger.job(id).cloned())
                .collect()
        })
    }

    async fn promote(&self, old_leader: JobId, follower: JobId) -> Result<Job, RecordError> {
        self.with(|ledger| ledger.promote(old_leader, follower, self.clock.now()))
    }

    async fn leader(&self, fingerprint: &Fingerprint) -> Result<Option<JobId>, RecordError> {
        self.with(|ledger| Ok(ledger.leaders.get(fingerprint).copied()))
    }

    async fn list(&self, filter: &JobFilter) -> Result<JobPage, RecordError> {
        let matches = |job: &&Job| {
            filter.state.is_none_or(|state| job.state == state)
                && filter.tier.is_none_or(|tier| job.tier == tier)
                && filter
                    .tenant
                    .as_ref()
                    .is_none_or(|tenant| job.tenant == *tenant)
                && filter.after.is_none_or(|after| job.id < after)
        };
        self.with(|ledger| {
            let newest_first = ledger.records.values().rev().map(|record| &record.job);
            let mut matching = newest_first.filter(matches);
            let jobs = matching.by_ref().take(filter.limit).cloned().collect();
            Ok(JobPage {
                jobs,
                has_more: matching.next().is_some(),
            })
        })
    }

    async fn in_flight_of(&self, tenant: &Tenant) -> Result<u64, RecordError> {
        self.with(|ledger| {
            let jobs = ledger.records.values().map(|record| &record.job);
            let in_flight = jobs.filter(|job| job.tenant == *tenant && !job.state.is_terminal());
            Ok(in_flight.count() as u64)
        })
    }

    async fn wait(
        &self,
        id: JobId,
        seen: (JobState, Progress),
        patience: Duration,
    ) -> Result<Job, RecordError> {
        let mut changes = self.changes.subscribe();
        let deadline = tokio::time::sleep(patience);
        tokio::pin!(deadline);
        loop {
            let job = self.get(id).await?;
            if (job.state, job.progress) != seen {
                return Ok(job);
            }
            tokio::select! {
                () = &mut deadline => return Ok(job),
                // The sender lives in `self`, so waiting cannot fail.
                _ = changes.changed() => {}
            }
        }
    }
}

#[async_trait]
impl FleetLedger for MemoryRecords {
    async fn usage(
        &self,
        window: Duration,
    ) -> Result<BTreeMap<EngineId, EngineUsage>, LedgerUnavailable> {
        self.outage.check().map_err(LedgerUnavailable)?;
        let minutes = i64::try_from(window.as_secs().div_ceil(60)).unwrap_or(i64::MAX);
        let since = self
            .clock
            .now()
            .0
            .div_euclid(60_000)
            .saturating_sub(minutes);
        let mut sums: BTreeMap<EngineId, EngineUsage> = BTreeMap::new();
        for (_, minute) in lock(&self.ledger).usage.range(since + 1..) {
            for (engine, usage) in minute {
                sums.entry(engine.clone()).or_default().add(usage);
            }
        }
        Ok(sums)
    }

    async fn tenant_usage(
        &self,
        tenant: &Tenant,
        days_ago: u32,
    ) -> Result<TenantUsage, LedgerUnavailable> {
        self.outage.check().map_err(LedgerUnavailable)?;
        let day = self.clock.now().0.div_euclid(DAY_MS) - i64::from(days_ago);
        let used = lock(&self.ledger)
            .tenants
            .get(&(day, tenant.clone()))
            .copied();
        Ok(used.unwrap_or_default())
    }

    async fn split(&self) -> Result<Option<Split>, LedgerUnavailable> {
        self.outage.check().map_err(LedgerUnavailable)?;
        Ok(lock(&self.ledger).split.clone())
    }

    async fn set_split(&self, split: &Split) -> Result<(), LedgerUnavailable> {
        self.outage.check().map_err(LedgerUnavailable)?;
        lock(&self.ledger).split = Some(split.clone());
        Ok(())
    }

    async fn note_worker(
        &self,
        worker: &WorkerPresence,
        ttl: Duration,
    ) -> Result<(), LedgerUnavailable> {
        self.outage.check().map_err(LedgerUnavailable)?;
        let until = self.clock.now().after(ttl);
        lock(&self.ledger)
            .workers
            .insert(worker.id, (worker.clone(), until));
        Ok(())
    }

    async fn forget_worker(&self, worker: &WorkerPresence) -> Result<(), LedgerUnavailable> {
        self.outage.check().map_err(LedgerUnavailable)?;
        lock(&self.ledger).workers.remove(&worker.id);
        Ok(())
    }

    async fn workers(&self, engine: &EngineId) -> Result<Vec<WorkerPresence>, LedgerUnavailable> {
        self.outage.check().map_err(LedgerUnavailable)?;
        let now = self.clock.now();
        let ledger = lock(&self.ledger);
        let workers = ledger.workers.values();
        let there = workers.filter(|(worker, until)| worker.engine == *engine && *until > now);
        Ok(there.map(|(worker, _)| worker.clone()).collect())
    }
}
