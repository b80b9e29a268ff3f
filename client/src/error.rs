//! Why something was not done.

use std::{io, path::PathBuf, time::Duration};

use serde::Deserialize;

use crate::{Job, open::open_enum};

open_enum! {
    /// Why the server refused, or why a job has no result. Codes are stable and never change meaning.
    ErrorCode {
        /// Malformed, an unknown field, a wrong type.
        InvalidRequest = "invalid_request",
        /// No text to speak.
        EmptyText = "empty_text",
        /// More text than the limit.
        TextTooLong = "text_too_long",
        /// The text has nothing that can be spoken.
        UnspeakableText = "unspeakable_text",
        /// The voice does not exist.
        UnknownVoice = "unknown_voice",
        /// The engine does not exist.
        UnknownEngine = "unknown_engine",
        /// The model does not exist.
        UnknownModel = "unknown_model",
        /// The format does not exist or cannot be produced.
        UnknownFormat = "unknown_format",
        /// The tier does not exist.
        UnknownTier = "unknown_tier",
        /// The engine does not speak or understand the language.
        UnknownLanguage = "unknown_language",
        /// Speed outside its range.
        SpeedOutOfRange = "speed_out_of_range",
        /// A deadline that has passed or is no usable moment.
        InvalidDeadline = "invalid_deadline",
        /// The upload has no bytes.
        EmptyUpload = "empty_upload",
        /// The upload has more bytes than the limit.
        UploadTooLarge = "upload_too_large",
        /// The bytes are not audio that is read.
        NotAudio = "not_audio",
        /// The audio ends before its header says it does.
        TruncatedAudio = "truncated_audio",
        /// More seconds of audio than the limit.
        AudioTooLong = "audio_too_long",
        /// Minutes of audio without any signal.
        SilentAudio = "silent_audio",
        /// No key, or one that is of no use.
        Unauthenticated = "unauthenticated",
        /// The key does not allow this.
        Forbidden = "forbidden",
        /// No such key.
        KeyNotFound = "key_not_found",
        /// No such webhook.
        WebhookNotFound = "webhook_not_found",
        /// No such delivery of a webhook.
        DeliveryNotFound = "delivery_not_found",
        /// As many webhooks as there may be.
        TooManyWebhooks = "too_many_webhooks",
        /// The webhook is told nothing.
        WebhookDisabled = "webhook_disabled",
        /// No such job.
        JobNotFound = "job_not_found",
        /// The job ended so long ago that its record is no longer kept.
        JobExpired = "job_expired",
        /// No such file.
        FileNotFound = "file_not_found",
        /// No such batch.
        BatchNotFound = "batch_not_found",
        /// No such path: the server is older or newer than this crate.
        NotFound = "not_found",
        /// The path does not have the method.
        MethodNotAllowed = "method_not_allowed",
        /// A body of a media type that the path does not read.
        UnsupportedMediaType = "unsupported_media_type",
        /// The path is a WebSocket, and the request no handshake of one.
        UpgradeRequired = "upgrade_required",
        /// The result is not there yet.
        ResultNotReady = "result_not_ready",
        /// The result was there and is no longer kept.
        ResultGone = "result_gone",
        /// The result has none of the bytes that are asked for.
        RangeNotSatisfiable = "range_not_satisfiable",
        /// The job ended without a result.
        NoResult = "no_result",
        /// The job has a result, or may still get one.
        NotRetryable = "not_retryable",
        /// More requests, or more jobs at a time, than the key allows.
        RateLimited = "rate_limited",
        /// More compute than the key allows for the day.
        QuotaExceeded = "quota_exceeded",
        /// The idempotency key has been used for another request.
        IdempotencyMismatch = "idempotency_mismatch",
        /// By when it is wanted it cannot be done.
        TooLate = "too_late",
        /// Too much work waits already.
        QueueFull = "queue_full",
        /// A part of the server does not answer.
        Unavailable = "unavailable",
        /// The model's files are not installed.
        ModelNotInstalled = "model_not_installed",
        /// The model's files could not be loaded.
        ModelLoadFailed = "model_load_failed",
        /// The engine failed on this input.
        EngineFailed = "engine_failed",
        /// The engine panicked.
        EnginePanicked = "engine_panicked",
        /// One chunk took longer than its limit.
        EngineTimeout = "engine_timeout",
        /// The worker that had the job is gone.
        WorkerLost = "worker_lost",
        /// Withdrawn.
        Cancelled = "cancelled",
        /// The deadline passed.
        DeadlineExceeded = "deadline_exceeded",
        /// A defect of the server.
        Internal = "internal",
    }
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The base URL is none.
    #[error("'{0}' is no address like http://127.0.0.1:8080")]
    Address(String),
    /// Something that cannot be sent was asked for; the sentence names it.
    #[error("{0}")]
    InvalidArgument(String),
    /// A local file cannot be read or written.
    #[error("the file {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// No connection came about: nothing was asked.
    #[error("no server answers at {base} ({reason})")]
    Unreachable {
        /// The base URL.
        base: String,
        /// What the network says.
        reason: String,
    },
    /// The connection broke before the answer was there whole. What was asked may have been done.
    #[error("the connection to {base} broke off ({reason})")]
    Interrupted {
        /// The base URL.
        base: String,
        /// What the network says.
        reason: String,
    },
    /// It took longer than it may.
    #[error("{what} took longer than {limit:?}")]
    Timeout {
        /// What was waited for.
        what: &'static str,
        /// For how long.
        limit: Duration,
    },
    /// The server refused.
    #[error("{message} ({code})")]
    Api {
        /// The HTTP status.
        status: u16,
        /// The reason, for programs.
        code: ErrorCode,
        /// The reason, for people.
        message: String,
        /// The field of the request at fault, where there is one.
        param: Option<Box<str>>,
        /// The id of the answer in the server's log.
        request_id: Option<Box<str>>,
        /// When trying again may help; not there where it will not.
        retry_after: Option<Duration>,
    },
    /// The answer is none of the API's: another server, a proxy on the way, another version.
    #[error("what answers at {base} is no Voicefleet server that this client knows ({reason})")]
    Unexpected {
        /// The base URL.
        base: String,
        /// What is odd about the answer.
        reason: String,
        /// The HTTP status, if that is what is odd.
        status: Option<u16>,
        /// When to try again, if the answer said so.
        retry_after: Option<Duration>,
    },
    /// The answer has more bytes than are read into memory. Stream it instead, or set a higher bound.
    #[error("the answer has more than {limit} bytes")]
    TooLarge {
        /// The bound, bytes.
        limit: usize,
    },
    /// The job has ended without a result.
    #[error("{}", said_of(.0))]
    JobFailed(Box<Job>),
}

