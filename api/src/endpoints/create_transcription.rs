//! `POST /v1/audio/transcriptions`: OpenAI's speech to text.

use axum::{
    extract::{Request, State},
    response::Response,
};
use utoipa::ToSchema;
use voicefleet_core::{ErrorCode, Failure, JobSpec, Tier, TraceContext, TranscriptionSpec};

use crate::{
    app::SharedApp,
    http::{
        errors::OpenAiError,
        form::{Form, audio_form},
        tracing_context::trace_context,
    },
    job_request::checked_wish,
    problem::ApiError,
    results,
    schema::{Binary, TierName, TranscriptFormatName},
    submit::NewJob,
    synchronous,
    tenancy::Caller,
    transcription::{
        events,
        formats::{
            Granularity, Listened, OpenAiTranscription, OpenAiVerboseTranscription,
            TranscriptFormat, render,
        },
        upload::{self, Upload},
    },
    urgency,
};

/// Audio to be transcribed while the client waits.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the form, which is read field by field")]
pub(crate) struct TranscriptionForm {
    /// The audio: wav, mp3, ogg, opus, flac, m4a or webm.
    file: Binary,
    /// A model of `GET /v1/models`. `whisper-1`, `gpt-transcribe`, `gpt-4o-transcribe` and
    /// `gpt-4o-mini-transcribe` mean the first installed one.
    #[schema(example = "whisper-1")]
    model: String,
    /// ISO 639-1 code; detected if left out.
    language: Option<String>,
    /// Words or names to expect.
    prompt: Option<String>,
    /// The format of the transcript.
    #[schema(value_type = Option<TranscriptFormatName>, default = "json")]
    response_format: Option<String>,
    /// Sampling temperature, 0 to 1.
    temperature: Option<f32>,
    /// `segment` (the default), `word` or both; with `verbose_json` only.
    #[schema(rename = "timestamp_granularities[]")]
    timestamp_granularities: Option<Vec<String>>,
    /// Whether the transcript comes as OpenAI's `transcript.text.*` events, once it is there; with `json` or `text` only.
    stream: Option<bool>,
    /// Only `auto`: the audio is always cut at silences.
    chunking_strategy: Option<String>,
    /// Not OpenAI's: how urgent it is; `realtime` if left out.
    #[schema(value_type = Option<TierName>)]
    tier: Option<String>,
}

/// What `application/json` holds, depending on `response_format`.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes the answer, which is written as text")]
pub(crate) enum JsonTranscription {
    Json(OpenAiTranscription),
    VerboseJson(OpenAiVerboseTranscription),
}

const GRANULARITIES: &str = "timestamp_granularities[]";

/// Fields of the form beside `file`.
const FIELDS: [&str; 9] = [
    "model",
    "language",
    "prompt",
    "response_format",
    "temperature",
    GRANULARITIES,
    "stream",
    "chunking_strategy",
    "tier",
];

/// Transcribe audio
///
/// Takes what OpenAI's clients send. Waits for the transcript; if that takes longer than 25 seconds
/// (unless configured otherwise) the answer is 503 with `Retry-After`, and the work goes on: the same
/// request finds it again.
#[utoipa::path(post, path = "/v1/audio/transcriptions", tag = "OpenAI",
    request_body(content = TranscriptionForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "The transcript.", content(
            (JsonTranscription = "application/json"),
            (String = "text/plain"), (String = "application/x-subrip"), (String = "text/vtt"),
            (String = "text/event-stream"),
        )),
        (status = 400, description = "A field is not as documented, or the audio is empty, truncated or silent.", body = OpenAiError),
        (status = 404, description = "There is no such model, or it is not installed.", body = OpenAiError),
        (status = 409, description = "The job was cancelled meanwhile.", body = OpenAiError),
        (status = 413, description = "Too many bytes, or too many seconds of audio.", body = OpenAiError),
        (status = 415, description = "Not a form, or not audio.", body = OpenAiError),
        (status = 429, description = "Too much work waits already; see `Retry-After`.", body = OpenAiError),
        (status = 500, description = "The engine failed on this audio.", body = OpenAiError),
        (status = 503, description = "Not done yet, or a part does not answer; see `Retry-After`.", body = OpenAiError),
        (status = 504, description = "The engine took too long.", body = OpenAiError),
    )
)]
pub(crate) async fn create_transcription(
    State(app): State<SharedApp>,
    caller: Caller,
    request: Request,
) -> Result<Response, ApiError> {
    let trace = trace_context(request.headers());
    let (mut form, file, room) = audio_form(&app, request, &FIELDS).await?;
    let delivery = delivery(DeliveryWish {
        stream: form.take("stream"),
        chunking_strategy: form.take("chunking_strategy"),
        response_format: form.take("response_format"),
        granularities: form.take_all(GRANULARITIES),
    })?;
    require(&form, "model")?;
    let checked = checked_wish(&app, &mut form, false)?;
    let tier = urgency::tier(form.take("tier").as_deref(), Tier::Realtime)?;
    let upload = upload::probe(&app, &caller.tenant, file, room).await?;
    let asked = Asked {
        spec: checked.of(&upload.id),
        upload,
        tier,
        trace,
    };
    listen(&app, &caller, asked, &delivery).await
}

