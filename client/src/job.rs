//! The job object.

use serde::{Deserialize, Serialize};

use crate::{
    ClientError, ErrorCode,
    open::{open_enum, optional},
};

open_enum! {
    /// How urgent work is.
    Tier {
        /// Somebody waits for it.
        Realtime = "realtime",
        /// It is wanted soon.
        Standard = "standard",
        /// It can wait.
        Batch = "batch",
    }
}

open_enum! {
    /// Where a job stands.
    JobStatus {
        /// It waits for a worker.
        Queued = "queued",
        /// A worker has it.
        Running = "running",
        /// It has a result.
        Succeeded = "succeeded",
        /// It could not be done.
        Failed = "failed",
        /// It was withdrawn.
        Cancelled = "cancelled",
        /// Its deadline passed.
        Expired = "expired",
    }
}

open_enum! {
    /// What a job, or a model, does.
    JobKind {
        /// Text becomes speech.
        Speech = "speech",
        /// Speech becomes text.
        Transcription = "transcription",
    }
}

open_enum! {
    /// A format of speech.
    AudioFormat {
        /// WAV, 16 bit.
        Wav = "wav",
        /// Raw samples: 24 kHz, mono, 16 bit, little-endian.
        Pcm = "pcm",
        /// MP3.
        Mp3 = "mp3",
        /// Opus in Ogg.
        Opus = "opus",
        /// FLAC.
        Flac = "flac",
    }
}

impl JobStatus {
    /// Whether a job that stands there never moves again. What this crate does not know is taken for a stage on
    /// the way.
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Succeeded | Self::Failed | Self::Cancelled | Self::Expired
        )
    }
}

/// A job. Moments are RFC 3339 in UTC with milliseconds, so that they sort as text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Job {
    /// A version 7 UUID: ids sort by creation time.
    pub id: String,
    /// Speaking or transcribing.
    pub kind: JobKind,
    /// Where it stands.
    pub status: JobStatus,
    /// How urgent it is.
    pub tier: Tier,
    /// The engine that does it.
    pub engine: String,
    /// The model that does it.
    pub model: String,
    /// The voice or mix in canonical spelling; none for transcriptions.
    pub voice: Option<String>,
    /// The format of the result; none for transcriptions.
    pub response_format: Option<AudioFormat>,
    /// The language given, ISO 639-1; none for speech and where it is to be detected.
    pub language: Option<String>,
    /// The transcribed file; none for speech.
    pub file_id: Option<String>,
    /// How far it has come.
    pub progress: JobProgress,
    /// While it is queued, an estimate of the jobs that come first; none in lists and where nobody knows.
    pub queue_position: Option<u64>,
    /// An estimate of the seconds until it ends; none in lists and where nobody knows.
    pub eta_seconds: Option<f64>,
    /// When it was submitted.
    pub created_at: String,
    /// When a worker last took it.
    pub started_at: Option<String>,
    /// When it reached a final status.
    pub finished_at: Option<String>,
    /// After this moment it is not worth doing.
    pub deadline: Option<String>,
    /// Its phases.
    pub timings: JobTimings,
    /// The content hash of its work: equal for two jobs exactly when one result serves both.
    pub fingerprint: String,
    /// Estimated compute-seconds on one core.
    pub cost_seconds: f64,
    /// Attempts begun.
    pub attempts: u32,
    /// Whether the result came without computing for this job.
    pub from_cache: bool,
    /// The identical job whose result it waits for or got.
    pub follows: Option<String>,
    /// Why it has no result; while it is queued again, why the last attempt failed.
    pub error: Option<JobError>,
}

impl Job {
    /// The job, if it has a result.
    ///
    /// # Errors
    /// [`ClientError::JobFailed`] if it stands anywhere else.
    pub fn succeeded(self) -> Result<Self, ClientError> {
        if self.status == JobStatus::Succeeded {
            Ok(self)
        } else {
            Err(ClientError::JobFailed(Box::new(self)))
        }
    }
}

/// How far a job has come, in chunks: sentence groups of speech, windows of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct JobProgress {
    /// Chunks finished.
    pub done: u32,
    /// Chunks in all; 0 until the work is planned.
    pub total: u32,
    /// Share done, 0 to 1.
    pub fraction: f64,
}

/// The phases of a job. Zero until they have happened.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct JobTimings {
    /// Waiting in the queue, milliseconds.
    pub queue_ms: f64,
    /// Waiting for a core in its worker, milliseconds.
    pub pause_ms: f64,
    /// Loading the model, milliseconds.
    pub load_ms: f64,
    /// Splitting the work into chunks, milliseconds.
    pub plan_ms: f64,
    /// Inference, milliseconds.
    pub compute_ms: f64,
    /// Storing the result, milliseconds.
    pub store_ms: f64,
    /// From submit to the first finished chunk, milliseconds.
    pub first_chunk_ms: f64,
    /// Seconds of audio spoken or heard.
    pub audio_seconds: f64,
    /// Compute time per second of audio; none where nothing was computed.
    pub real_time_factor: Option<f64>,
}

/// Why a job has no result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct JobError {
    /// For programs.
    pub code: ErrorCode,
    /// For people.
    pub message: String,
    /// The field of the request at fault, where there is one.
    pub field: Option<String>,
}

/// Dead letters of one lane: envelopes that were set aside because their jobs failed for good.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct DeadLetterCount {
    /// The engine.
    pub engine: String,
    /// The tier.
    pub tier: Tier,
    /// How many there are.
    pub dead: u64,
}

/// Which jobs to list.
#[derive(Clone, Debug, Default)]
pub struct JobFilter {
    pub(crate) status: Option<JobStatus>,
    pub(crate) tier: Option<Tier>,
}

impl JobFilter {
    optional! {
        /// Only those that stand there.
        status: JobStatus,
        /// Only those that are that urgent.
        tier: Tier,
    }
}
