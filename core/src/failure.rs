//! Why something did not work: one code, mapped once to HTTP (in the API) and once to gRPC (in the scaler).

use std::fmt;

use serde::{Deserialize, Serialize};

/// Stable, machine-readable reason. Names are part of the API and never change meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The request is not what the endpoint understands: malformed, unknown field, wrong type.
    InvalidRequest,
    /// No text to speak.
    EmptyText,
    /// More text than the limit.
    TextTooLong,
    /// The text has nothing that can be spoken.
    UnspeakableText,
    /// The voice does not exist.
    UnknownVoice,
    /// The engine does not exist.
    UnknownEngine,
    /// The model does not exist.
    UnknownModel,
    /// The response format does not exist or cannot be produced.
    UnknownFormat,
    /// The tier does not exist.
    UnknownTier,
    /// The language is not spoken or understood by the engine.
    UnknownLanguage,
    /// Speed outside its range.
    SpeedOutOfRange,
    /// A deadline that has passed or is not a usable moment.
    InvalidDeadline,
    /// The upload has no bytes.
    EmptyUpload,
    /// The upload has more bytes than the limit.
    UploadTooLarge,
    /// The bytes are not audio in a format that is read.
    NotAudio,
    /// The audio ends before its header says it does.
    TruncatedAudio,
    /// More seconds of audio than the limit (also what a decompression bomb is).
    AudioTooLong,
    /// Minutes of audio without any signal.
    SilentAudio,
    /// No key, or one that is of no use.
    Unauthenticated,
    /// The key does not allow this.
    Forbidden,
    /// No such key.
    KeyNotFound,
    /// No such webhook.
    WebhookNotFound,
    /// No such delivery of a webhook.
    DeliveryNotFound,
    /// The tenant has as many webhooks as it may have.
    TooManyWebhooks,
    /// The webhook is told nothing.
    WebhookDisabled,
    /// No such job.
    JobNotFound,
    /// The job was there; it ended so long ago that its record is no longer kept.
    JobExpired,
    /// No such uploaded file.
    FileNotFound,
    /// No such batch.
    BatchNotFound,
    /// No such path.
    NotFound,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// The path is spoken to over a WebSocket only.
    UpgradeRequired,
    /// The body is of a media type that the path does not read.
    UnsupportedMediaType,
    /// The result is not there yet.
    ResultNotReady,
    /// The result was there and has been evicted or has expired.
    ResultGone,
    /// The result has none of the bytes that are asked for.
    RangeNotSatisfiable,
    /// The job failed, was cancelled or expired, so it has no result.
    NoResult,
    /// The job has a result, or may still get one, so it is not submitted again.
    NotRetryable,
    /// More requests, or more jobs at a time, than the key allows; try later.
    RateLimited,
    /// More compute than the key allows for the day.
    QuotaExceeded,
    /// The `Idempotency-Key` has been used for another request.
    IdempotencyMismatch,
    /// By when it is wanted it cannot be done; try later.
    TooLate,
    /// Too much work waits already; try later.
    QueueFull,
    /// A part that the request needs does not answer; try later.
    Unavailable,
    /// The model is known but its files are not installed.
    ModelNotInstalled,
    /// The model's files could not be loaded.
    ModelLoadFailed,
    /// The engine failed on this input.
    EngineFailed,
    /// The engine panicked; it is loaded anew.
    EnginePanicked,
    /// One chunk took longer than its limit.
    EngineTimeout,
    /// The worker that had the job is gone.
    WorkerLost,
    /// Withdrawn by the client.
    Cancelled,
    /// The deadline passed.
    DeadlineExceeded,
    /// A defect of ours.
    Internal,
}

impl ErrorCode {
    /// The name as it stands in answers, e.g. `unknown_voice`.
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::EmptyText => "empty_text",
            Self::TextTooLong => "text_too_long",
            Self::UnspeakableText => "unspeakable_text",
            Self::UnknownVoice => "unknown_voice",
            Self::UnknownEngine => "unknown_engine",
            Self::UnknownModel => "unknown_model",
            Self::UnknownFormat => "unknown_format",
            Self::UnknownTier => "unknown_tier",
            Self::UnknownLanguage => "unknown_language",
            Self::SpeedOutOfRange => "speed_out_of_range",
            Self::InvalidDeadline => "invalid_deadline",
            Self::EmptyUpload => "empty_upload",
            Self::UploadTooLarge => "upload_too_large",
            Self::NotAudio => "not_audio",
            Self::TruncatedAudio => "truncated_audio",
            Self::AudioTooLong => "audio_too_long",
            Self::SilentAudio => "silent_audio",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::KeyNotFound => "key_not_found",
            Self::WebhookNotFound => "webhook_not_found",
            Self::DeliveryNotFound => "delivery_not_found",
            Self::TooManyWebhooks => "too_many_webhooks",
            Self::WebhookDisabled => "webhook_disabled",
            Self::JobNotFound => "job_not_found",
            Self::JobExpired => "job_expired",
            Self::FileNotFound => "file_not_found",
            Self::BatchNotFound => "batch_not_found",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::UpgradeRequired => "upgrade_required",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::ResultNotReady => "result_not_ready",
            Self::ResultGone => "result_gone",
            Self::RangeNotSatisfiable => "range_not_satisfiable",
            Self::NoResult => "no_result",
            Self::NotRetryable => "not_retryable",
            Self::RateLimited => "rate_limited",
            Self::QuotaExceeded => "quota_exceeded",
            Self::IdempotencyMismatch => "idempotency_mismatch",
            Self::TooLate => "too_late",
            Self::QueueFull => "queue_full",
            Self::Unavailable => "unavailable",
            Self::ModelNotInstalled => "model_not_installed",
            Self::ModelLoadFailed => "model_load_failed",
            Self::EngineFailed => "engine_failed",
            Self::EnginePanicked => "engine_panicked",
            Self::EngineTimeout => "engine_timeout",
            Self::WorkerLost => "worker_lost",
            Self::Cancelled => "cancelled",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::Internal => "internal",
        }
    }

    /// Whether trying the same job again may help.
    pub fn is_transient(self) -> bool {
        matches!(
            self,
            Self::Unavailable
                | Self::ModelLoadFailed
                | Self::EngineFailed
                | Self::EnginePanicked
                | Self::EngineTimeout
                | Self::WorkerLost
                | Self::Internal
        )
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A failure that can be shown to the client: the code, a sentence, and the field it is about.
///
/// The sentence never holds paths, addresses or other detail of the machine; those go to the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Failure {
    /// What kind of failure.
    pub code: ErrorCode,
    /// One sentence for a person.
    pub message: String,
    /// The offending request field, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

impl Failure {
    /// A failure that no single field caused.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            field: None,
        }
    }

    /// A failure caused by the request field `field`.
    pub fn of_field(code: ErrorCode, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            field: Some(field.into()),
        }
    }
}
