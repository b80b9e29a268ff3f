//! `POST /v1/jobs`: submits work and answers at once.

use axum::{
    extract::{Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use voicefleet_core::{Job, ports::RecordError};

use super::get_job::job_response;
use crate::{
    app::{App, SharedApp},
    http::errors::Problem,
    idempotency,
    job_object::JobObject,
    job_request::{self, CreateJobRequest, TranscriptionJobForm},
    problem::{ApiError, JOB_ID_HEADER},
    submit::{NewJob, submit},
    tenancy::Caller,
};

/// Submit a job
///
/// Identical work in flight is done once, and work that has been done is not done again. With an
/// `Idempotency-Key`, a request that is repeated within 24 hours also gets the same job; its answer has the
/// header `idempotency-replayed: true`.
#[utoipa::path(post, path = "/v1/jobs", tag = "Jobs",
    params(("Idempotency-Key" = Option<String>, Header,
        description = "1 to 255 visible ASCII characters of the client's choice.")),
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
        (status = 422, description = "The `Idempotency-Key` has been used for another request.",
            body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too much work waits already; see `Retry-After`.",
            body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "A part does not answer; see `Retry-After`.",
            body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn create_job(
    State(app): State<SharedApp>,
    caller: Caller,
    request: Request,
) -> Result<Response, ApiError> {
    let headers = request.headers().clone();
    let (work, digest) = job_request::read(&app, &caller, request).await?;
    let assigned = idempotency::assign(&app, &caller, &headers, &digest).await?;
    if assigned.again {
        match app.records.get(assigned.id).await {
            Ok(job) => return Ok(replayed(accepted(&app, &job).await)),
            // Whoever came first has not recorded it, and may never do so.
            Err(RecordError::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let work = NewJob {
        id: Some(assigned.id),
        ..work
    };
    let job = match submit(&app, &caller, work).await {
        Ok(job) => job,
        Err(refusal) => {
            idempotency::forget(&app, &caller, &headers).await;
            return Err(refusal);
        }
    };
    Ok(accepted(&app, &job).await)
}

/// Says that the request had been made before.
fn replayed(mut response: Response) -> Response {
    let name = HeaderName::from_static("idempotency-replayed");
    response
        .headers_mut()
        .insert(name, HeaderValue::from_static("true"));
    response
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
