//! `POST /v1/audio/translations`: OpenAI's speech in any language to text in English.

use axum::{
    extract::{Request, State},
    response::Response,
};
use utoipa::ToSchema;
use voicefleet_core::Tier;

use super::create_transcription::{
    Asked, DeliveryWish, JsonTranscription, delivery, listen, require,
};
use crate::{
    app::SharedApp,
    http::{errors::OpenAiError, form::audio_form, tracing_context::trace_context},
    job_request::checked_wish,
    problem::ApiError,
    schema::{Binary, TierName, TranscriptFormatName},
    tenancy::Caller,
    transcription::upload,
    urgency,
};

/// Audio to be translated while the client waits.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the form, which is read field by field")]
pub(crate) struct TranslationForm {
    /// The audio: wav, mp3, ogg, opus, flac, m4a or webm.
    file: Binary,
    /// A model of `GET /v1/models` that understands several languages, or `whisper-1`.
    #[schema(example = "whisper-1")]
    model: String,
    /// English words or names to expect.
    prompt: Option<String>,
    /// The format of the transcript.
    #[schema(value_type = Option<TranscriptFormatName>, default = "json")]
    response_format: Option<String>,
    /// Sampling temperature, 0 to 1.
    temperature: Option<f32>,
    /// Not OpenAI's: how urgent it is; `realtime` if left out.
    #[schema(value_type = Option<TierName>)]
    tier: Option<String>,
}

/// Fields of the form beside `file`.
const FIELDS: [&str; 5] = ["model", "prompt", "response_format", "temperature", "tier"];

/// Translate audio into English
///
/// As transcriptions, but what is said in another language is written down in English, as well as the
/// model can.
#[utoipa::path(post, path = "/v1/audio/translations", tag = "OpenAI",
    request_body(content = TranslationForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "The translation.", content(
            (JsonTranscription = "application/json"),
            (String = "text/plain"), (String = "application/x-subrip"), (String = "text/vtt"),
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
pub(crate) async fn create_translation(
    State(app): State<SharedApp>,
    caller: Caller,
    request: Request,
) -> Result<Response, ApiError> {
    let trace = trace_context(request.headers());
    let (mut form, file, room) = audio_form(&app, request, &FIELDS).await?;
    let delivery = delivery(DeliveryWish {
        stream: None,
        chunking_strategy: None,
        response_format: form.take("response_format"),
        granularities: Vec::new(),
    })?;
    require(&form, "model")?;
    let checked = checked_wish(&app, &mut form, true)?;
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
