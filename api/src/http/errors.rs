//! Errors as bodies: RFC 9457 problems, and OpenAI's error object where OpenAI's clients call.

use axum::{
    Json,
    extract::Request,
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use voicefleet_core::{ErrorCode, Failure};

use super::request_id::RequestId;
use crate::problem::ApiError;

/// Tells OpenAI's clients whether to try again, whatever the status suggests to them.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// An error by RFC 9457 (`application/problem+json`).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Identifies the kind of problem: `urn:voicefleet:problem:` and the code.
    #[schema(example = "urn:voicefleet:problem:unknown_voice")]
    r#type: String,
    /// The code in words.
    #[schema(example = "Unknown voice")]
    title: String,
    /// The HTTP status.
    #[schema(example = 400)]
    status: u16,
    /// What was wrong, for a person.
    detail: String,
    /// Stable and machine-readable.
    #[schema(example = "unknown_voice")]
    code: &'static str,
    /// The request field at fault, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "voice")]
    field: Option<String>,
    /// The `x-request-id` of this answer.
    request_id: String,
    /// Further members, such as `job_id`.
    #[serde(flatten)]
    #[schema(value_type = Object, additional_properties)]
    members: Map<String, Value>,
}

/// An error as OpenAI's clients read it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OpenAiError {
    /// The error.
    error: OpenAiErrorBody,
}

/// The inside of [`OpenAiError`]; all four members are always there.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OpenAiErrorBody {
    /// What was wrong, for a person.
    message: String,
    /// `invalid_request_error`, `rate_limit_error` or `server_error`.
    #[schema(example = "invalid_request_error")]
    r#type: &'static str,
    /// The request field at fault.
    #[schema(example = "voice")]
    param: Option<String>,
    /// The same stable code that a problem body carries.
    #[schema(example = "unknown_voice")]
    code: Option<&'static str>,
}

/// Whether the clients of a path read OpenAI's error object.
pub(crate) fn speaks_openai(path: &str) -> bool {
    path.starts_with("/v1/audio/") || path == "/v1/batches" || path.starts_with("/v1/batches/")
}

/// Writes the body of every error answer, including those that the router and its layers made.
pub(crate) async fn render(request: Request, next: Next) -> Response {
    let openai = speaks_openai(request.uri().path());
    let id = request
        .extensions()
        .get::<RequestId>()
        .map_or_else(String::new, |id| id.0.clone());
    let mut response = next.run(request).await;
    let status = response.status();
    let error = match response.extensions_mut().remove::<ApiError>() {
        Some(error) => error,
        None if is_bare_error(&response) => of_status(status),
        None => return response,
    };
    let mut body = if openai {
        openai_body(&error, status)
    } else {
        problem_body(error, status, id)
    };
    *body.status_mut() = status;
    for (name, value) in response.headers() {
        if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
            body.headers_mut().insert(name, value.clone());
        }
    }
    body
}

/// Whether no handler of ours wrote this error: ours say what their body is.
fn is_bare_error(response: &Response) -> bool {
    let status = response.status();
    let written = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/"));
    (status.is_client_error() || status.is_server_error()) && !written
}

/// The error behind a status that the router or a layer answered with.
fn of_status(status: StatusCode) -> ApiError {
    let (code, message) = match status {
        StatusCode::NOT_FOUND => (ErrorCode::NotFound, "there is nothing at this path"),
        StatusCode::METHOD_NOT_ALLOWED => (
            ErrorCode::MethodNotAllowed,
            "this path does not have that method; the Allow header names those it has",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => (ErrorCode::UploadTooLarge, "the body is too large"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => (
            ErrorCode::UnsupportedMediaType,
            "the body's content type is not understood here",
        ),
        status if status.is_client_error() => {
            (ErrorCode::InvalidRequest, "the request is not understood")
        }
        _ => (ErrorCode::Internal, "an internal error; the log has more"),
    };
    Failure::new(code, message).into()
}

fn problem_body(error: ApiError, status: StatusCode, request_id: String) -> Response {
    let code = error.failure.code.name();
    let problem = Problem {
        r#type: format!("urn:voicefleet:problem:{code}"),
        title: title(code),
        status: status.as_u16(),
        detail: error.failure.message,
        code,
        field: error.failure.field,
        request_id,
        members: error.members,
    };
    let kind = HeaderValue::from_static("application/problem+json");
    ([(header::CONTENT_TYPE, kind)], Json(problem)).into_response()
}

fn title(code: &str) -> String {
    let words = code.replace('_', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// The `type` that OpenAI's errors of a status have.
pub(crate) fn kind_of(status: StatusCode) -> &'static str {
    match status {
        StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
        status if status.is_server_error() => "server_error",
        _ => "invalid_request_error",
    }
}

impl OpenAiError {
    /// A failure with the status that it is answered with.
    pub(crate) fn new(failure: &Failure, status: StatusCode) -> Self {
        let error = OpenAiErrorBody {
            message: failure.message.clone(),
            r#type: kind_of(status),
            param: failure.field.clone(),
            code: Some(failure.code.name()),
        };
        Self { error }
    }
}

fn openai_body(error: &ApiError, status: StatusCode) -> Response {
    let body = OpenAiError::new(&error.failure, status);
    let retry = if error.retry_after.is_some() {
        "true"
    } else {
        "false"
    };
    let retry = HeaderValue::from_static(retry);
    ([(SHOULD_RETRY, retry)], Json(body)).into_response()
}
