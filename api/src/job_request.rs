//! What can be asked of `/v1/jobs`, as JSON and as a form, and its way to checked work.

use axum::extract::Request;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use voicefleet_core::{AudioFormat, ErrorCode, Failure, JobSpec, Tier, TraceContext};

use crate::{
    app::App,
    http::{
        body::{BodyKind, parse_json, read_json, unsupported},
        form::{Form, audio_form},
        tracing_context::trace_context,
    },
    idempotency::RequestDigest,
    problem::ApiError,
    schema::{AudioFormatName, Binary, TierName},
    speech::{
        SpeechWish,
        steering::{Urgency, resolve_and_steer},
    },
    submit::NewJob,
    tenancy::Caller,
    transcription::{self, TranscriptionWish, upload},
    urgency,
};

/// Something to be done.
#[derive(Debug, ToSchema)]
#[serde(untagged)]
#[schema(discriminator(property_name = "kind", mapping(
    ("speech" = "#/components/schemas/SpeechJobRequest"),
    ("transcription" = "#/components/schemas/TranscriptionJobRequest"),
)))]
pub(crate) enum CreateJobRequest {
    Speech(SpeechJobRequest),
    Transcription(TranscriptionJobRequest),
}

/// Text to be spoken.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SpeechJobRequest {
    /// `speech`.
    #[expect(dead_code, reason = "has been looked at before")]
    #[schema(example = "speech", pattern = "^speech$")]
    kind: String,
    /// The text; at most 100 000 characters unless configured otherwise.
    #[schema(example = "Tell us about yourself.")]
    input: String,
    /// `auto`, or an engine. `auto` is the voice's engine. Where no voice is given, or one of OpenAI's, it
    /// is the engine whose turn it is by the split and that can speak in time.
    #[schema(default = "auto")]
    engine: Option<String>,
    /// A voice of `GET /v1/voices`, a mix such as `af_bella(2)+af_sky`, or one of OpenAI's voice
    /// names; the engine's default if left out.
    voice: Option<String>,
    /// How urgent it is.
    #[schema(value_type = Option<TierName>, default = "standard")]
    tier: Option<String>,
    /// The format of the result.
    #[schema(value_type = Option<AudioFormatName>, default = "wav")]
    response_format: Option<String>,
    /// Speaking rate, 0.25 to 4.
    #[schema(default = 1.0, minimum = 0.25, maximum = 4.0)]
    speed: Option<f64>,
    /// When the result is of no use any more: seconds from now as a number, or an RFC 3339 time. At most 7 days away.
    #[schema(example = 30)]
    deadline: Option<Value>,
}

/// An uploaded file to be transcribed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TranscriptionJobRequest {
    /// `transcription`.
    #[expect(dead_code, reason = "has been looked at before")]
    #[schema(example = "transcription", pattern = "^transcription$")]
    kind: String,
    /// The id that `POST /v1/files` gave.
    file_id: String,
    /// A model of `GET /v1/models`; the first installed one if left out.
    model: Option<String>,
    /// ISO 639-1 code; detected if left out.
    #[schema(example = "en")]
    language: Option<String>,
    /// Sampling temperature, 0 to 1.
    #[schema(default = 0.0, minimum = 0.0, maximum = 1.0)]
    temperature: Option<f32>,
    /// Words or names to expect.
    prompt: Option<String>,
    /// How urgent it is.
    #[schema(value_type = Option<TierName>, default = "standard")]
    tier: Option<String>,
    /// When the result is of no use any more: seconds from now as a number, or an RFC 3339 time. At most 7 days away.
    #[schema(example = 30)]
    deadline: Option<Value>,
}

/// Audio to be transcribed, with the request around it.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the form, which is read field by field")]
pub(crate) struct TranscriptionJobForm {
    /// `transcription`; may be left out.
    kind: Option<String>,
    /// The audio: wav, mp3, ogg, opus, flac, m4a or webm.
    file: Binary,
    /// A model of `GET /v1/models`; the first installed one if left out.
    model: Option<String>,
    /// ISO 639-1 code; detected if left out.
    language: Option<String>,
    /// Sampling temperature, 0 to 1.
    temperature: Option<f32>,
    /// Words or names to expect.
    prompt: Option<String>,
    /// How urgent it is; `standard` if left out.
    #[schema(value_type = Option<TierName>)]
    tier: Option<String>,
    /// Seconds from now, or an RFC 3339 time.
    deadline: Option<String>,
}

/// Fields of the form beside `file`.
const FORM_FIELDS: [&str; 7] = [
    "kind",
    "model",
    "language",
    "temperature",
    "prompt",
    "tier",
    "deadline",
];

/// Reads and checks a request, whichever of its three forms it has.
pub(crate) async fn read(
    app: &App,
    caller: &Caller,
    request: Request,
) -> Result<(NewJob, RequestDigest), ApiError> {
    let trace = trace_context(request.headers());
    match BodyKind::of(request.headers()) {
        BodyKind::Json => {
            let body = read_json(request, app.limits.max_json_bytes).await?;
            let digest = RequestDigest::of_json(&body);
            let work = match parse(&body)? {
                CreateJobRequest::Speech(request) => speech_job(app, caller, &request, trace).await,
                CreateJobRequest::Transcription(request) => {
                    transcription_job(app, caller, &request, trace).await
                }
            };
            Ok((work?, digest))
        }
        BodyKind::Form => form_job(app, caller, request, trace).await,
        BodyKind::Other => Err(unsupported("application/json or multipart/form-data")),
    }
}

