//! `POST /v1/jobs`: submits work and answers at once.

use axum::{
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use voicefleet_core::Job;

use super::get_job::job_response;
use crate::{
    app::{App, SharedApp},
    http::errors::Problem,
    job_object::JobObject,
    job_request::{self, CreateJobRequest, TranscriptionJobForm},
    problem::{ApiError, JOB_ID_HEADER},
    submit::submit,
};

/// Submit a job
///
/// Identical work in flight is done once, and work that has been done is not done again.
#[utoipa::path(post, path = "/v1/jobs", tag = "Jobs",
    request_body(content(
        (CreateJobRequest = "application/json"),
        (TranscriptionJobForm = "multipart/form-data"),
    )),
    responses(
        (status = 200, description = "The result was there already; the job has succeeded.", body = JobObject,
            headers(("Location" = String))),
        (status = 202, description = "The job is accepted and durable.", body = JobObject,
            headers(("Location" = String), ("Retry-After" = u64, description = "Seconds."))),
        (status = 400, description = "A field is not as documented; `field` names it.",
            body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such model or file, or the model is not installed.",
            body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Too many bytes, or too many seconds of audio.",
            body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Neither JSON nor a form, or not audio.",
            body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too much work waits already; see `Retry-After`.",
            body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "A part does not answer; see `Retry-After`.",
            body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn create_job(
    State(app): State<SharedApp>,
    request: Request,
) -> Result<Response, ApiError> {
    let work = job_request::read(&app, request).await?;
    let job = submit(&app, work).await?;
    Ok(accepted(&app, &job).await)
}

/// The answer to whoever submitted `job`: where it is, and whether it is done already.
pub(crate) async fn accepted(app: &App, job: &Job) -> Response {
    let status = if job.state.is_terminal() {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    };
    let mut response = (status, job_response(app, job).await).into_response();
    let id = job.id.to_string();
    let location = HeaderValue::from_str(&format!("/v1/jobs/{id}"));
    for (name, value) in [
        (header::LOCATION, location),
        (JOB_ID_HEADER, HeaderValue::from_str(&id)),
    ] {
        if let Ok(value) = value {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
