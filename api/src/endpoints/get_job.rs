//! `GET /v1/jobs/{id}`: the job, now or when it has ended.

use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa::IntoParams;
use voicefleet_core::{Job, scaling::Outlook};

use crate::{
    app::{App, SharedApp},
    http::{errors::Problem, etag, path::job_id, query::query},
    job_object::JobObject,
    outlook::outlook,
    problem::ApiError,
    results,
    tenancy::Caller,
    waiting,
};

const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// How to look at a job.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct JobQuery {
    /// Answer when the job has ended, or after so many seconds; at most 60 are waited. The header
    /// `Prefer: wait=N` asks for the same.
    #[param(minimum = 0, maximum = 60)]
    wait: Option<u64>,
}

/// Get a job
///
/// The `ETag` changes when the job moves or comes further, not with the estimates in it.
#[utoipa::path(get, path = "/v1/jobs/{id}", tag = "Jobs",
    params(
        ("id" = String, Path, description = "The job's id."),
        JobQuery,
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of what the client has."),
    ),
    responses(
        (status = 200, description = "The job. With `Retry-After` while it has not ended: about when it should have.",
            body = JobObject, headers(("ETag" = String), ("Retry-After" = u64, description = "Seconds."))),
        (status = 304, description = "It stands where it stood; `Retry-After` as above.",
            headers(("ETag" = String), ("Retry-After" = u64, description = "Seconds."))),
        (status = 400, description = "`wait` is not a number of seconds.",
            body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such job.",
            body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "The job ended so long ago that its record is no longer kept.",
            body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The job records do not answer.",
            body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_job(
    State(app): State<SharedApp>,
    caller: Caller,
    id: Result<Path<String>, PathRejection>,
    parsed: Result<Query<JobQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let id = job_id(id)?;
    let asked = query(parsed)?.wait;
    let wait = waiting::asked_for(asked, &headers, app.limits.max_long_poll)?;
    let mut job = caller.job(&app, id).await?;
    if let Some(patience) = wait {
        let closing = &app.stop.closing;
        job = waiting::until_ended(app.records.as_ref(), closing, job, patience).await?;
    }
    let outlook = outlook(&app, &job).await;
    let tag = etag::of_job(&job);
    let mut response = if etag::is_known(&headers, &tag) {
        with_advice(&job, outlook, StatusCode::NOT_MODIFIED)
    } else {
        with_advice(&job, outlook, Json(JobObject::with_outlook(&job, outlook)))
    };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    if let (None, Some(wait)) = (asked, wait)
        && let Ok(value) = HeaderValue::from_str(&format!("wait={}", wait.as_secs()))
    {
        response.headers_mut().insert(PREFERENCE_APPLIED, value);
    }
    Ok(response)
}

/// The job object, with advice on when to look again.
pub(crate) async fn job_response(app: &App, job: &Job) -> Response {
    let outlook = outlook(app, job).await;
    with_advice(job, outlook, Json(JobObject::with_outlook(job, outlook)))
}

fn with_advice(job: &Job, outlook: Outlook, answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    if !job.state.is_terminal() {
        let seconds = HeaderValue::from(results::advised_wait(job, outlook));
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}
