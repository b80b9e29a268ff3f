//! Failures as gRPC tells them.

use tonic::{Code, Status};
use voicefleet_core::{ErrorCode, Failure};

/// The gRPC status of a code; the counterpart of the API's HTTP status. What a client has to change is
/// `INVALID_ARGUMENT`, what it can only try again `UNAVAILABLE`.
pub fn status_of(code: ErrorCode) -> Code {
    use ErrorCode as E;
    match code {
        E::UnknownModel
        | E::KeyNotFound
        | E::WebhookNotFound
        | E::DeliveryNotFound
        | E::JobNotFound
        | E::JobExpired
        | E::FileNotFound
        | E::BatchNotFound
        | E::NotFound
        | E::ResultGone => Code::NotFound,
        E::RangeNotSatisfiable => Code::OutOfRange,
        E::MethodNotAllowed | E::UpgradeRequired => Code::Unimplemented,
        E::WebhookDisabled
        | E::ModelNotInstalled
        | E::ResultNotReady
        | E::NotRetryable
        | E::NoResult => Code::FailedPrecondition,
        E::Unauthenticated => Code::Unauthenticated,
        E::Forbidden => Code::PermissionDenied,
        E::QueueFull | E::RateLimited | E::QuotaExceeded | E::TooManyWebhooks => {
            Code::ResourceExhausted
        }
        E::Unavailable | E::TooLate => Code::Unavailable,
        E::EngineTimeout | E::DeadlineExceeded => Code::DeadlineExceeded,
        E::Cancelled => Code::Cancelled,
        E::ModelLoadFailed | E::EngineFailed | E::EnginePanicked | E::WorkerLost | E::Internal => {
            Code::Internal
        }
        E::InvalidRequest
        | E::IdempotencyMismatch
        | E::EmptyText
        | E::TextTooLong
        | E::UnspeakableText
        | E::UnknownVoice
        | E::UnknownEngine
        | E::UnknownFormat
        | E::UnknownTier
        | E::UnknownLanguage
        | E::SpeedOutOfRange
        | E::InvalidDeadline
        | E::EmptyUpload
        | E::UploadTooLarge
        | E::NotAudio
        | E::TruncatedAudio
        | E::AudioTooLong
        | E::SilentAudio
        | E::UnsupportedMediaType => Code::InvalidArgument,
    }
}

/// The failure as the answer to a call.
pub(crate) fn refuse(failure: Failure) -> Status {
    Status::new(status_of(failure.code), failure.message)
}
