//! What a line asks for: checked as its endpoint would, and answered with what that would answer.

use serde::Deserialize;
use serde_json::{Value, json};
use voicefleet_core::{
    AudioFormat, ErrorCode, Failure, Job, JobId, JobSpec, Tier, TranscriptionSpec,
};

use super::{
    input::Line,
    record::{BatchEndpoint, BatchRecord},
};
use crate::{
    app::App,
    endpoints::{
        create_speech::SpeechRequest,
        create_transcription::{Delivery, DeliveryWish, delivery},
    },
    http::body::parse_json,
    problem::ApiError,
    results,
    speech::steering::{Urgency, resolve_and_steer},
    submit::NewJob,
    transcription::{self, TranscriptionWish, formats::render, upload},
    urgency,
};

/// The fields of a transcription's form as JSON, with an uploaded file instead of the bytes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TranscriptionBody {
    file_id: String,
    model: String,
    language: Option<String>,
    prompt: Option<String>,
    response_format: Option<String>,
    temperature: Option<f32>,
    #[serde(default, alias = "timestamp_granularities[]")]
    timestamp_granularities: Vec<String>,
    stream: Option<bool>,
    chunking_strategy: Option<Value>,
    tier: Option<String>,
}

impl TranscriptionBody {
    fn delivery(&self) -> Result<Delivery, Failure> {
        let text = |value: &Value| value.as_str().map_or(value.to_string(), str::to_owned);
        let delivery = delivery(DeliveryWish {
            stream: self.stream.map(|stream| stream.to_string()),
            chunking_strategy: self.chunking_strategy.as_ref().map(text),
            response_format: self.response_format.clone(),
            granularities: self.timestamp_granularities.clone(),
        })?;
        if delivery.streamed {
            let message = "the lines of a batch are not streamed; leave it out or send false";
            let code = ErrorCode::InvalidRequest;
            return Err(Failure::of_field(code, "stream", message));
        }
        Ok(delivery)
    }
}

/// The job that a line asks for.
pub(super) async fn job_of(
    app: &App,
    batch: &BatchRecord,
    line: Line<'_>,
    id: JobId,
) -> Result<NewJob, ApiError> {
    let body = line.body(batch.endpoint.path())?;
    let mut work = match batch.endpoint {
        BatchEndpoint::Speech => speech(app, batch, &parse_json(&body)?).await?,
        BatchEndpoint::Transcriptions => transcription(app, batch, &parse_json(&body)?).await?,
    };
    work.id = Some(id);
    work.patient = true;
    Ok(work)
}

async fn speech(
    app: &App,
    batch: &BatchRecord,
    request: &SpeechRequest,
) -> Result<NewJob, ApiError> {
    check_tier(request.tier())?;
    if request.is_streamed()? {
        let message = "the lines of a batch are not streamed; leave it out or send audio";
        let code = ErrorCode::InvalidRequest;
        return Err(Failure::of_field(code, "stream_format", message).into());
    }
    let urgency = Urgency {
        tier: Tier::Batch,
        deadline: Some(batch.expires_at()),
    };
    let (most, caller) = (app.limits.max_sync_chars, batch.caller());
    let wish = request.wish();
    let spec = resolve_and_steer(app, &caller, wish, urgency, most, AudioFormat::Mp3).await?;
    Ok(NewJob {
        id: None,
        patient: false,
        waits: None,
        spec: JobSpec::Speech(spec),
        tier: urgency.tier,
        deadline: urgency.deadline,
        trace: None,
        upload: None,
    })
}

async fn transcription(
    app: &App,
    batch: &BatchRecord,
    request: &TranscriptionBody,
) -> Result<NewJob, ApiError> {
    check_tier(request.tier.as_deref())?;
    request.delivery()?;
    let wish = TranscriptionWish {
        model: Some(&request.model),
        language: request.language.as_deref(),
        temperature: request.temperature,
        prompt: request.prompt.as_deref(),
        translate: false,
    };
    let checked = transcription::check(wish, &app.catalog_now(), app.limits.max_prompt_chars)?;
    let upload = upload::fetch(app, &batch.tenant, &request.file_id).await?;
    Ok(NewJob {
        id: None,
        patient: false,
        waits: None,
        spec: JobSpec::Transcription(checked.of(&upload.id)),
        tier: Tier::Batch,
        deadline: Some(batch.expires_at()),
        trace: None,
        upload: Some(upload),
    })
}

fn check_tier(tier: Option<&str>) -> Result<(), Failure> {
    if urgency::tier(tier, Tier::Batch)? == Tier::Batch {
        return Ok(());
    }
    let message = "the lines of a batch have the tier batch; leave it out";
    Err(Failure::of_field(
        ErrorCode::InvalidRequest,
        "tier",
        message,
    ))
}

/// What the endpoint would answer, as JSON, for a job that has succeeded; of speech, where it is.
pub(super) async fn answer(
    app: &App,
    batch: &BatchRecord,
    line: Line<'_>,
    job: &Job,
) -> Result<Value, ApiError> {
    match &job.spec {
        JobSpec::Speech(spec) => Ok(json!({
            "job_id": job.id.to_string(),
            "format": spec.format.name(),
            "audio_seconds": job.timings.audio_seconds,
            "url": format!("/v1/jobs/{}/result", job.id),
        })),
        JobSpec::Transcription(spec) => transcript(app, batch, line, job, spec).await,
    }
}

async fn transcript(
    app: &App,
    batch: &BatchRecord,
    line: Line<'_>,
    job: &Job,
    spec: &TranscriptionSpec,
) -> Result<Value, ApiError> {
    let body = line.body(batch.endpoint.path())?;
    let delivery = parse_json::<TranscriptionBody>(&body)?.delivery()?;
    let transcript = results::transcript(app, job).await?;
    let rendered = render(
        &transcript,
        delivery.format,
        delivery.granularity,
        spec.into(),
    );
    let rendered = rendered.map_err(|error| ApiError::internal(&error.to_string()))?;
    if rendered.content_type != "application/json" {
        return Ok(Value::String(rendered.body));
    }
    serde_json::from_str(&rendered.body).map_err(|error| ApiError::internal(&error.to_string()))
}
