//! Speech and transcripts while the caller waits, as OpenAI's API has them.

use bytes::Bytes;
use reqwest::Method;
use serde::Serialize;

use crate::{
    AudioFormat, Client, ClientError, Download, Tier, Transcription, Upload, VerboseTranscription,
    call::{Call, header},
    error::Repeat,
    open::{open_enum, optional},
    upload::Form,
};

/// A voice that leaves the engine open: every engine has a counterpart of it.
const ANY_VOICE: &str = "alloy";

open_enum! {
    /// A format of transcripts.
    TranscriptFormat {
        /// The text in a JSON object.
        Json = "json",
        /// The text alone.
        Text = "text",
        /// Subtitles as SRT.
        Srt = "srt",
        /// With segments and words, as OpenAI has them.
        VerboseJson = "verbose_json",
        /// Subtitles as `WebVTT`.
        Vtt = "vtt",
    }
}

open_enum! {
    /// What [`VerboseTranscription`] holds besides the text.
    Granularity {
        /// Segments.
        Segment = "segment",
        /// Words.
        Word = "word",
    }
}

/// Text to be spoken while the caller waits. Asking twice computes once.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SpeechRequest {
    model: String,
    voice: String,
    input: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    engine: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<AudioFormat>,
    #[serde(skip_serializing_if = "Option::is_none")]
    speed: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tier: Option<Tier>,
}

impl SpeechRequest {
    /// `input` spoken by the engine whose turn it is, as MP3, in the tier `realtime`.
    pub fn new(input: impl Into<String>) -> Self {
        Self {
            model: "auto".to_owned(),
            voice: ANY_VOICE.to_owned(),
            input: input.into(),
            engine: None,
            response_format: None,
            speed: None,
            tier: None,
        }
    }

    /// A model of [`Client::models`], an engine's name, one of OpenAI's (`tts-1`, `tts-1-hd`), or `auto`.
    #[must_use]
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.model = model.into();
        self
    }

    /// A voice of [`Client::voices`], a mix such as `af_bella(2)+af_sky`, or one of OpenAI's voice names.
    #[must_use]
    pub fn voice(mut self, voice: impl Into<String>) -> Self {
        self.voice = voice.into();
        self
    }

    optional! {
        /// The engine, where the model leaves it open; or `auto`.
        engine: String,
        /// The format.
        response_format: AudioFormat,
        /// Speaking rate, 0.25 to 4.
        speed: f64,
        /// How urgent it is.
        tier: Tier,
    }
}

/// Speech, whole.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Speech {
    /// The file.
    pub bytes: Bytes,
    /// Its media type, such as `audio/wav`.
    pub content_type: Option<String>,
    /// The job that it comes from.
    pub job_id: Option<String>,
}

impl std::fmt::Debug for Speech {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Speech")
            .field("bytes", &self.bytes.len())
            .field("content_type", &self.content_type)
            .field("job_id", &self.job_id)
            .finish()
    }
}

/// A recording to be transcribed, or translated into English, while the caller waits. Asking twice computes once.
#[derive(Clone, Debug)]
pub struct TranscriptionRequest {
    recording: Upload,
    model: String,
    language: Option<String>,
    prompt: Option<String>,
    temperature: Option<f32>,
    tier: Option<Tier>,
}

impl TranscriptionRequest {
    /// By the first Whisper model that is installed.
    pub fn new(recording: Upload) -> Self {
        Self {
            recording,
            model: "whisper-1".to_owned(),
            language: None,
            prompt: None,
            temperature: None,
            tier: None,
        }
    }

    /// A model of [`Client::models`], or `whisper-1`.
    #[must_use]
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.model = model.into();
        self
    }

    optional! {
        /// ISO 639-1 code of what is spoken; detected unless set. Not for translations.
        language: String,
        /// Words or names to expect.
        prompt: String,
        /// Sampling temperature, 0 to 1.
        temperature: f32,
        /// How urgent it is; `realtime` unless set.
        tier: Tier,
    }

    fn form(&self, format: &TranscriptFormat) -> Form {
        Form::new(self.recording.clone())
            .field("model", Some(&self.model))
            .field("language", self.language.as_ref())
            .field("prompt", self.prompt.as_ref())
            .field("temperature", self.temperature)
            .field("tier", self.tier.as_ref())
            .field("response_format", Some(format))
    }
}

impl Client {
    /// Speaks, and gives the whole. An answer that breaks off is asked for again.
    pub async fn speak(&self, request: &SpeechRequest) -> Result<Speech, ClientError> {
        let whole = self.speech(request).transfer().whole().await?;
        let text = |name| header(&whole.headers, name).map(str::to_owned);
        Ok(Speech {
            content_type: text("content-type"),
            job_id: text("x-voicefleet-job-id"),
            bytes: whole.bytes,
        })
    }

    /// Speaks, and gives the first sentence while the next is being spoken. Whoever drops the stream stops the work,
    /// unless others wait for the same.
    pub async fn speak_streaming(&self, request: &SpeechRequest) -> Result<Download, ClientError> {
        self.speech(request).download().await
    }

    fn speech(&self, request: &SpeechRequest) -> Call<'_> {
        self.call(Method::POST, ["v1", "audio", "speech"])
            .repeat(Repeat::Safely)
            .with_json(request)
    }

    /// Transcribes: the text.
    pub async fn transcribe(
        &self,
        request: &TranscriptionRequest,
    ) -> Result<Transcription, ClientError> {
        self.listen("transcriptions", request.form(&TranscriptFormat::Json))
            .json()
            .await
    }

    /// Transcribes: the text with its segments, words, or both.
    pub async fn transcribe_verbose(
        &self,
        request: &TranscriptionRequest,
        granularities: &[Granularity],
    ) -> Result<VerboseTranscription, ClientError> {
        let form = request.form(&TranscriptFormat::VerboseJson);
        let form = granularities.iter().fold(form, |form, granularity| {
            form.field("timestamp_granularities[]", Some(granularity))
        });
        self.listen("transcriptions", form).json().await
    }

    /// Transcribes, in any format: what a file of it would hold.
    pub async fn transcribe_as(
        &self,
        request: &TranscriptionRequest,
        format: TranscriptFormat,
    ) -> Result<String, ClientError> {
        self.listen("transcriptions", request.form(&format))
            .text()
            .await
    }

    /// Writes down in English what is said in another language.
    pub async fn translate(
        &self,
        request: &TranscriptionRequest,
    ) -> Result<Transcription, ClientError> {
        self.listen("translations", request.form(&TranscriptFormat::Json))
            .json()
            .await
    }

    /// The same with its segments.
    pub async fn translate_verbose(
        &self,
        request: &TranscriptionRequest,
    ) -> Result<VerboseTranscription, ClientError> {
        self.listen("translations", request.form(&TranscriptFormat::VerboseJson))
            .json()
            .await
    }

    /// The same in any format: what a file of it would hold.
    pub async fn translate_as(
        &self,
        request: &TranscriptionRequest,
        format: TranscriptFormat,
    ) -> Result<String, ClientError> {
        self.listen("translations", request.form(&format))
            .text()
            .await
    }

    fn listen(&self, endpoint: &str, form: Form) -> Call<'_> {
        self.call(Method::POST, ["v1", "audio", endpoint])
            .repeat(Repeat::Safely)
            .with_form(form)
    }
}
