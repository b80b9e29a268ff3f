//! What a client is told when something does not work.
//!
//! Everything below the HTTP layer fails with a [`Failure`] or a port's error; handlers turn both
//! into an [`ApiError`] with `?`. [`status_of`] is the only place where a code becomes a status, and
//! [`crate::http::errors`] the only place where an error becomes a body.

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value};
use voicefleet_core::{
    ErrorCode, Failure, Job,
    ports::{BlobError, DocumentError, LedgerUnavailable, QueueError, RecordError},
    scaling::SurveyError,
};

/// Header with the id of the job that a request caused or found.
pub(crate) const JOB_ID_HEADER: HeaderName = HeaderName::from_static("x-voicefleet-job-id");

/// Seconds after which a part that did not answer is worth another try.
const RETRY_UNAVAILABLE: u64 = 5;

/// The HTTP status of a code.
pub fn status_of(code: ErrorCode) -> StatusCode {
    use ErrorCode as E;
    match code {
        E::InvalidRequest
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
        | E::TruncatedAudio
        | E::SilentAudio => StatusCode::BAD_REQUEST,
        // OpenAI's clients expect 404 for a model they name in the body, too.
        E::UnknownModel
        | E::ModelNotInstalled
        | E::KeyNotFound
        | E::WebhookNotFound
        | E::DeliveryNotFound
        | E::JobNotFound
        | E::FileNotFound
        | E::BatchNotFound
        | E::NotFound => StatusCode::NOT_FOUND,
        E::Unauthenticated => StatusCode::UNAUTHORIZED,
        E::Forbidden => StatusCode::FORBIDDEN,
        E::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        E::UpgradeRequired => StatusCode::UPGRADE_REQUIRED,
        E::TooManyWebhooks
        | E::WebhookDisabled
        | E::ResultNotReady
        | E::NotRetryable
        | E::Cancelled => StatusCode::CONFLICT,
        E::ResultGone | E::JobExpired => StatusCode::GONE,
        E::RangeNotSatisfiable => StatusCode::RANGE_NOT_SATISFIABLE,
        E::UploadTooLarge | E::AudioTooLong => StatusCode::PAYLOAD_TOO_LARGE,
        // RFC 9110, 15.5.16: also "as a result of inspecting the data directly".
        E::UnsupportedMediaType | E::NotAudio => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        // Not 409: a client that polls while 409 must come to an end.
        E::NoResult | E::IdempotencyMismatch => StatusCode::UNPROCESSABLE_ENTITY,
        E::QueueFull | E::RateLimited | E::QuotaExceeded => StatusCode::TOO_MANY_REQUESTS,
        E::Unavailable | E::TooLate => StatusCode::SERVICE_UNAVAILABLE,
        E::EngineTimeout | E::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        E::ModelLoadFailed | E::EngineFailed | E::EnginePanicked | E::WorkerLost | E::Internal => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}

/// A refusal on its way to the client. Carried in the response's extensions until
/// [`crate::http::errors::render`] writes it in the form that the path's clients read.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    pub(crate) failure: Failure,
    /// Seconds; present exactly when trying again may help.
    pub(crate) retry_after: Option<u64>,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// Further members of the problem body.
    pub(crate) members: Map<String, Value>,
}

impl ApiError {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Failure::new(code, message).into()
    }

    /// A defect of ours; `detail` goes to the log only.
    pub(crate) fn internal(detail: &str) -> Self {
        tracing::error!(detail, "internal error");
        Self::new(ErrorCode::Internal, "an internal error; the log has more")
    }

    /// A part that does not answer; `detail` goes to the log only.
    pub(crate) fn unavailable(part: &str, detail: &str) -> Self {
        tracing::warn!(part, detail, "unavailable");
        Self::new(
            ErrorCode::Unavailable,
            format!("{part} does not answer; try again later"),
        )
    }

    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    pub(crate) fn member(mut self, name: &str, value: Value) -> Self {
        self.members.insert(name.to_owned(), value);
        self
    }

    /// Names the job, so that its result can be fetched later.
    pub(crate) fn about_job(mut self, job: &Job) -> Self {
        let id = job.id.to_string();
        if let Ok(value) = HeaderValue::from_str(&id) {
            self.headers.push((JOB_ID_HEADER, value));
        }
        if let Ok(value) = HeaderValue::from_str(&format!("/v1/jobs/{id}")) {
            self.headers.push((header::LOCATION, value));
        }
        self.member("job_id", Value::String(id))
    }
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        let retry_after = match failure.code {
            ErrorCode::Unavailable | ErrorCode::QueueFull => Some(RETRY_UNAVAILABLE),
            ErrorCode::ResultNotReady => Some(1),
            _ => None,
        };
        Self {
            failure,
            retry_after,
            headers: Vec::new(),
            members: Map::new(),
        }
    }
}

impl From<RecordError> for ApiError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Unavailable(detail) => Self::unavailable("the job store", &detail),
            RecordError::NotFound(id) => {
                Self::new(ErrorCode::JobNotFound, format!("there is no job {id}"))
            }
            RecordError::IllegalMove { .. } | RecordError::Superseded(_) => {
                Self::internal(&error.to_string())
            }
        }
    }
}

impl From<BlobError> for ApiError {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Unavailable(detail) => Self::unavailable("the audio store", &detail),
            BlobError::Full { .. } => {
                tracing::warn!(detail = %error, "the audio store is full");
                let message = "the audio store is full of files that waiting jobs need";
                Self::new(ErrorCode::Unavailable, message)
            }
        }
    }
}

impl From<DocumentError> for ApiError {
    fn from(error: DocumentError) -> Self {
        match error {
            DocumentError::Unavailable(detail) => Self::unavailable("the job store", &detail),
            DocumentError::Conflict => {
                let message = "somebody else has changed this at the same time; try again";
                Self::new(ErrorCode::Unavailable, message)
            }
        }
    }
}

impl From<LedgerUnavailable> for ApiError {
    fn from(LedgerUnavailable(detail): LedgerUnavailable) -> Self {
        Self::unavailable("the job store", &detail)
    }
}

impl From<SurveyError> for ApiError {
    fn from(error: SurveyError) -> Self {
        match error {
            SurveyError::Queue(error) => error.into(),
            SurveyError::Ledger(error) => error.into(),
        }
    }
}

impl From<QueueError> for ApiError {
    fn from(error: QueueError) -> Self {
        match error {
            QueueError::Unavailable(detail) => Self::unavailable("the queue", &detail),
            QueueError::Full { .. } => Self::new(ErrorCode::QueueFull, error.to_string()),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = status_of(self.failure.code).into_response();
        response.headers_mut().extend(self.headers.iter().cloned());
        if let Some(seconds) = self.retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self);
        response
    }
}