fn said_of(job: &Job) -> String {
    let Job { id, status, .. } = job;
    job.error.as_ref().map_or_else(
        || format!("job {id} is {status}"),
        |error| format!("job {id} is {status}: {} ({})", error.message, error.code),
    )
}

/// What may be done again when it is not known what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Doing it twice is doing it once.
    Safely,
    /// Only if the server has not begun with it.
    IfNotBegun,
}

impl ClientError {
    /// The code, where the server refused with one.
    pub fn code(&self) -> Option<&ErrorCode> {
        match self {
            Self::Api { code, .. } => Some(code),
            _ => None,
        }
    }

    /// Whether the same may succeed later, without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Interrupted { .. } | Self::Timeout { .. } => true,
            Self::Api { retry_after, .. } => retry_after.is_some(),
            Self::Unexpected { status, .. } => matches!(status, Some(429 | 502 | 503 | 504)),
            _ => false,
        }
    }

    /// When the server said that trying again may help.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Api { retry_after, .. } | Self::Unexpected { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether another attempt is made without asking the caller. Not after a 409 that may change: what is
    /// waited for there can take hours.
    pub(crate) fn is_repeated(&self, repeat: Repeat) -> bool {
        let not_begun = match self {
            Self::Unreachable { .. } => true,
            Self::Api { status, .. } => *status == 429,
            Self::Unexpected { status, .. } => *status == Some(429),
            _ => false,
        };
        let may_change = match self {
            Self::Api { status, .. } => matches!(status, 429 | 503),
            _ => true,
        };
        self.is_transient() && may_change && (not_begun || repeat == Repeat::Safely)
    }
}

/// The body of a refusal: a problem by RFC 9457, or OpenAI's error object.
#[derive(Deserialize)]
#[serde(untagged)]
enum Refusal {
    Problem {
        code: ErrorCode,
        detail: String,
        field: Option<Box<str>>,
    },
    OpenAi {
        error: OpenAiError,
    },
}

