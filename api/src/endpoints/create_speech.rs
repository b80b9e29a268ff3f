//! `POST /v1/audio/speech`: OpenAI's text to speech.

use std::{convert::Infallible, future::ready, io};

use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use utoipa::ToSchema;
use voicefleet_core::{AudioFormat, ErrorCode, Failure, Job, JobSpec, Tier};

use crate::{
    app::SharedApp,
    http::{
        body::{parse_json, read_json},
        errors::OpenAiError,
        tracing_context::trace_context,
    },
    problem::ApiError,
    results,
    schema::{AudioFormatName, Binary, TierName},
    speech::{
        SpeechWish, events,
        steering::{Urgency, resolve_and_steer},
    },
    streaming::{self, Begun, Sound},
    submit::NewJob,
    synchronous,
    tenancy::Caller,
    urgency,
};

/// Text to be spoken while the client waits.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SpeechRequest {
    /// A model of `GET /v1/models`, an engine's name, or one of OpenAI's: `tts-1` is Piper, `tts-1-hd`
    /// and `gpt-4o-mini-tts` are Kokoro; `auto` leaves the engine to the split.
    #[schema(example = "tts-1")]
    model: String,
    /// The text; at most 4096 characters unless configured otherwise.
    #[schema(example = "Tell us about yourself.")]
    input: String,
    /// A voice of `GET /v1/voices`, a mix such as `af_bella(2)+af_sky`, or one of OpenAI's voice names,
    /// which have counterparts on Kokoro and mean Piper's default voice on Piper.
    voice: VoiceField,
    /// The format of the audio.
    #[schema(value_type = Option<AudioFormatName>, default = "mp3")]
    response_format: Option<String>,
    /// Speaking rate, 0.25 to 4.
    #[schema(default = 1.0, minimum = 0.25, maximum = 4.0)]
    speed: Option<f64>,
    /// Accepted because clients send it; the voices here take no directions.
    #[expect(dead_code, reason = "accepted and without effect")]
    instructions: Option<String>,
    /// `audio`, or `sse` for OpenAI's `speech.audio.*` events.
    #[schema(default = "audio")]
    stream_format: Option<String>,
    /// Not OpenAI's: how urgent it is.
    #[schema(value_type = Option<TierName>, default = "realtime")]
    tier: Option<String>,
    /// Not OpenAI's: the engine, where the model's name leaves it open.
    engine: Option<String>,
}

impl SpeechRequest {
    /// What is to be spoken, and how.
    pub(crate) fn wish(&self) -> SpeechWish<'_> {
        SpeechWish {
            input: &self.input,
            engine: self.engine.as_deref(),
            model: Some(&self.model),
            voice: Some(self.voice.name()),
            speed: self.speed,
            format: self.response_format.as_deref(),
        }
    }

    /// The tier that was asked for.
    pub(crate) fn tier(&self) -> Option<&str> {
        self.tier.as_deref()
    }

    /// Whether the audio is to come as events.
    pub(crate) fn is_streamed(&self) -> Result<bool, Failure> {
        let delivery = delivery(self.stream_format.as_deref())?;
        Ok(matches!(delivery, Delivery::Events))
    }
}

/// A voice by name, or as an object with its `id`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum VoiceField {
    /// The name.
    Name(String),
    /// OpenAI's form for custom voices.
    Object {
        /// The name.
        id: String,
    },
}

impl VoiceField {
    fn name(&self) -> &str {
        match self {
            Self::Name(name) | Self::Object { id: name } => name,
        }
    }
}