/// Audio with what is to be made of it.
pub(crate) struct Asked {
    pub(crate) spec: TranscriptionSpec,
    pub(crate) upload: Upload,
    pub(crate) tier: Tier,
    pub(crate) trace: Option<TraceContext>,
}

/// Has it done, and answers with the transcript.
pub(crate) async fn listen(
    app: &SharedApp,
    caller: &Caller,
    asked: Asked,
    delivery: &Delivery,
) -> Result<Response, ApiError> {
    let listened = Listened::from(&asked.spec);
    let work = NewJob {
        id: None,
        patient: false,
        waits: None,
        spec: JobSpec::Transcription(asked.spec),
        tier: asked.tier,
        deadline: None,
        trace: asked.trace,
        upload: Some(asked.upload),
    };
    let job = synchronous::done(app, caller, work).await?;
    let transcript = results::transcript(app, &job).await;
    let transcript = transcript.map_err(synchronous::evicted_meanwhile)?;
    if delivery.streamed {
        let events = events::of_transcript(&transcript);
        return Ok(results::response(&job, "text/event-stream", events));
    }
    let (format, granularity) = (delivery.format, delivery.granularity);
    let rendered = render(&transcript, format, granularity, listened)
        .map_err(|error| ApiError::internal(&error.to_string()))?;
    Ok(results::response(
        &job,
        rendered.content_type,
        rendered.body,
    ))
}

/// How a client wants the transcript to be delivered.
pub(crate) struct DeliveryWish {
    pub(crate) stream: Option<String>,
    pub(crate) chunking_strategy: Option<String>,
    pub(crate) response_format: Option<String>,
    pub(crate) granularities: Vec<String>,
}

/// How the transcript is to be delivered.
pub(crate) struct Delivery {
    pub(crate) format: TranscriptFormat,
    pub(crate) granularity: Granularity,
    /// As events.
    pub(crate) streamed: bool,
}

pub(crate) fn delivery(wish: DeliveryWish) -> Result<Delivery, Failure> {
    let streamed = matches!(wish.stream.as_deref(), Some("true" | "True"));
    refuse_other(wish.stream, "stream", &["false", "False", "true", "True"])?;
    refuse_other(wish.chunking_strategy, "chunking_strategy", &["auto"])?;
    let format = wish.response_format;
    let format = format.as_deref().unwrap_or("json").parse();
    let format = format.map_err(|failure: Failure| Failure {
        field: Some("response_format".to_owned()),
        ..failure
    })?;
    if streamed && !matches!(format, TranscriptFormat::Json | TranscriptFormat::Text) {
        let message =
            "events have no other format; leave response_format out, or send json or text";
        let field = "response_format";
        return Err(Failure::of_field(ErrorCode::InvalidRequest, field, message));
    }
    Ok(Delivery {
        streamed,
        format,
        granularity: granularity(&wish.granularities, format)?,
    })
}

fn granularity(wanted: &[String], format: TranscriptFormat) -> Result<Granularity, Failure> {
    let refuse =
        |message: String| Failure::of_field(ErrorCode::InvalidRequest, GRANULARITIES, message);
    if let Some(unknown) = wanted
        .iter()
        .find(|name| *name != "word" && *name != "segment")
    {
        let shown: String = unknown.chars().take(32).collect();
        return Err(refuse(format!(
            "there is no granularity '{shown}'; use word or segment"
        )));
    }
    if !wanted.is_empty() && format != TranscriptFormat::VerboseJson {
        return Err(refuse("needs response_format verbose_json".to_owned()));
    }
    let words = wanted.iter().any(|name| name == "word");
    Ok(Granularity {
        words,
        segments: !words || wanted.iter().any(|name| name == "segment"),
    })
}

/// Refuses what would otherwise be ignored silently.
fn refuse_other(given: Option<String>, field: &str, accepted: &[&str]) -> Result<(), Failure> {
    match given {
        Some(given) if !accepted.contains(&given.as_str()) => {
            let shown: String = given.chars().take(32).collect();
            let message = format!(
                "'{shown}' is not offered; leave it out or send {}",
                accepted[0]
            );
            Err(Failure::of_field(ErrorCode::InvalidRequest, field, message))
        }
        _ => Ok(()),
    }
}

pub(crate) fn require(form: &Form, field: &str) -> Result<(), Failure> {
    if form.has(field) {
        return Ok(());
    }
    let message = format!("the form has no field '{field}'");
    Err(Failure::of_field(ErrorCode::InvalidRequest, field, message))
}