#[derive(Deserialize)]
struct OpenAiError {
    code: ErrorCode,
    message: String,
    param: Option<Box<str>>,
}

/// What surrounds the body of a refusal.
pub(crate) struct RefusalHead {
    pub(crate) base: String,
    pub(crate) status: u16,
    pub(crate) request_id: Option<Box<str>>,
    pub(crate) retry_after: Option<Duration>,
    /// Where a redirection points.
    pub(crate) location: Option<String>,
}

impl RefusalHead {
    pub(crate) fn with(self, body: &[u8]) -> ClientError {
        let (code, message, param) = match serde_json::from_slice(body) {
            Ok(Refusal::Problem {
                code,
                detail,
                field,
            }) => (code, detail, field),
            Ok(Refusal::OpenAi { error }) => (error.code, error.message, error.param),
            Err(_) => return self.unexpected(),
        };
        ClientError::Api {
            status: self.status,
            code,
            message,
            param,
            request_id: self.request_id,
            retry_after: self.retry_after,
        }
    }

    fn unexpected(self) -> ClientError {
        let to = self.location.map(|to| format!(" to {to}"));
        ClientError::Unexpected {
            reason: format!("status {}{}", self.status, to.unwrap_or_default()),
            base: self.base,
            status: Some(self.status),
            retry_after: self.retry_after,
        }
    }
}

/// Of what went wrong on the way.
pub(crate) fn of_network(base: &str, error: &reqwest::Error) -> ClientError {
    let (base, reason) = (base.to_owned(), innermost(error));
    if error.is_connect() {
        ClientError::Unreachable { base, reason }
    } else if error.is_builder() {
        ClientError::InvalidArgument(reason)
    } else {
        ClientError::Interrupted { base, reason }
    }
}

/// What went wrong at the bottom: the layers above only say that something did.
fn innermost(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, retry_after: Option<u64>, body: &str) -> ClientError {
        let head = RefusalHead {
            base: "http://x".to_owned(),
            status,
            request_id: Some("r1".into()),
            retry_after: retry_after.map(Duration::from_secs),
            location: None,
        };
        head.with(body.as_bytes())
    }

    #[test]
    fn both_kinds_of_error_bodies_are_read() {
        let problem = r#"{"type": "urn:x", "title": "Unknown voice", "status": 400, "detail": "no voice 'x'",
            "code": "unknown_voice", "field": "voice", "request_id": "r1"}"#;
        let openai = r#"{"error": {"message": "no voice 'x'", "type": "invalid_request_error",
            "param": "voice", "code": "unknown_voice"}}"#;
        for body in [problem, openai] {
            let ClientError::Api { code, param, .. } = refusal(400, None, body) else {
                panic!("{body}");
            };
            assert_eq!(
                (code, param.as_deref()),
                (ErrorCode::UnknownVoice, Some("voice"))
            );
        }
    }

    #[test]
    fn a_code_from_the_future_is_a_refusal_all_the_same() {
        let error = refusal(418, None, r#"{"code": "teapot", "detail": "no"}"#);
        assert_eq!(error.code(), Some(&ErrorCode::Other("teapot".into())));
        assert_eq!(error.to_string(), "no (teapot)");
    }

    #[test]
    fn only_what_is_safe_is_done_again() {
        let busy = r#"{"code": "unavailable", "detail": "no"}"#;
        let cases = [
            (refusal(503, Some(5), busy), true, false),
            (refusal(503, None, busy), false, false),
            (refusal(429, Some(5), busy), true, true),
            (refusal(409, Some(1), busy), false, false),
            (refusal(503, None, ""), true, false),
            (refusal(502, None, "<html>"), true, false),
            (refusal(429, None, ""), true, true),
            (refusal(500, None, ""), false, false),
            (refusal(404, None, ""), false, false),
        ];
        for (error, safely, if_not_begun) in cases {
            assert_eq!(error.is_repeated(Repeat::Safely), safely, "{error:?}");
            assert_eq!(
                error.is_repeated(Repeat::IfNotBegun),
                if_not_begun,
                "{error:?}"
            );
        }
        let broken = ClientError::Interrupted {
            base: String::new(),
            reason: String::new(),
        };
        assert!(broken.is_repeated(Repeat::Safely) && !broken.is_repeated(Repeat::IfNotBegun));
    }
}
