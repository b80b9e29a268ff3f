//! Work to be submitted.

use std::{fmt, time::Duration};

use serde::{Serialize, Serializer};

use crate::{AudioFormat, ClientError, Tier, Upload, open::optional, upload::Form};

/// When a result is of no use any more: at most seven days away.
#[derive(Clone, Debug, PartialEq)]
pub enum Deadline {
    /// So long after the server has got the request.
    In(Duration),
    /// A moment, RFC 3339.
    At(String),
}

impl From<Duration> for Deadline {
    fn from(duration: Duration) -> Self {
        Self::In(duration)
    }
}

impl fmt::Display for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::In(duration) => write!(f, "{}", duration.as_secs_f64()),
            Self::At(moment) => f.write_str(moment),
        }
    }
}

impl Serialize for Deadline {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::In(duration) => serializer.serialize_f64(duration.as_secs_f64()),
            Self::At(moment) => serializer.serialize_str(moment),
        }
    }
}

/// A key that makes a request that is repeated within 24 hours, also by another process, the same job.
///
/// Without one, each call makes its own, so that its attempts are one job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// # Errors
    /// Unless it is 1 to 255 visible ASCII characters.
    pub fn new(key: impl Into<String>) -> Result<Self, ClientError> {
        let key = key.into();
        let is_sendable = key.bytes().all(|byte| byte.is_ascii_graphic());
        if is_sendable && (1..=255).contains(&key.len()) {
            return Ok(Self(key));
        }
        let message = "an Idempotency-Key is 1 to 255 visible ASCII characters";
        Err(ClientError::InvalidArgument(message.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Text to be spoken as a job.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename = "speech")]
pub struct SpeechJob {
    input: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    engine: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    voice: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tier: Option<Tier>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<AudioFormat>,
    #[serde(skip_serializing_if = "Option::is_none")]
    speed: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline: Option<Deadline>,
    #[serde(skip)]
    pub(crate) idempotency_key: Option<IdempotencyKey>,
}

impl SpeechJob {
    /// `input` spoken by the default voice of the engine whose turn it is, as WAV, in the tier `standard`.
    pub fn new(input: impl Into<String>) -> Self {
        Self {
            input: input.into(),
            engine: None,
            voice: None,
            tier: None,
            response_format: None,
            speed: None,
            deadline: None,
            idempotency_key: None,
        }
    }

    optional! {
        /// The engine, or `auto`.
        engine: String,
        /// A voice, a mix such as `af_bella(2)+af_sky`, or one of OpenAI's voice names.
        voice: String,
        /// How urgent it is.
        tier: Tier,
        /// The format that [`Client::result`](crate::Client::result) gives.
        response_format: AudioFormat,
        /// Speaking rate, 0.25 to 4.
        speed: f64,
        /// When it is of no use any more.
        deadline: Deadline,
        /// Makes repeated calls the same job.
        idempotency_key: IdempotencyKey,
    }
}

/// A recording to be transcribed as a job.
#[derive(Clone, Debug)]
pub struct TranscriptionJob {
    source: RecordingSource,
    model: Option<String>,
    language: Option<String>,
    prompt: Option<String>,
    temperature: Option<f32>,
    tier: Option<Tier>,
    deadline: Option<Deadline>,
    pub(crate) idempotency_key: Option<IdempotencyKey>,
}

#[derive(Clone, Debug)]
enum RecordingSource {
    Upload(Upload),
    File(String),
}

/// A job about a file that is there already, as JSON.
#[derive(Serialize)]
pub(crate) struct FileJob<'a> {
    kind: &'static str,
    file_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tier: Option<&'a Tier>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline: Option<&'a Deadline>,
}

/// How a transcription job travels.
pub(crate) enum TranscriptionBody<'a> {
    Json(FileJob<'a>),
    Form(Form),
}

impl TranscriptionJob {
    /// Of audio that is sent along, in the tier `standard`.
    pub fn new(recording: Upload) -> Self {
        Self::from_source(RecordingSource::Upload(recording))
    }

    /// Of a file that was uploaded before, see [`Client::upload_audio`](crate::Client::upload_audio).
    pub fn of_file(file_id: impl Into<String>) -> Self {
        Self::from_source(RecordingSource::File(file_id.into()))
    }

    fn from_source(source: RecordingSource) -> Self {
        Self {
            source,
            model: None,
            language: None,
            prompt: None,
            temperature: None,
            tier: None,
            deadline: None,
            idempotency_key: None,
        }
    }

    optional! {
        /// The model; the first that is installed unless set.
        model: String,
        /// ISO 639-1 code; detected unless set.
        language: String,
        /// Words or names to expect.
        prompt: String,
        /// Sampling temperature, 0 to 1.
        temperature: f32,
        /// How urgent it is.
        tier: Tier,
        /// When it is of no use any more.
        deadline: Deadline,
        /// Makes repeated calls the same job.
        idempotency_key: IdempotencyKey,
    }

    pub(crate) fn body(&self) -> TranscriptionBody<'_> {
        match &self.source {
            RecordingSource::Upload(upload) => {
                let form = Form::new(upload.clone())
                    .field("kind", Some("transcription"))
                    .field("model", self.model.as_ref())
                    .field("language", self.language.as_ref())
                    .field("prompt", self.prompt.as_ref())
                    .field("temperature", self.temperature)
                    .field("tier", self.tier.as_ref())
                    .field("deadline", self.deadline.as_ref());
                TranscriptionBody::Form(form)
            }
            RecordingSource::File(file_id) => TranscriptionBody::Json(FileJob {
                kind: "transcription",
                file_id,
                model: self.model.as_deref(),
                language: self.language.as_deref(),
                prompt: self.prompt.as_deref(),
                temperature: self.temperature,
                tier: self.tier.as_ref(),
                deadline: self.deadline.as_ref(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_left_out_is_left_to_the_server() {
        let bare = serde_json::to_value(SpeechJob::new("Hello.")).expect("JSON");
        assert_eq!(bare, json!({"kind": "speech", "input": "Hello."}));
        let full = SpeechJob::new("Hello.")
            .tier(Tier::Batch)
            .deadline(Duration::from_secs(90));
        let full = serde_json::to_value(full).expect("JSON");
        assert_eq!(
            (&full["tier"], &full["deadline"]),
            (&json!("batch"), &json!(90.0))
        );
    }

    #[test]
    fn a_key_that_could_not_be_sent_is_refused() {
        for key in ["", "two words", "Schlüssel", &"x".repeat(256)] {
            assert!(IdempotencyKey::new(key).is_err(), "{key}");
        }
        assert!(IdempotencyKey::new("exam-7/question-3").is_ok());
    }
}
