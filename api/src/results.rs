//! Answers with the outcome of a job.

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde_json::json;
use voicefleet_core::{
    AudioFormat, ErrorCode, Failure, Job, JobState, Transcript, ports::BlobKey, scaling::Outlook,
};

use crate::{
    app::App,
    job_object::JobError,
    outlook::outlook,
    problem::{ApiError, JOB_ID_HEADER},
    rendering,
};

/// Whether a job was computed (`miss`), found (`hit`), or done together with an identical one (`follow`).
const CACHE_HEADER: HeaderName = HeaderName::from_static("x-voicefleet-cache");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// Longest wait that is ever advised, seconds: OpenAI's clients give up beyond 120.
const LONGEST_ADVICE: f64 = 60.0;

/// `Ok` for a job that has succeeded; otherwise why there is no result.
pub(crate) async fn check_succeeded(app: &App, job: &Job) -> Result<(), ApiError> {
    match job.state {
        JobState::Succeeded => Ok(()),
        JobState::Queued | JobState::Running => {
            let message = format!("the job is {}; its result is not there yet", job.state);
            let seconds = advised_wait(job, outlook(app, job).await);
            Err(ApiError::new(ErrorCode::ResultNotReady, message).retry_after(seconds))
        }
        JobState::Failed | JobState::Cancelled | JobState::Expired => {
            let message = format!("the job is {}, so it has no result", job.state);
            let reason = job.failure.as_ref().map(JobError::from);
            Err(ApiError::new(ErrorCode::NoResult, message)
                .member("job_status", json!(job.state.name()))
                .member("error", json!(reason)))
        }
    }
    .map_err(|error| error.about_job(job))
}

/// Why a job that somebody is waiting for has failed, as an error of that request.
pub(crate) fn failure_of(job: &Job) -> ApiError {
    let failure = job
        .failure
        .clone()
        .unwrap_or_else(|| Failure::new(ErrorCode::Internal, format!("the job is {}", job.state)));
    ApiError::from(failure).about_job(job)
}

/// Seconds after which asking again makes sense: when the job is expected to have ended or, where nobody
/// knows, when it would have if it ran now.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to between 1 and 60"
)]
pub(crate) fn advised_wait(job: &Job, outlook: Outlook) -> u64 {
    let seconds = outlook.eta_seconds.unwrap_or(job.cost);
    seconds.ceil().clamp(1.0, LONGEST_ADVICE) as u64
}

/// The audio of a speech job that has succeeded.
pub(crate) async fn audio(app: &App, job: &Job, format: AudioFormat) -> Result<Bytes, ApiError> {
    let audio = rendering::audio(app, &job.fingerprint, format).await;
    audio.map_err(|error| error.about_job(job))
}

/// The transcript of a transcription job that has succeeded.
pub(crate) async fn transcript(app: &App, job: &Job) -> Result<Transcript, ApiError> {
    let read = async {
        let found = app
            .blobs
            .get(&BlobKey::Result(job.fingerprint.clone()))
            .await?;
        let blob = found.ok_or_else(rendering::gone)?;
        serde_json::from_slice(&blob.bytes)
            .map_err(|error| ApiError::internal(&format!("a stored transcript: {error}")))
    };
    read.await.map_err(|error: ApiError| error.about_job(job))
}

/// An answer with a job's result in it.
pub(crate) fn response(job: &Job, content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = unfinished_response(job, content_type, body);
    if let Ok(phases) = HeaderValue::from_str(&phases(job)) {
        response.headers_mut().insert(SERVER_TIMING, phases);
    }
    response
}

/// The same for a job that still runs, so that nothing is known of its phases.
pub(crate) fn unfinished_response(
    job: &Job,
    content_type: &'static str,
    body: impl Into<Body>,
) -> Response {
    let kind = HeaderValue::from_static(content_type);
    let mut response = ([(header::CONTENT_TYPE, kind)], body.into()).into_response();
    let cache = if job.follows.is_some() {
        "follow"
    } else if job.from_cache {
        "hit"
    } else {
        "miss"
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_HEADER, HeaderValue::from_static(cache));
    if let Ok(id) = HeaderValue::from_str(&job.id.to_string()) {
        headers.insert(JOB_ID_HEADER, id);
    }
    response
}

/// The phases as a `Server-Timing` header, which browsers' developer tools draw.
fn phases(job: &Job) -> String {
    let timings = &job.timings;
    [
        ("queue", timings.queue_ms),
        ("load", timings.load_ms),
        ("plan", timings.plan_ms),
        ("compute", timings.compute_ms),
        ("store", timings.store_ms),
    ]
    .map(|(phase, ms)| format!("{phase};dur={ms:.1}"))
    .join(", ")
}
