//! Job records: one per job, changed only by legal moves.

use std::time::Duration;

use async_trait::async_trait;

use crate::{
    envelope::Envelope,
    failure::Failure,
    fingerprint::Fingerprint,
    job::{Job, JobId, Progress, Timings},
    state::JobState,
    tenant::Tenant,
    tier::Tier,
    time::Timestamp,
};

use super::claim::{Claim, RunId};

/// Why a record was not read or changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The store does not answer.
    #[error("the job records are unavailable: {0}")]
    Unavailable(String),
    /// No such job.
    #[error("there is no job {0}")]
    NotFound(JobId),
    /// The job stands where this move is not legal.
    #[error("a job that is {from} cannot become {to}")]
    IllegalMove {
        /// Where it stands.
        from: JobState,
        /// Where it was to go.
        to: JobState,
    },
    /// The run in whose name the move was to be made does not have the job any more.
    #[error("another worker has taken job {0} over")]
    Superseded(JobId),
}

/// A change of a job.
#[derive(Clone, Debug, PartialEq)]
pub enum JobChange {
    /// `queued -> running`: a worker begins; uses up an attempt. Also `running -> running`, where the
    /// claim succeeds that of a worker that is lost.
    Start {
        /// When.
        at: Timestamp,
        /// With what right.
        claim: Claim,
    },
    /// More chunks done; only while running. The timings are those so far.
    Advance {
        /// Chunks.
        progress: Progress,
        /// Phases so far.
        timings: Timings,
    },
    /// `running -> queued`: tried again later, the attempt stays used up.
    Requeue {
        /// Why the last attempt did not succeed.
        failure: Failure,
    },
    /// `running -> queued`: given back untouched, the attempt is not counted.
    GiveBack,
    /// To `succeeded`. Needs the result to be stored already.
    Succeed {
        /// When.
        at: Timestamp,
        /// The phases.
        timings: Timings,
        /// Final progress.
        progress: Progress,
        /// The result came without computing for this job.
        from_cache: bool,
    },
    /// To `failed`, `cancelled` or `expired`.
    End {
        /// Which.
        state: JobState,
        /// When.
        at: Timestamp,
        /// Why.
        failure: Failure,
    },
}

/// What [`JobRecords::submit`] made of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Submission {
    /// It is the first of its fingerprint in flight: publish its envelope.
    Leads,
    /// An identical job is in flight; this one gets its result.
    Follows {
        /// The job that is followed.
        leader: JobId,
        /// The leader's tier.
        leader_tier: Tier,
        /// Whether the leader still waits (and may be overtaken by publishing it in a higher tier).
        leader_queued: bool,
    },
}

/// Which jobs to list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JobFilter {
    /// Only in this state.
    pub state: Option<JobState>,
    /// Only in this tier.
    pub tier: Option<Tier>,
    /// Only this tenant's.
    pub tenant: Option<Tenant>,
    /// Only jobs created before this one.
    pub after: Option<JobId>,
    /// At most this many.
    pub limit: usize,
}

/// A page of jobs, newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct JobPage {
    /// The jobs.
    pub jobs: Vec<Job>,
    /// Whether older ones match.
    pub has_more: bool,
}

/// The records.
#[async_trait]
pub trait JobRecords: Send + Sync {
    /// Records a new job and, in the same step, finds out whether an identical one is in flight.
    /// `job.follows` is set accordingly.
    async fn submit(&self, job: &Job) -> Result<Submission, RecordError>;

    /// Records a job that is terminal already (answered from the cache).
    async fn insert_finished(&self, job: &Job) -> Result<(), RecordError>;

    /// The job.
    async fn get(&self, id: JobId) -> Result<Job, RecordError>;

    /// Applies a change and returns the job after it. Atomic: of two racing moves one is refused.
    ///
    /// In the name of a run, it is made only while that run has the job.
    async fn change_by(
        &self,
        run: Option<RunId>,
        id: JobId,
        change: JobChange,
    ) -> Result<Job, RecordError>;

    /// Applies a change in nobody's name.
    async fn change(&self, id: JobId, change: JobChange) -> Result<Job, RecordError> {
        self.change_by(None, id, change).await
    }

    /// Begins a job whose `envelope` was delivered: as [`change`](Self::change) with that `start`. One that
    /// still stands as it was submitted need not be read for it, since the envelope says how.
    async fn start(&self, envelope: &Envelope, start: JobChange) -> Result<Job, RecordError> {
        self.change(envelope.job_id, start).await
    }

    /// Notes that the envelope of a job is in the queue. Others may come to know of it some moments later.
    ///
    /// Between a submit and this the envelope may get lost with its publisher; see
    /// [`JobRecords::unpublished`].
    async fn published(&self, id: JobId) -> Result<(), RecordError>;

    /// Queued jobs that have led their fingerprint for at least `age` and of whose envelopes nobody
    /// has said that they are in the queue; at most `limit`. They are not named again before another
    /// `age` has passed.
    async fn unpublished(&self, age: Duration, limit: usize) -> Result<Vec<Job>, RecordError>;

    /// Jobs in flight that wait for the result of `leader`, oldest first.
    async fn followers(&self, leader: JobId) -> Result<Vec<Job>, RecordError>;

    /// Makes `follower` the leader of its fingerprint: clears its `follows` and makes the other
    /// followers of `old_leader` follow it.
    async fn promote(&self, old_leader: JobId, follower: JobId) -> Result<Job, RecordError>;

    /// The job that leads the fingerprint now, if one is in flight.
    async fn leader(&self, fingerprint: &Fingerprint) -> Result<Option<JobId>, RecordError>;

    /// Newest first.
    async fn list(&self, filter: &JobFilter) -> Result<JobPage, RecordError>;

    /// How many jobs of a tenant are queued or running.
    async fn in_flight_of(&self, tenant: &Tenant) -> Result<u64, RecordError>;

    /// Waits until the job differs from `seen` in state or progress, at most `patience`; returns it as it is then.
    async fn wait(
        &self,
        id: JobId,
        seen: (JobState, Progress),
        patience: Duration,
    ) -> Result<Job, RecordError>;

    /// As [`wait`](Self::wait), for callers that want to know when more than so many chunks are done, or how
    /// the job ends: what happens to it before need not be told.
    async fn wait_for_chunk(
        &self,
        id: JobId,
        seen: (JobState, Progress),
        _chunks: u32,
        patience: Duration,
    ) -> Result<Job, RecordError> {
        self.wait(id, seen, patience).await
    }

    /// As [`wait`](Self::wait), for callers that only want to know how the job ends: what happens to it
    /// before need not be told.
    async fn wait_for_end(
        &self,
        id: JobId,
        seen: (JobState, Progress),
        patience: Duration,
    ) -> Result<Job, RecordError> {
        self.wait(id, seen, patience).await
    }
}