fn parse(body: &[u8]) -> Result<CreateJobRequest, Failure> {
    #[derive(Deserialize)]
    struct Tagged {
        kind: String,
    }
    match parse_json::<Tagged>(body)?.kind.as_str() {
        "speech" => parse_json(body).map(CreateJobRequest::Speech),
        "transcription" => parse_json(body).map(CreateJobRequest::Transcription),
        other => Err(unknown_kind(other)),
    }
}

fn unknown_kind(kind: &str) -> Failure {
    let shown: String = kind.chars().take(32).collect();
    let message = format!("there is no kind '{shown}'; use speech or transcription");
    Failure::of_field(ErrorCode::InvalidRequest, "kind", message)
}

async fn speech_job(
    app: &App,
    caller: &Caller,
    request: &SpeechJobRequest,
    trace: Option<TraceContext>,
) -> Result<NewJob, ApiError> {
    let wish = SpeechWish {
        input: &request.input,
        engine: request.engine.as_deref(),
        model: None,
        voice: request.voice.as_deref(),
        speed: request.speed,
        format: request.response_format.as_deref(),
    };
    let (now, furthest) = (app.clock.now(), app.limits.max_deadline);
    let urgency = Urgency {
        tier: urgency::tier(request.tier.as_deref(), Tier::Standard)?,
        deadline: urgency::deadline(request.deadline.as_ref(), now, furthest)?,
    };
    let most = app.limits.max_job_chars;
    let spec = resolve_and_steer(app, caller, wish, urgency, most, AudioFormat::Wav).await?;
    Ok(NewJob {
        id: None,
        patient: false,
        waits: None,
        spec: JobSpec::Speech(spec),
        tier: urgency.tier,
        deadline: urgency.deadline,
        trace,
        upload: None,
    })
}

async fn transcription_job(
    app: &App,
    caller: &Caller,
    request: &TranscriptionJobRequest,
    trace: Option<TraceContext>,
) -> Result<NewJob, ApiError> {
    let wish = TranscriptionWish {
        model: request.model.as_deref(),
        language: request.language.as_deref(),
        temperature: request.temperature,
        prompt: request.prompt.as_deref(),
        translate: false,
    };
    let checked = transcription::check(wish, &app.catalog_now(), app.limits.max_prompt_chars)?;
    let tier = urgency::tier(request.tier.as_deref(), Tier::Standard)?;
    let (now, furthest) = (app.clock.now(), app.limits.max_deadline);
    let deadline = urgency::deadline(request.deadline.as_ref(), now, furthest)?;
    let upload = upload::fetch(app, &caller.tenant, &request.file_id).await?;
    Ok(NewJob {
        id: None,
        patient: false,
        waits: None,
        spec: JobSpec::Transcription(checked.of(&upload.id)),
        tier,
        deadline,
        trace,
        upload: Some(upload),
    })
}

async fn form_job(
    app: &App,
    caller: &Caller,
    request: Request,
    trace: Option<TraceContext>,
) -> Result<(NewJob, RequestDigest), ApiError> {
    let (mut form, file, room) = audio_form(app, request, &FORM_FIELDS).await?;
    let digest = RequestDigest::of_form(form.fields(), &file);
    check_kind(form.take("kind").as_deref())?;
    let checked = checked_wish(app, &mut form, false)?;
    let tier = urgency::tier(form.take("tier").as_deref(), Tier::Standard)?;
    let deadline = form.take("deadline").map(Value::String);
    let (now, furthest) = (app.clock.now(), app.limits.max_deadline);
    let deadline = urgency::deadline(deadline.as_ref(), now, furthest)?;
    let upload = upload::probe(app, &caller.tenant, file, room).await?;
    let work = NewJob {
        id: None,
        patient: false,
        waits: None,
        spec: JobSpec::Transcription(checked.of(&upload.id)),
        tier,
        deadline,
        trace,
        upload: Some(upload),
    };
    Ok((work, digest))
}

fn check_kind(kind: Option<&str>) -> Result<(), Failure> {
    match kind {
        None | Some("transcription") => Ok(()),
        Some("speech") => {
            let message = "speech is asked for as application/json, not as a form";
            Err(Failure::of_field(
                ErrorCode::InvalidRequest,
                "kind",
                message,
            ))
        }
        Some(other) => Err(unknown_kind(other)),
    }
}

/// The fields of a form that say how to transcribe.
pub(crate) fn checked_wish(
    app: &App,
    form: &mut Form,
    translate: bool,
) -> Result<transcription::CheckedWish, Failure> {
    let (model, language) = (form.take("model"), form.take("language"));
    let prompt = form.take("prompt");
    let wish = TranscriptionWish {
        model: model.as_deref(),
        language: language.as_deref(),
        temperature: form.take_number("temperature")?,
        prompt: prompt.as_deref(),
        translate,
    };
    transcription::check(wish, &app.catalog_now(), app.limits.max_prompt_chars)
}
