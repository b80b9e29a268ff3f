//! The seams to the outside. Each is implemented by one crate and chosen in one place, the `voicefleet` binary.

mod blobs;
mod claim;
mod codec;
mod device;
mod documents;
mod engines;
mod ledger;
mod loads;
mod queue;
mod record;
mod records;
mod turns;

pub use blobs::{Blob, BlobError, BlobKey, BlobStore, Retention};
pub use claim::{Claim, RunId};
pub use codec::{AudioCodec, AudioError, AudioLimits, AudioWriter};
pub use device::{Device, UnknownDevice};
pub use documents::{
    Collection, Document, DocumentError, DocumentRange, DocumentWrite, Documents, MAX_DOCUMENT_ID,
    Precondition,
};
pub use engines::{
    EngineError, EngineLoader, LoadedEngine, ModelRef, SpeechChunk, SpeechEngine, SpeechRequest,
    TranscriptionEngine, TranscriptionOptions, Window, WindowTranscript,
};
pub use ledger::{FleetLedger, LedgerUnavailable, TenantUsage, WorkerPresence};
pub use loads::{LaneLoad, LaneLoads};
pub use queue::{
    Arrivals, Delivery, JobConsumer, JobQueue, PoolGauge, QueueError, Settlement, TierGauge,
};
pub use record::JobRecord;
pub use records::{JobChange, JobFilter, JobPage, JobRecords, RecordError, Submission};
pub use turns::{TURN_SECONDS, TenantLane, Turn, Turns, UNKNOWN_SLOTS, least_turns};
