//! `POST /v1/batches`: has the lines of a file done when nobody is waiting.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use voicefleet_core::{ErrorCode, Failure, Timestamp};

use crate::{
    app::{App, SharedApp},
    batches::{
        record::{
            BatchCounts, BatchEndpoint, BatchError, BatchId, BatchRecord, BatchStatus, BatchTimes,
        },
        store,
    },
    files,
    http::{
        body::{parse_json, read_json},
        errors::OpenAiError,
    },
    problem::ApiError,
    tenancy::Caller,
    transcription::upload::not_found,
};

/// Shortest and longest window, hours.
const WINDOW: std::ops::RangeInclusive<u32> = 24..=168;
/// Most pairs of metadata, and the longest name and value, characters. OpenAI's own limits.
const MAX_PAIRS: usize = 16;
const MAX_NAME: usize = 64;
const MAX_VALUE: usize = 512;

/// What is to be done.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateBatchRequest {
    /// A file that was uploaded with the purpose `batch`.
    input_file_id: String,
    /// What each line is a request of.
    endpoint: BatchEndpoint,
    /// In what time: `24h` to `168h`. What is not done by then is not done any more.
    #[schema(example = "24h", pattern = "^[0-9]{2,3}h$")]
    completion_window: String,
    /// Up to 16 texts by name, given back with the batch.
    metadata: Option<BTreeMap<String, String>>,
}

/// A batch.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Batch)]
pub(crate) struct BatchObject {
    /// Its id.
    #[schema(example = "batch_0198c2a5f2c07e32a1b2c3d4e5f60718")]
    id: String,
    /// Always `batch`.
    object: &'static str,
    /// What its lines are requests of.
    endpoint: BatchEndpoint,
    /// What is wrong with its file, where it is `failed`.
    errors: Option<BatchErrors>,
    /// The file of its lines.
    input_file_id: String,
    /// In what time.
    completion_window: String,
    /// Where it stands.
    status: BatchStatus,
    /// The file with the answers, in the order of the lines; none where no line succeeded.
    output_file_id: Option<String>,
    /// The file with the lines that have no answer, and why; none where there is none.
    error_file_id: Option<String>,
    /// When it was made, Unix seconds; so are all moments.
    created_at: i64,
    /// When the first line was begun.
    in_progress_at: Option<i64>,
    /// When what is not done by then is given up.
    expires_at: i64,
    /// When all lines were done.
    finalizing_at: Option<i64>,
    /// When it was `completed`.
    completed_at: Option<i64>,
    /// When it was `failed`.
    failed_at: Option<i64>,
    /// When it was `expired`.
    expired_at: Option<i64>,
    /// When it was withdrawn.
    cancelling_at: Option<i64>,
    /// When it was `cancelled`.
    cancelled_at: Option<i64>,
    /// How many of its lines; while it is in progress, a second old at most.
    request_counts: BatchCounts,
    /// As it was given.
    metadata: Option<BTreeMap<String, String>>,
}

/// What is wrong with the file of a batch.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchErrors {
    /// Always `list`.
    object: &'static str,
    /// The errors.
    data: Vec<BatchError>,
}

impl From<BatchRecord> for BatchObject {
    fn from(batch: BatchRecord) -> Self {
        let seconds = |at: Timestamp| at.0.div_euclid(1000);
        let times = batch.times;
        let errors = (!batch.errors.is_empty()).then_some(BatchErrors {
            object: "list",
            data: batch.errors.clone(),
        });
        Self {
            id: batch.id.to_string(),
            object: "batch",
            endpoint: batch.endpoint,
            errors,
            completion_window: format!("{}h", batch.window_hours),
            status: batch.status,
            created_at: seconds(batch.created_at),
            in_progress_at: times.in_progress.map(seconds),
            expires_at: seconds(batch.expires_at()),
            finalizing_at: times.finalizing.map(seconds),
            completed_at: times.completed.map(seconds),
            failed_at: times.failed.map(seconds),
            expired_at: times.expired.map(seconds),
            cancelling_at: times.cancelling.map(seconds),
            cancelled_at: times.cancelled.map(seconds),
            request_counts: batch.counts,
            input_file_id: batch.input_file_id,
            output_file_id: batch.output_file_id,
            error_file_id: batch.error_file_id,
            metadata: batch.metadata,
        }
    }
}

