//! `GET /v1/jobs/{id}/result`: the audio, or the transcript.

use axum::{
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::HeaderMap,
    response::Response,
};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use voicefleet_core::{
    AudioFormat, ErrorCode, Failure, Job, JobSpec, SpeechSpec, TranscriptionSpec,
};

use crate::{
    app::{App, SharedApp},
    delivery,
    http::{errors::Problem, path::job_id, query::query},
    problem::ApiError,
    results,
    schema::Binary,
    tenancy::Caller,
    transcription::formats::{
        self, Granularity, OpenAiTranscription, OpenAiVerboseTranscription, TranscriptBody,
        TranscriptFormat,
    },
};

/// How to deliver a result.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ResultQuery {
    /// Speech: `wav`, `pcm`, `mp3`, `opus` or `flac`; the format the job was submitted with if left out.
    /// Transcripts: `json`, `text`, `srt`, `verbose_json` or `vtt`, as OpenAI has them; the whole transcript
    /// with segments and words if left out.
    format: Option<String>,
}

/// What `application/json` holds, depending on `format`.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes the answer, which is written as text")]
pub(crate) enum JsonResult {
    Whole(TranscriptBody),
    Json(OpenAiTranscription),
    VerboseJson(OpenAiVerboseTranscription),
}

/// Get the result of a job
///
/// The `ETag` stands for the bytes: with `If-None-Match` they are sent only if they are others, and `Range`
/// (one range of bytes), with `If-Range` if need be, goes on where a download broke off. HEAD has the same headers.
/// `Server-Timing` tells the phases, `x-voicefleet-cache` whether it was computed (`miss`), found
/// (`hit`) or made for an identical job (`follow`).
#[utoipa::path(get, path = "/v1/jobs/{id}/result", tag = "Jobs",
    params(
        ("id" = String, Path, description = "The job's id."),
        ResultQuery,
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of what the client has."),
        ("Range" = Option<String>, Header, description = "One range, like `bytes=1000-1999`, `bytes=1000-` or \
            `bytes=-1000`. Several, or what is no range, are answered with the whole."),
        ("If-Range" = Option<String>, Header, description = "Only of what has this `ETag`; else the whole."),
    ),
    responses(
        (status = 200, description = "The audio, or the transcript.", content(
            (Binary = "audio/wav"), (Binary = "audio/mpeg"), (Binary = "audio/ogg"),
            (Binary = "audio/flac"), (Binary = "audio/pcm;rate=24000;channels=1"),
            (JsonResult = "application/json"),
            (String = "text/plain"), (String = "application/x-subrip"), (String = "text/vtt"),
        ), headers(("ETag" = String), ("Accept-Ranges" = String))),
        (status = 206, description = "The range that was asked for.", content(
            (Binary = "audio/wav"), (Binary = "audio/mpeg"), (Binary = "audio/ogg"),
            (Binary = "audio/flac"), (Binary = "audio/pcm;rate=24000;channels=1"),
            (Binary = "application/json"),
            (Binary = "text/plain"), (Binary = "application/x-subrip"), (Binary = "text/vtt"),
        ), headers(("ETag" = String), ("Content-Range" = String))),
        (status = 304, description = "The client has it already.", headers(("ETag" = String))),
        (status = 400, description = "The format does not exist.",
            body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such job.",
            body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The job has not ended yet; see `Retry-After`.",
            body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "The result has been evicted (`result_gone`), or the job ended so long ago that \
            its record is no longer kept (`job_expired`); submit again.",
            body = Problem, content_type = "application/problem+json"),
        (status = 416, description = "The result has no such bytes; `Content-Range` says how many it has.",
            body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The job failed, was cancelled or expired; the member `error` says why.",
            body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "A store does not answer.",
            body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_result(
    State(app): State<SharedApp>,
    caller: Caller,
    id: Result<Path<String>, PathRejection>,
    parsed: Result<Query<ResultQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let id = job_id(id)?;
    let format = query(parsed)?.format;
    let job = caller.job(&app, id).await?;
    let (content_type, body) = match &job.spec {
        JobSpec::Speech(spec) => speech(&app, &job, spec, format.as_deref()).await?,
        JobSpec::Transcription(spec) => transcript(&app, &job, spec, format.as_deref()).await?,
    };
    delivery::deliver(&job, &headers, content_type, body)
}

async fn speech(
    app: &App,
    job: &Job,
    spec: &SpeechSpec,
    format: Option<&str>,
) -> Result<(&'static str, Bytes), ApiError> {
    let format = match format {
        None => spec.format,
        Some(name) => name
            .parse::<AudioFormat>()
            .map_err(|error| Failure::new(ErrorCode::UnknownFormat, error.to_string()))
            .map_err(of_format)?,
    };
    results::check_succeeded(app, job).await?;
    let audio = results::audio(app, job, format).await?;
    Ok((format.content_type(), audio))
}

async fn transcript(
    app: &App,
    job: &Job,
    spec: &TranscriptionSpec,
    format: Option<&str>,
) -> Result<(&'static str, Bytes), ApiError> {
    let format = format.map(str::parse::<TranscriptFormat>).transpose();
    let format = format.map_err(of_format)?;
    results::check_succeeded(app, job).await?;
    let transcript = results::transcript(app, job).await?;
    let Some(format) = format else {
        let full = json!(formats::full(&transcript)).to_string();
        return Ok(("application/json", full.into()));
    };
    let everything = Granularity {
        segments: true,
        words: true,
    };
    let rendered = formats::render(&transcript, format, everything, spec.into())
        .map_err(|error| ApiError::internal(&error.to_string()))?;
    Ok((rendered.content_type, rendered.body.into()))
}

fn of_format(failure: Failure) -> Failure {
    Failure {
        field: Some("format".to_owned()),
        ..failure
    }
}
