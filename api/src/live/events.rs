//! What clients are told.

use serde::Serialize;
use utoipa::ToSchema;
use voicefleet_core::{AudioFormat, Tier};

use crate::{
    http::errors::kind_of,
    problem::{ApiError, status_of},
    schema::{AudioFormatName, TierName},
    transcription::formats::{TranscriptSegment, TranscriptWord},
};

/// What a client is told, as JSON in a text message. Binary messages are audio of the utterance that
/// `speech.started` came for last.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "type")]
pub(crate) enum LiveServerEvent {
    #[serde(rename = "session.started")]
    SessionStarted(SessionState),
    #[serde(rename = "session.updated")]
    SessionUpdated(SessionState),
    #[serde(rename = "speech.started")]
    SpeechStarted(SpeechStarted),
    #[serde(rename = "speech.sentence")]
    SpeechSentence(SpeechSentence),
    #[serde(rename = "speech.audio")]
    SpeechAudio(SpeechAudio),
    #[serde(rename = "speech.done")]
    SpeechDone(SpeechDone),
    #[serde(rename = "speech.cancelled")]
    SpeechCancelled(SpeechCancelled),
    #[serde(rename = "audio.started")]
    AudioStarted(AudioStarted),
    #[serde(rename = "audio.cancelled")]
    AudioCancelled(AudioCancelled),
    #[serde(rename = "transcript.delta")]
    TranscriptDelta(TranscriptDelta),
    #[serde(rename = "transcript")]
    Transcript(LiveTranscript),
    #[serde(rename = "error")]
    Error(LiveError),
    #[serde(rename = "pong")]
    Pong,
}

/// What holds in the session.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = LiveSessionState)]
pub(crate) struct SessionState {
    /// The session, as the server's log calls it.
    pub(super) session_id: String,
    /// The model or engine that was asked for.
    pub(super) model: Option<String>,
    /// The engine that was asked for.
    pub(super) engine: Option<String>,
    /// The voice that was asked for.
    pub(super) voice: Option<String>,
    /// Speaking rate.
    pub(super) speed: f64,
    /// How urgent everything is.
    #[schema(value_type = TierName)]
    pub(super) tier: Tier,
    /// The format of audio.
    #[schema(value_type = AudioFormatName)]
    pub(super) response_format: AudioFormat,
    /// Its media type.
    #[schema(example = "audio/pcm;rate=24000;channels=1")]
    pub(super) content_type: &'static str,
    /// `binary` or `base64`.
    #[schema(example = "binary")]
    pub(super) audio: &'static str,
    /// The session's bounds.
    pub(super) limits: SessionLimits,
}

/// Bounds of a session.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = LiveSessionLimits)]
pub(crate) struct SessionLimits {
    /// Largest message, bytes.
    pub(super) message_bytes: usize,
    /// Most utterances and recordings that have not ended.
    pub(super) outstanding: usize,
    /// Longest text of `speak`, characters.
    pub(super) input_chars: usize,
    /// Longest text that is appended to one utterance, characters.
    pub(super) appended_chars: usize,
    /// How long the session may be without a message and with nothing to do, seconds.
    pub(super) idle_seconds: u64,
}

/// The audio of an utterance begins.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LiveSpeechStarted, example = json!({"type": "speech.started", "id": "q2", "engine": "piper", "voice": "en_US-joe-medium"}))]
pub(crate) struct SpeechStarted {
    /// The utterance.
    pub(super) id: String,
    /// The engine that speaks.
    #[schema(example = "piper")]
    pub(super) engine: String,
    /// The voice that speaks.
    pub(super) voice: String,
}

/// The audio of a sentence begins; of the whole text where it was given as a whole.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LiveSpeechSentence, example = json!({"type": "speech.sentence", "id": "q2", "index": 0, "text": "Thank you.", "at_ms": 0, "job_id": "01935d2e-0000-7000-8000-000000000001"}))]
pub(crate) struct SpeechSentence {
    /// The utterance.
    pub(super) id: String,
    /// Which sentence of it, from 0.
    pub(super) index: usize,
    /// The text.
    pub(super) text: String,
    /// Where in the utterance's audio it begins, milliseconds.
    pub(super) at_ms: u64,
    /// The job that it is spoken by.
    pub(super) job_id: String,
}

