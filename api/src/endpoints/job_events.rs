//! `GET /v1/jobs/{id}/events`: the job's way, told as it goes.

use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response, Sse, sse::KeepAlive},
};

use crate::{
    app::SharedApp,
    events::events,
    http::{errors::Problem, path::job_id},
    problem::ApiError,
    standing::Standing,
    tenancy::Caller,
};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Tells nginx and its kin to pass events on as they come.
const UNBUFFERED: (HeaderName, HeaderValue) = (
    HeaderName::from_static("x-accel-buffering"),
    HeaderValue::from_static("no"),
);

/// Follow a job
///
/// Server-sent events: `job.queued`, `job.running` and `job.progress` as often as it is so, then one of
/// `job.succeeded`, `job.failed`, `job.cancelled` and `job.expired`, after which the stream ends. Their data
/// is the job object. Of moves in quick succession only the last may be told.
///
/// The first event tells where the job is now. After a break, send the `id` of the last event as
/// `Last-Event-ID` (browsers do so by themselves): then the first event is what is new since. Comments
/// keep idle connections open. The stream also ends when the server stops.
#[utoipa::path(get, path = "/v1/jobs/{id}/events", tag = "Jobs",
    params(
        ("id" = String, Path, description = "The job's id."),
        ("Last-Event-ID" = Option<String>, Header,
            description = "The id of the last event that the client has. One that is not ours is ignored."),
    ),
    responses(
        (status = 200, description = "The events; `data` is a `Job`.", body = String,
            content_type = "text/event-stream"),
        (status = 204, description = "The job has ended, and the client has its last event. Browsers do not come back."),
        (status = 404, description = "There is no such job.",
            body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "The job ended so long ago that its record is no longer kept.",
            body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The job records do not answer, or too many follow jobs already; see `Retry-After`.",
            body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn job_events(
    State(app): State<SharedApp>,
    caller: Caller,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let id = job_id(id)?;
    let room = app.room_for_events()?;
    let job = caller.job(&app, id).await?;
    let seen = last_seen(&headers);
    if job.state.is_terminal() && seen == Some(Standing::of(&job)) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let alive = KeepAlive::new().interval(app.limits.event_keep_alive);
    let stream = Sse::new(events(&app, job, seen, room)).keep_alive(alive);
    Ok(([UNBUFFERED], stream).into_response())
}

fn last_seen(headers: &HeaderMap) -> Option<Standing> {
    headers.get(LAST_EVENT_ID)?.to_str().ok()?.parse().ok()
}
