//! The job record: what a client asked for and how far it has come.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use crate::{
    envelope::TraceContext,
    failure::Failure,
    fingerprint::Fingerprint,
    spec::JobSpec,
    state::JobState,
    tenant::{Tenant, Weight},
    tier::Tier,
    time::Timestamp,
};

/// Identifier of a job: a version 7 UUID, so ids sort by creation time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(Uuid);

impl JobId {
    /// A new id.
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    /// Whether it is of the version that has a time in it; ids that others have made up may not be.
    pub fn has_time(self) -> bool {
        self.0.get_version_num() == 7
    }

    /// The id of the `number`th job of something that was made at `at` and is called `source`: always the
    /// same one, so that whoever submits the jobs of it a second time submits nothing twice.
    pub fn derived(at: Timestamp, source: &str, number: u64) -> Self {
        let digest = Sha256::new()
            .chain_update((source.len() as u64).to_le_bytes())
            .chain_update(source)
            .chain_update(number.to_le_bytes())
            .finalize();
        let mut random = [0; 10];
        random.copy_from_slice(&digest[..10]);
        let millis = u64::try_from(at.0).unwrap_or(0);
        Self(Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// When it was made, which stands in its first 48 bits (RFC 9562, 5.7).
    pub fn created_at(self) -> Timestamp {
        let (high, low, ..) = self.0.as_fields();
        Timestamp((i64::from(high) << 16) | i64::from(low))
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for JobId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::parse_str(text).map(Self)
    }
}

/// How much of a job's work is done, in chunks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Chunks finished.
    pub chunks_done: u32,
    /// Chunks in all; 0 until the work has been planned.
    pub chunks_total: u32,
}

impl Progress {
    /// Share done, 0 to 1.
    pub fn fraction(self) -> f64 {
        if self.chunks_total == 0 {
            0.0
        } else {
            f64::from(self.chunks_done) / f64::from(self.chunks_total)
        }
    }
}

/// The phases of a job, in milliseconds. Zero until they have happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timings {
    /// Waiting in the queue, all attempts together.
    pub queue_ms: f64,
    /// Waiting for a core in the worker that has the job, because more urgent work had it.
    #[serde(default)]
    pub pause_ms: f64,
    /// Loading the model, when this job was the one that had to.
    pub load_ms: f64,
    /// Splitting the work into chunks: phonemes, decoding, voice activity.
    pub plan_ms: f64,
    /// Inference.
    pub compute_ms: f64,
    /// Storing the result.
    pub store_ms: f64,
    /// From submit to the first finished chunk.
    pub first_chunk_ms: f64,
    /// Seconds of audio spoken or heard.
    pub audio_seconds: f64,
}

impl Timings {
    /// Compute time per second of audio; `None` while either is zero.
    pub fn real_time_factor(&self) -> Option<f64> {
        (self.audio_seconds > 0.0 && self.compute_ms > 0.0)
            .then(|| self.compute_ms / 1000.0 / self.audio_seconds)
    }
}

/// A job as it is recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Its identifier.
    pub id: JobId,
    /// What is asked for.
    pub spec: JobSpec,
    /// Whose it is.
    #[serde(default)]
    pub tenant: Tenant,
    /// What its tenant gets beside others.
    #[serde(default)]
    pub weight: Weight,
    /// The content hash of `spec`.
    pub fingerprint: Fingerprint,
    /// How urgent it is.
    pub tier: Tier,
    /// Where it stands.
    pub state: JobState,
    /// The identical job whose result it waits for; `None` if it has an envelope of its own.
    pub follows: Option<JobId>,
    /// Whether the result came without any computation for this job.
    pub from_cache: bool,
    /// Attempts begun.
    pub attempt: u32,
    /// Estimated compute-seconds.
    pub cost: f64,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When a worker last took it.
    pub started_at: Option<Timestamp>,
    /// When it reached a terminal state.
    pub finished_at: Option<Timestamp>,
    /// After this moment the result is of no use.
    pub deadline: Option<Timestamp>,
    /// How far it has come.
    pub progress: Progress,
    /// Its phases.
    pub timings: Timings,
    /// Why it failed, was cancelled or expired.
    pub failure: Option<Failure>,
    /// The trace of the request that caused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceContext>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_derived_id_is_a_version_7_id_of_its_source_and_number() {
        let at = Timestamp(1_767_225_600_123);
        let id = JobId::derived(at, "batch_1", 7);
        assert_eq!(id, JobId::derived(at, "batch_1", 7));
        assert_eq!(id.created_at(), at);
        assert_eq!(id.0.get_version_num(), 7);
        assert_eq!(id.0.get_variant(), uuid::Variant::RFC4122);
        for (source, number) in [("batch_1", 8), ("batch_2", 7), ("batch_", 7)] {
            assert_ne!(id, JobId::derived(at, source, number));
        }
    }
}