/// The next of an utterance's audio, where the session has it in events.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LiveSpeechAudio, example = json!({"type": "speech.audio", "id": "q2", "audio": "AAAAAA=="}))]
pub(crate) struct SpeechAudio {
    /// The utterance.
    pub(super) id: String,
    /// The bytes, in base64.
    pub(super) audio: String,
}

/// All of an utterance's audio has been sent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LiveSpeechDone, example = json!({"type": "speech.done", "id": "q2", "audio_ms": 2350, "sentences": 2}))]
pub(crate) struct SpeechDone {
    /// The utterance.
    pub(super) id: String,
    /// Length of its audio, milliseconds.
    pub(super) audio_ms: u64,
    /// How many sentences were spoken one by one.
    pub(super) sentences: usize,
}

/// An utterance was stopped; nothing more comes of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LiveSpeechCancelled, example = json!({"type": "speech.cancelled", "id": "q2", "audio_ms": 1200}))]
pub(crate) struct SpeechCancelled {
    /// The utterance.
    pub(super) id: String,
    /// How much of its audio had been sent, milliseconds.
    pub(super) audio_ms: u64,
}

/// Binary messages are now of this recording.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LiveAudioStarted, example = json!({"type": "audio.started", "id": "a1"}))]
pub(crate) struct AudioStarted {
    /// The recording.
    pub(super) id: String,
}

/// A recording, or its transcription, was dropped.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LiveAudioCancelled, example = json!({"type": "audio.cancelled", "id": "a1"}))]
pub(crate) struct AudioCancelled {
    /// The recording.
    pub(super) id: String,
}

/// The next of a transcript's text.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LiveTranscriptDelta, example = json!({"type": "transcript.delta", "id": "a1", "delta": " And so"}))]
pub(crate) struct TranscriptDelta {
    /// The recording.
    pub(super) id: String,
    /// The text, with the blank before it.
    pub(super) delta: String,
}

/// What was heard in a recording.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LiveTranscript, example = json!({"type": "transcript", "id": "a1", "text": "And so.", "language": "en", "duration": 1.5, "job_id": "01935d2e-0000-7000-8000-000000000002"}))]
pub(crate) struct LiveTranscript {
    /// The recording.
    pub(super) id: String,
    /// All that was said.
    pub(super) text: String,
    /// ISO 639-1 code, given or detected.
    pub(super) language: String,
    /// Length of the audio, seconds.
    pub(super) duration: f64,
    /// If asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) words: Option<Vec<TranscriptWord>>,
    /// If asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) segments: Option<Vec<TranscriptSegment>>,
    /// The job that it was transcribed by.
    pub(super) job_id: String,
}

/// A message had no effect, or something that was begun has ended.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LiveError, example = json!({"type": "error", "id": "q3", "ended": true, "error": {"code": "rate_limited", "message": "more than 60 requests in this minute", "type": "rate_limit_error", "retry_after": 12}}))]
pub(crate) struct LiveError {
    /// The utterance or recording that it is about, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    /// Whether what has this id has ended by it. If not, what was refused is the message alone.
    pub(super) ended: bool,
    /// What is wrong.
    pub(super) error: LiveErrorBody,
}

/// The inside of a [`LiveError`].
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LiveErrorBody {
    /// Stable and machine-readable; the same as of HTTP's errors.
    #[schema(example = "rate_limited")]
    code: &'static str,
    /// What was wrong, for a person.
    message: String,
    /// `invalid_request_error`, `rate_limit_error` or `server_error`.
    #[schema(example = "rate_limit_error")]
    r#type: &'static str,
    /// The field at fault, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    param: Option<String>,
    /// After how many seconds trying again may help; absent where it will not.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    /// The job, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    job_id: Option<String>,
}

impl LiveServerEvent {
    pub(super) fn error(id: Option<String>, ended: bool, error: &ApiError) -> Self {
        let failure = &error.failure;
        let job = error.members.get("job_id").and_then(|id| id.as_str());
        Self::Error(LiveError {
            id,
            ended,
            error: LiveErrorBody {
                code: failure.code.name(),
                message: failure.message.clone(),
                r#type: kind_of(status_of(failure.code)),
                param: failure.field.clone(),
                retry_after: error.retry_after,
                job_id: job.map(str::to_owned),
            },
        })
    }
}