/// Create a batch
///
/// Each line of the file becomes a job of the tier `batch`. A line that its endpoint would refuse fails alone.
/// Transcriptions name their audio by the `file_id` of an uploaded file. Of speech the output has the job's
/// id and where the audio is fetched.
#[utoipa::path(post, path = "/v1/batches", tag = "Batches",
    request_body = CreateBatchRequest,
    responses(
        (status = 201, description = "The batch.", body = BatchObject, headers(("Location" = String))),
        (status = 400, description = "A field is not as documented; `param` names it.", body = OpenAiError),
        (status = 404, description = "There is no such file (any more).", body = OpenAiError),
        (status = 413, description = "Too many bytes.", body = OpenAiError),
        (status = 415, description = "Not JSON.", body = OpenAiError),
        (status = 503, description = "A store does not answer or is full; see `Retry-After`.", body = OpenAiError),
    )
)]
pub(crate) async fn create_batch(
    State(app): State<SharedApp>,
    caller: Caller,
    request: Request,
) -> Result<Response, ApiError> {
    let body = read_json(request, app.limits.max_json_bytes).await?;
    let wanted: CreateBatchRequest = parse_json(&body)?;
    let window_hours = window(&wanted.completion_window)?;
    check_metadata(wanted.metadata.as_ref())?;
    let _room = app.room_for_upload()?;
    let lines = lines(&app, &caller, &wanted.input_file_id).await?;
    let batch = BatchRecord {
        id: BatchId::generate(),
        tenant: caller.tenant,
        key: caller.key,
        walled: caller.walled,
        limits: caller.limits,
        endpoint: wanted.endpoint,
        input_file_id: wanted.input_file_id,
        window_hours,
        metadata: wanted.metadata,
        status: BatchStatus::Validating,
        is_late: false,
        begun: 0,
        errors: Vec::new(),
        output_file_id: None,
        error_file_id: None,
        created_at: app.clock.now(),
        times: BatchTimes::default(),
        counts: BatchCounts::default(),
        lease: None,
    };
    store::create(&app, &batch, lines).await?;
    let location = [(header::LOCATION, format!("/v1/batches/{}", batch.id))];
    let batch = Json(BatchObject::from(batch));
    Ok((StatusCode::CREATED, location, batch).into_response())
}

fn window(text: &str) -> Result<u32, Failure> {
    let hours = text
        .strip_suffix('h')
        .filter(|hours| hours.bytes().all(|byte| byte.is_ascii_digit()) && !hours.starts_with('0'));
    let hours = hours.and_then(|hours| hours.parse().ok());
    hours.filter(|hours| WINDOW.contains(hours)).ok_or_else(|| {
        let message = "the completion window must be between 24h and 168h, in whole hours";
        Failure::of_field(ErrorCode::InvalidRequest, "completion_window", message)
    })
}

fn check_metadata(metadata: Option<&BTreeMap<String, String>>) -> Result<(), Failure> {
    let Some(metadata) = metadata else {
        return Ok(());
    };
    let fits = |(name, value): (&String, &String)| {
        name.chars().count() <= MAX_NAME && value.chars().count() <= MAX_VALUE
    };
    if metadata.len() <= MAX_PAIRS && metadata.iter().all(fits) {
        return Ok(());
    }
    let message = format!(
        "at most {MAX_PAIRS} pairs, with names of up to {MAX_NAME} and values of up to {MAX_VALUE} characters"
    );
    Err(Failure::of_field(
        ErrorCode::InvalidRequest,
        "metadata",
        message,
    ))
}

/// The bytes of a file that was uploaded to be the input of a batch.
async fn lines(app: &App, caller: &Caller, id: &str) -> Result<Bytes, ApiError> {
    const FIELD: &str = "input_file_id";
    let missing = || Failure {
        field: Some(FIELD.to_owned()),
        ..not_found(id)
    };
    let file = files::find(app, &caller.tenant, id).await;
    let file = file.map_err(|error| match error.failure.code {
        ErrorCode::FileNotFound => missing().into(),
        _ => error,
    })?;
    if file.purpose != files::BATCH || file.audio_seconds.is_some() {
        let message = "the file was not uploaded with the purpose 'batch'";
        return Err(Failure::of_field(ErrorCode::InvalidRequest, FIELD, message).into());
    }
    let found = app.blobs.get(&files::key_of(&caller.tenant, id)).await?;
    Ok(found.ok_or_else(missing)?.bytes)
}
