//! `POST /v1/jobs/{id}/cancel` and `DELETE /v1/jobs/{id}`: two spellings of withdrawing a job.

use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};

use crate::{
    app::{App, SharedApp},
    cancel::{Cancelled, cancel},
    http::{errors::Problem, path::job_id},
    job_object::JobObject,
    problem::ApiError,
    tenancy::Caller,
};

/// Cancel a job
///
/// Idempotent. A worker that has the job stops at its next chunk. Identical jobs that wait for this
/// one are not cancelled: the oldest of them takes its place.
#[utoipa::path(post, path = "/v1/jobs/{id}/cancel", tag = "Jobs",
    params(("id" = String, Path, description = "The job's id.")),
    responses(
        (status = 200, description = "It had ended before; nothing is changed.", body = JobObject),
        (status = 202, description = "It is cancelled.", body = JobObject),
        (status = 404, description = "There is no such job.",
            body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "The job ended so long ago that its record is no longer kept.",
            body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The job records do not answer.",
            body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn cancel_job(
    State(app): State<SharedApp>,
    caller: Caller,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiError> {
    withdraw(&app, &caller, id).await
}

/// Cancel a job
///
/// The same as POST to its `cancel`. The record stays.
#[utoipa::path(delete, path = "/v1/jobs/{id}", tag = "Jobs",
    params(("id" = String, Path, description = "The job's id.")),
    responses(
        (status = 200, description = "It had ended before; nothing is changed.", body = JobObject),
        (status = 202, description = "It is cancelled.", body = JobObject),
        (status = 404, description = "There is no such job.",
            body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "The job ended so long ago that its record is no longer kept.",
            body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The job records do not answer.",
            body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn delete_job(
    State(app): State<SharedApp>,
    caller: Caller,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiError> {
    withdraw(&app, &caller, id).await
}

async fn withdraw(
    app: &std::sync::Arc<App>,
    caller: &Caller,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiError> {
    let id = job_id(id)?;
    caller.job(app, id).await?;
    let (status, job) = match cancel(app, id).await? {
        Cancelled::Now(job) => (StatusCode::ACCEPTED, job),
        Cancelled::EndedBefore(job) => (StatusCode::OK, job),
    };
    Ok((status, Json(JobObject::from(&job))).into_response())
}
