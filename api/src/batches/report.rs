//! The files that a batch leaves: one line for each of its lines, in their order.

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};
use voicefleet_core::{
    ErrorCode, Failure, JobId,
    ports::{Blob, Retention},
};

use super::{
    input::Input,
    outcome::{Outcome, Outcomes},
    record::{BatchRecord, Report},
};
use crate::{
    app::App,
    files::{self, FileRecord},
    http::errors::OpenAiError,
    problem::{ApiError, status_of},
};

/// Largest file that is written, bytes: it is put together in memory. Answers that do not fit are left out,
/// with a word about it.
const MAX_BYTES: usize = 512 * 1024 * 1024;

#[derive(Serialize)]
struct Entry<'a> {
    id: String,
    custom_id: Option<&'a str>,
    response: Option<Response>,
    error: Option<Value>,
}

#[derive(Serialize)]
struct Response {
    status_code: u16,
    request_id: String,
    body: Value,
}

/// Writes one of the files, and gives its id; none where no line belongs into it.
pub(super) async fn write(
    app: &App,
    batch: &BatchRecord,
    input: &Input,
    outcomes: &Outcomes,
    report: Report,
) -> Result<Option<String>, ApiError> {
    let mut text = Vec::new();
    for line in 0..input.len() {
        let outcome = outcomes.get(line);
        let is_done = matches!(outcome, Some(Outcome::Done { .. }));
        if is_done != (report == Report::Output) {
            continue;
        }
        let entry = entry(app, batch, input, line, outcome, text.len()).await?;
        serde_json::to_writer(&mut text, &entry)
            .map_err(|error| ApiError::internal(&error.to_string()))?;
        text.push(b'\n');
        if line % 256 == 255 {
            tokio::task::yield_now().await;
        }
    }
    if text.is_empty() {
        return Ok(None);
    }
    keep(app, batch, report, text).await.map(Some)
}

async fn keep(
    app: &App,
    batch: &BatchRecord,
    report: Report,
    text: Vec<u8>,
) -> Result<String, ApiError> {
    let id = batch.id.file(report);
    let file = FileRecord {
        id: id.clone(),
        bytes: text.len(),
        created_at: app.clock.now(),
        filename: format!("{}_{}.jsonl", batch.id, report.name()),
        purpose: files::BATCH_OUTPUT.to_owned(),
        audio_seconds: None,
    };
    let blob = Blob {
        bytes: Bytes::from(text),
        content_type: files::JSONL.to_owned(),
    };
    let key = files::key_of(&batch.tenant, &id);
    app.blobs.put(&key, blob, Retention::Pinned).await?;
    files::note(app, &batch.tenant, file).await?;
    Ok(id)
}

async fn entry<'a>(
    app: &App,
    batch: &BatchRecord,
    input: &'a Input,
    line: usize,
    outcome: Option<&Outcome>,
    written: usize,
) -> Result<Entry<'a>, ApiError> {
    let id = super::run::job_id(batch, line);
    let (response, error) = match outcome {
        Some(Outcome::Done { job, body }) => {
            let fits = written < MAX_BYTES;
            let answer = if fits {
                body.read(app, batch, line).await?
            } else {
                None
            };
            let body = answer.unwrap_or_else(|| left_out(*job));
            (Some(response(200, *job, body)), None)
        }
        Some(Outcome::Failed { job, failure }) => {
            let status = status_of(failure.code);
            let body = json!(OpenAiError::new(failure, status));
            let response = response(status.as_u16(), job.unwrap_or(id), body);
            (Some(response), Some(error_of(failure)))
        }
        Some(Outcome::NotDone { failure, .. }) => (None, Some(error_of(failure))),
        None => {
            let lost = Failure::new(ErrorCode::Internal, "the outcome of this line was lost");
            (None, Some(error_of(&lost)))
        }
    };
    Ok(Entry {
        id: format!("batch_req_{}", id.to_string().replace('-', "")),
        custom_id: input.line(line).and_then(|line| line.custom_id),
        response,
        error,
    })
}

fn response(status_code: u16, job: JobId, body: Value) -> Response {
    Response {
        status_code,
        request_id: job.to_string(),
        body,
    }
}

fn error_of(failure: &Failure) -> Value {
    json!({"code": failure.code.name(), "message": failure.message})
}

fn left_out(job: JobId) -> Value {
    json!({
        "job_id": job.to_string(),
        "url": format!("/v1/jobs/{job}/result"),
        "left_out": "the answer was too large for this file, or has been lost",
    })
}
