//! `POST /v1/jobs/{id}/retry`: submits a job that ended without a result again.

use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::HeaderMap,
    response::Response,
};

use super::create_job::accepted;
use crate::{
    app::SharedApp,
    http::{errors::Problem, path::job_id, tracing_context::trace_context},
    job_object::JobObject,
    problem::ApiError,
    retry,
    submit::submit,
    tenancy::Caller,
};

/// Submit a job again
///
/// For a job that failed, was cancelled or expired. The answer is a new job with the same work, tier
/// and time until its deadline; the old one stays as it is.
#[utoipa::path(post, path = "/v1/jobs/{id}/retry", tag = "Jobs",
    params(("id" = String, Path, description = "The id of the job that ended without a result.")),
    responses(
        (status = 200, description = "The result was there already; the new job has succeeded.", body = JobObject,
            headers(("Location" = String))),
        (status = 202, description = "The new job is accepted and durable.", body = JobObject,
            headers(("Location" = String), ("Retry-After" = u64, description = "Seconds."))),
        (status = 404, description = "There is no such job, its model is not installed (any more), or the file \
            that it was to transcribe is gone; `field` says which.",
            body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The job has succeeded, or has not ended.",
            body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "The job ended so long ago that its record is no longer kept.",
            body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too much work waits already; see `Retry-After`.",
            body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "A part does not answer; see `Retry-After`.",
            body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn retry_job(
    State(app): State<SharedApp>,
    caller: Caller,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let job = caller.job(&app, job_id(id)?).await?;
    let work = retry::work_of(&app, job, trace_context(&headers)).await?;
    let again = submit(&app, &caller, work).await?;
    Ok(accepted(&app, &again).await)
}
