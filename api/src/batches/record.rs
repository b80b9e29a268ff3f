//! A batch as it is kept.

use std::{collections::BTreeMap, fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use voicefleet_core::{ErrorCode, Failure, Tenant, Timestamp, fingerprint::digest_of};

use crate::{
    files,
    tenancy::{Caller, KeyId, KeyLimits},
};

/// `batch_` and the 32 hex digits of a version 7 UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct BatchId(Uuid);

impl BatchId {
    pub(crate) fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    /// A text that is in order when batches are, the newest first.
    pub(super) fn newest_first(self) -> String {
        format!("{:032x}", !self.0.as_u128())
    }

    /// The id of the file with what its lines came to, or with those that came to nothing.
    pub(super) fn file(self, what: Report) -> String {
        let digest = digest_of(format!("{self}/{}", what.name()).as_bytes());
        files::batch_file_id(&digest[..32])
    }
}

impl fmt::Display for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "batch_{}", self.0.simple())
    }
}

impl FromStr for BatchId {
    type Err = UnknownBatch;

    fn from_str(text: &str) -> Result<Self, UnknownBatch> {
        let unknown = || UnknownBatch(text.chars().take(64).collect());
        let id = text.strip_prefix("batch_").ok_or_else(unknown)?;
        let id = Self(Uuid::try_parse(id).map_err(|_| unknown())?);
        (id.to_string() == text).then_some(id).ok_or_else(unknown)
    }
}

impl TryFrom<String> for BatchId {
    type Error = UnknownBatch;

    fn try_from(text: String) -> Result<Self, UnknownBatch> {
        text.parse()
    }
}

impl From<BatchId> for String {
    fn from(id: BatchId) -> Self {
        id.to_string()
    }
}

/// Text that is the id of no batch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no batch '{0}'")]
pub(crate) struct UnknownBatch(pub(crate) String);

impl From<UnknownBatch> for Failure {
    fn from(unknown: UnknownBatch) -> Self {
        Self::new(ErrorCode::BatchNotFound, unknown.to_string())
    }
}

/// The files that a batch leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Report {
    Output,
    Errors,
}

impl Report {
    pub(super) const ALL: [Self; 2] = [Self::Output, Self::Errors];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Output => "output",
            Self::Errors => "errors",
        }
    }
}

/// What the lines of a batch are requests of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) enum BatchEndpoint {
    /// Text to be spoken; the body is that of `POST /v1/audio/speech`.
    #[serde(rename = "/v1/audio/speech")]
    Speech,
    /// Audio to be transcribed; the body has the fields of the form of `POST /v1/audio/transcriptions`, and
    /// instead of `file` a `file_id`.
    #[serde(rename = "/v1/audio/transcriptions")]
    Transcriptions,
}

impl BatchEndpoint {
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Speech => "/v1/audio/speech",
            Self::Transcriptions => "/v1/audio/transcriptions",
        }
    }
}

/// Where a batch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BatchStatus {
    /// Its file has not been looked at yet.
    Validating,
    /// Its file is not what it should be.
    Failed,
    /// Its lines are being done.
    InProgress,
    /// Its files are being written.
    Finalizing,
    /// All lines are done, or have failed.
    Completed,
    /// Its window passed before that.
    Expired,
    /// It has been withdrawn, and its jobs in flight are being withdrawn.
    Cancelling,
    /// It has been withdrawn.
    Cancelled,
}

impl BatchStatus {
    pub(crate) fn has_ended(self) -> bool {
        matches!(
            self,
            Self::Failed | Self::Completed | Self::Expired | Self::Cancelled
        )
    }
}

/// When it came where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BatchTimes {
    pub(crate) in_progress: Option<Timestamp>,
    pub(crate) finalizing: Option<Timestamp>,
    pub(crate) completed: Option<Timestamp>,
    pub(crate) failed: Option<Timestamp>,
    pub(crate) expired: Option<Timestamp>,
    pub(crate) cancelling: Option<Timestamp>,
    pub(crate) cancelled: Option<Timestamp>,
}

/// How many of its lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = BatchRequestCounts)]
pub(crate) struct BatchCounts {
    /// Lines in all; 0 until the file has been looked at.
    pub(crate) total: u32,
    /// Lines that succeeded.
    pub(crate) completed: u32,
    /// Lines that failed, or were not done.
    pub(crate) failed: u32,
}

/// What is wrong with the file of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct BatchError {
    /// Stable and machine-readable.
    #[schema(example = "invalid_request")]
    pub(crate) code: String,
    /// What was wrong, for a person.
    pub(crate) message: String,
    /// The field of the batch at fault.
    pub(crate) param: Option<String>,
    /// The line at fault, counted from 1.
    pub(crate) line: Option<u64>,
}

impl From<Failure> for BatchError {
    fn from(failure: Failure) -> Self {
        Self {
            code: failure.code.name().to_owned(),
            message: failure.message,
            param: failure.field,
            line: None,
        }
    }
}

/// The right of one server to work on a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lease {
    pub(super) holder: Uuid,
    pub(super) until: Timestamp,
}

/// A batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct BatchRecord {
    pub(crate) id: BatchId,
    pub(crate) tenant: Tenant,
    /// The key that it was made with, and what it allowed then.
    pub(crate) key: Option<KeyId>,
    pub(crate) walled: bool,
    pub(crate) limits: KeyLimits,
    pub(crate) endpoint: BatchEndpoint,
    pub(crate) input_file_id: String,
    /// Hours.
    pub(crate) window_hours: u32,
    pub(crate) metadata: Option<BTreeMap<String, String>>,
    pub(crate) status: BatchStatus,
    /// Its window has passed: what is not done is not going to be.
    pub(crate) is_late: bool,
    /// Lines from this one on have not been begun; of those before it jobs may be there.
    pub(crate) begun: u32,
    pub(crate) errors: Vec<BatchError>,
    pub(crate) output_file_id: Option<String>,
    pub(crate) error_file_id: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) times: BatchTimes,
    pub(crate) counts: BatchCounts,
    pub(crate) lease: Option<Lease>,
}

impl BatchRecord {
    pub(crate) fn expires_at(&self) -> Timestamp {
        let window = Duration::from_hours(u64::from(self.window_hours));
        self.created_at.after(window)
    }

    /// Whoever made it, as far as that is known.
    pub(super) fn caller(&self) -> Caller {
        Caller {
            tenant: self.tenant.clone(),
            key: self.key.clone(),
            admin: false,
            walled: self.walled,
            limits: self.limits.clone(),
        }
    }

    /// Whether somebody else than `holder` works on it.
    pub(super) fn is_held_by_another(&self, holder: Uuid, now: Timestamp) -> bool {
        self.lease
            .is_some_and(|lease| lease.holder != holder && now < lease.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_nothing_else_does() {
        let id = BatchId::generate();
        assert_eq!(id.to_string().parse(), Ok(id));
        let upper = id.to_string().to_uppercase();
        for text in ["", "batch_", "batch_1", &upper, &format!("{id}/..")] {
            assert!(text.parse::<BatchId>().is_err(), "{text}");
        }
    }

    #[test]
    fn later_ids_come_first() {
        let (older, newer) = (BatchId(Uuid::from_u128(1)), BatchId(Uuid::from_u128(2)));
        assert!(newer.newest_first() < older.newest_first());
        assert_eq!(newer.newest_first().len(), 32);
    }
}