/// Speak text
///
/// Takes what OpenAI's clients send. The answer begins when the first sentence is spoken, and goes on as the
/// others are; audio that is there already comes whole, with its `Content-Length`. If the first sentence
/// takes longer than 25 seconds (unless configured otherwise) the answer is 503 with `Retry-After`, and the
/// work goes on: the same request finds it again. So it does when a later sentence takes that long.
///
/// What goes wrong after the answer has begun breaks it off: bytes end without the last chunk of the body,
/// events end with one of type `error`, whose `error` is that of an error answer.
///
/// While it streams, WAV has `0xFFFFFFFF` for both of its sizes, FLAC leaves its length open, and MP3 has no
/// LAME header, so that players hear its padding of some 50 ms. The samples are those of the stored result.
///
/// A client that hangs up cancels its job, unless others wait for the same speech.
#[utoipa::path(post, path = "/v1/audio/speech", tag = "OpenAI",
    request_body = SpeechRequest,
    responses(
        (status = 200, description = "The audio.", content(
            (Binary = "audio/mpeg"), (Binary = "audio/wav"), (Binary = "audio/ogg"),
            (Binary = "audio/flac"), (Binary = "audio/pcm;rate=24000;channels=1"),
            (String = "text/event-stream"),
        )),
        (status = 400, description = "A field is not as documented; `param` names it.", body = OpenAiError),
        (status = 404, description = "There is no such model, or it is not installed.", body = OpenAiError),
        (status = 409, description = "The job was cancelled meanwhile.", body = OpenAiError),
        (status = 413, description = "Too many bytes.", body = OpenAiError),
        (status = 415, description = "Not JSON.", body = OpenAiError),
        (status = 429, description = "Too much work waits already; see `Retry-After`.", body = OpenAiError),
        (status = 500, description = "The engine failed on this text.", body = OpenAiError),
        (status = 503, description = "Not done yet, or a part does not answer; see `Retry-After`.", body = OpenAiError),
        (status = 504, description = "The engine took too long.", body = OpenAiError),
    )
)]
pub(crate) async fn create_speech(
    State(app): State<SharedApp>,
    caller: Caller,
    request: Request,
) -> Result<Response, ApiError> {
    let trace = trace_context(request.headers());
    let body = read_json(request, app.limits.max_json_bytes).await?;
    let request: SpeechRequest = parse_json(&body)?;
    let delivery = delivery(request.stream_format.as_deref())?;
    let wish = request.wish();
    let urgency = Urgency {
        tier: urgency::tier(request.tier(), Tier::Realtime)?,
        deadline: None,
    };
    let most = app.limits.max_sync_chars;
    let spec = resolve_and_steer(&app, &caller, wish, urgency, most, AudioFormat::Mp3).await?;
    let format = spec.format;
    let work = NewJob {
        id: None,
        patient: false,
        waits: None,
        spec: JobSpec::Speech(spec),
        tier: urgency.tier,
        deadline: urgency.deadline,
        trace,
        upload: None,
    };
    match streaming::begin(&app, &caller, work, format).await? {
        Begun::Whole(job) => {
            let audio = results::audio(&app, &job, format).await;
            let audio = audio.map_err(synchronous::evicted_meanwhile)?;
            Ok(delivery.response(&job, format, audio))
        }
        Begun::Underway(job, head, sound) => Ok(delivery.stream(&job, format, head, *sound)),
    }
}

/// How the audio is sent.
#[derive(Clone, Copy)]
enum Delivery {
    Bytes,
    Events,
}

fn delivery(format: Option<&str>) -> Result<Delivery, Failure> {
    match format {
        None | Some("audio") => Ok(Delivery::Bytes),
        Some("sse") => Ok(Delivery::Events),
        Some(other) => {
            let shown: String = other.chars().take(32).collect();
            let message = format!("unknown stream format '{shown}'; use audio or sse");
            Err(Failure::of_field(
                ErrorCode::UnknownFormat,
                "stream_format",
                message,
            ))
        }
    }
}

impl Delivery {
    fn content_type(self, format: AudioFormat) -> &'static str {
        match self {
            Self::Bytes => format.content_type(),
            Self::Events => "text/event-stream",
        }
    }

    /// An answer with all of the audio.
    fn response(self, job: &Job, format: AudioFormat, audio: Bytes) -> Response {
        let body = match self {
            Self::Bytes => Body::from(audio),
            Self::Events => Body::from(events::deltas(&audio) + &events::done()),
        };
        results::response(job, self.content_type(format), body)
    }

    /// An answer with the audio as it is made, after `head`. Where it breaks off, so do the bytes, in a way
    /// that HTTP clients notice; events end with one that says why.
    fn stream(self, job: &Job, format: AudioFormat, head: Bytes, sound: Sound) -> Response {
        let audio = sound.stream(head);
        let body = match self {
            Self::Bytes => {
                Body::from_stream(audio.map_err(|error| io::Error::other(error.failure)))
            }
            Self::Events => {
                let audio = audio.map(Some).chain(stream::once(ready(None)));
                let events = audio.scan(false, |is_broken, audio| {
                    ready(match audio {
                        Some(Ok(audio)) => Some(events::deltas(&audio)),
                        Some(Err(error)) => {
                            *is_broken = true;
                            Some(events::broken_off(&error))
                        }
                        None => (!*is_broken).then(events::done),
                    })
                });
                Body::from_stream(events.map(Ok::<_, Infallible>))
            }
        };
        results::unfinished_response(job, self.content_type(format), body)
    }
}
