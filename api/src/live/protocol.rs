//! What clients say.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use utoipa::ToSchema;
use voicefleet_core::{ErrorCode, Failure};

use crate::{
    http::body::parse_json,
    schema::{AudioFormatName, TierName},
};

/// Longest id of an utterance or a recording, characters.
const MAX_ID: usize = 64;

/// What a client may say, as JSON in a text message. Binary messages are the bytes of the recording that was
/// begun with `audio.start`.
#[derive(Debug, ToSchema)]
#[serde(untagged)]
#[schema(discriminator(property_name = "type", mapping(
    ("session.start" = "#/components/schemas/LiveSessionStart"),
    ("session.update" = "#/components/schemas/LiveSessionUpdate"),
    ("speak" = "#/components/schemas/LiveSpeak"),
    ("speak.append" = "#/components/schemas/LiveSpeakAppend"),
    ("speak.flush" = "#/components/schemas/LiveSpeakFlush"),
    ("speak.end" = "#/components/schemas/LiveSpeakEnd"),
    ("speak.cancel" = "#/components/schemas/LiveSpeakCancel"),
    ("audio.start" = "#/components/schemas/LiveAudioStart"),
    ("audio.end" = "#/components/schemas/LiveAudioEnd"),
    ("audio.cancel" = "#/components/schemas/LiveAudioCancel"),
    ("ping" = "#/components/schemas/LivePing"),
)))]
pub(crate) enum LiveClientMessage {
    SessionStart(SessionStart),
    SessionUpdate(SessionUpdate),
    Speak(Speak),
    SpeakAppend(SpeakAppend),
    SpeakFlush(SpeakFlush),
    SpeakEnd(SpeakEnd),
    SpeakCancel(SpeakCancel),
    AudioStart(AudioStart),
    AudioEnd(AudioEnd),
    AudioCancel(AudioCancel),
    #[expect(dead_code, reason = "it says all by being sent")]
    Ping(Ping),
}

/// Begins the session; the first message of every session. What is left out has its default.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LiveSessionStart, example = json!({"type": "session.start", "voice": "en_US-joe-medium"}))]
pub(crate) struct SessionStart {
    /// `session.start`.
    #[serde(rename = "type")]
    #[expect(dead_code, reason = "has been looked at before")]
    kind: String,
    /// A model that speaks, an engine's name, or one of OpenAI's names; `auto` leaves it to the split.
    pub(super) model: Option<String>,
    /// The engine, where the model leaves it open.
    pub(super) engine: Option<String>,
    /// The voice; the engine's default if left out.
    pub(super) voice: Option<String>,
    /// Speaking rate, 0.25 to 4.
    #[schema(default = 1.0, minimum = 0.25, maximum = 4.0)]
    pub(super) speed: Option<f64>,
    /// How urgent everything in the session is.
    #[schema(value_type = Option<TierName>, default = "realtime")]
    pub(super) tier: Option<String>,
    /// The format of all audio; each utterance is a file of its own.
    #[schema(value_type = Option<AudioFormatName>, default = "pcm")]
    pub(super) response_format: Option<String>,
    /// `binary`: audio comes in binary messages; `base64`: in `speech.audio` events.
    #[schema(default = "binary")]
    pub(super) audio: Option<String>,
}

/// Changes what holds for later utterances. What is left out stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LiveSessionUpdate, example = json!({"type": "session.update", "speed": 1.2}))]
pub(crate) struct SessionUpdate {
    /// `session.update`.
    #[serde(rename = "type")]
    #[expect(dead_code, reason = "has been looked at before")]
    kind: String,
    /// As in `session.start`.
    pub(super) model: Option<String>,
    /// As in `session.start`.
    pub(super) engine: Option<String>,
    /// As in `session.start`.
    pub(super) voice: Option<String>,
    /// As in `session.start`.
    #[schema(minimum = 0.25, maximum = 4.0)]
    pub(super) speed: Option<f64>,
    /// As in `session.start`.
    #[schema(value_type = Option<TierName>)]
    pub(super) tier: Option<String>,
}

/// A whole utterance.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LiveSpeak, example = json!({"type": "speak", "id": "q1", "input": "Tell us about yourself."}))]
pub(crate) struct Speak {
    /// `speak`.
    #[serde(rename = "type")]
    #[expect(dead_code, reason = "has been looked at before")]
    kind: String,
    /// Names the utterance; of nothing else that has not ended.
    #[schema(min_length = 1, max_length = 64)]
    pub(super) id: String,
    /// The text; at most 4096 characters unless configured otherwise.
    pub(super) input: String,
    /// Instead of the session's.
    pub(super) voice: Option<String>,
    /// Instead of the session's.
    #[schema(minimum = 0.25, maximum = 4.0)]
    pub(super) speed: Option<f64>,
}

/// A part of an utterance's text. Each sentence is spoken as soon as it is complete; the first part begins the
/// utterance.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LiveSpeakAppend, example = json!({"type": "speak.append", "id": "q2", "text": "Thank you. And "}))]
pub(crate) struct SpeakAppend {
    /// `speak.append`.
    #[serde(rename = "type")]
    #[expect(dead_code, reason = "has been looked at before")]
    kind: String,
    /// The utterance.
    #[schema(min_length = 1, max_length = 64)]
    pub(super) id: String,
    /// The text that follows; blanks at its ends count.
    pub(super) text: String,
    /// Instead of the session's; with the first part only.
    pub(super) voice: Option<String>,
    /// Instead of the session's; with the first part only.
    #[schema(minimum = 0.25, maximum = 4.0)]
    pub(super) speed: Option<f64>,
}

/// Has what was appended spoken now, as if it were a sentence.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LiveSpeakFlush, example = json!({"type": "speak.flush", "id": "q2"}))]
pub(crate) struct SpeakFlush {
    /// `speak.flush`.
    #[serde(rename = "type")]
    #[expect(dead_code, reason = "has been looked at before")]
    kind: String,
    /// The utterance.
    #[schema(min_length = 1, max_length = 64)]
    pub(super) id: String,
}

/// Nothing will be appended any more.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LiveSpeakEnd, example = json!({"type": "speak.end", "id": "q2"}))]
pub(crate) struct SpeakEnd {
    /// `speak.end`.
    #[serde(rename = "type")]
    #[expect(dead_code, reason = "has been looked at before")]
    kind: String,
    /// The utterance.
    #[schema(min_length = 1, max_length = 64)]
    pub(super) id: String,
}

/// Stops an utterance at once, or all of them.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LiveSpeakCancel, example = json!({"type": "speak.cancel"}))]
pub(crate) struct SpeakCancel {
    /// `speak.cancel`.
    #[serde(rename = "type")]
    #[expect(dead_code, reason = "has been looked at before")]
    kind: String,
    /// The utterance; all of them if left out.
    #[schema(min_length = 1, max_length = 64)]
    pub(super) id: Option<String>,
}

/// Begins a recording. Its bytes follow in binary messages.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LiveAudioStart, example = json!({"type": "audio.start", "id": "a1", "format": "pcm16", "sample_rate": 16000, "language": "en"}))]
pub(crate) struct AudioStart {
    /// `audio.start`.
    #[serde(rename = "type")]
    #[expect(dead_code, reason = "has been looked at before")]
    kind: String,
    /// Names the recording; of nothing else that has not ended.
    #[schema(min_length = 1, max_length = 64)]
    pub(super) id: String,
    /// `file`: one of the formats of uploads, which is found from the bytes; `pcm16`: 16 bit, little-endian,
    /// mono, without a header.
    #[schema(default = "file")]
    pub(super) format: Option<String>,
    /// With `pcm16`: samples per second.
    #[schema(minimum = 8000, maximum = 48000)]
    pub(super) sample_rate: Option<u32>,
    /// A model that transcribes; the first installed one if left out.
    pub(super) model: Option<String>,
    /// ISO 639-1 code; detected if left out.
    pub(super) language: Option<String>,
    /// Words or names to expect.
    pub(super) prompt: Option<String>,
    /// Sampling temperature, 0 to 1.
    #[schema(default = 0.0, minimum = 0.0, maximum = 1.0)]
    pub(super) temperature: Option<f32>,
    /// Whether the words come with their times.
    #[serde(default)]
    pub(super) words: bool,
    /// Whether the segments come with their times.
    #[serde(default)]
    pub(super) segments: bool,
    /// Whether `transcript.delta` precede the `transcript`.
    #[serde(default)]
    pub(super) stream: bool,
}

/// The recording is complete, and to be transcribed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LiveAudioEnd, example = json!({"type": "audio.end", "id": "a1"}))]
pub(crate) struct AudioEnd {
    /// `audio.end`.
    #[serde(rename = "type")]
    #[expect(dead_code, reason = "has been looked at before")]
    kind: String,
    /// The recording.
    #[schema(min_length = 1, max_length = 64)]
    pub(super) id: String,
}

/// Drops a recording, or its transcription.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LiveAudioCancel, example = json!({"type": "audio.cancel", "id": "a1"}))]
pub(crate) struct AudioCancel {
    /// `audio.cancel`.
    #[serde(rename = "type")]
    #[expect(dead_code, reason = "has been looked at before")]
    kind: String,
    /// The recording.
    #[schema(min_length = 1, max_length = 64)]
    pub(super) id: String,
}

/// Answered with `pong`. Keeps a session open that has nothing to say for long.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LivePing, example = json!({"type": "ping"}))]
pub(crate) struct Ping {
    /// `ping`.
    #[serde(rename = "type")]
    #[expect(dead_code, reason = "has been looked at before")]
    kind: String,
}

/// A message that is not understood, and what it was about if it says so.
#[derive(Debug)]
pub(super) struct Misunderstood {
    pub(super) id: Option<String>,
    pub(super) failure: Failure,
}

/// Reads a text message.
pub(super) fn read(text: &str) -> Result<LiveClientMessage, Misunderstood> {
    #[derive(Deserialize)]
    struct Tagged {
        r#type: Option<String>,
        id: Option<Value>,
    }
    let tagged: Tagged = parse(text, None)?;
    let id = match tagged.id {
        Some(Value::String(id)) => Some(checked(id)?),
        _ => None,
    };
    let Some(kind) = tagged.r#type else {
        let failure =
            Failure::of_field(ErrorCode::InvalidRequest, "type", "the message has no type");
        return Err(Misunderstood { id, failure });
    };
    let message = match kind.as_str() {
        "session.start" => LiveClientMessage::SessionStart(parse(text, id)?),
        "session.update" => LiveClientMessage::SessionUpdate(parse(text, id)?),
        "speak" => LiveClientMessage::Speak(parse(text, id)?),
        "speak.append" => LiveClientMessage::SpeakAppend(parse(text, id)?),
        "speak.flush" => LiveClientMessage::SpeakFlush(parse(text, id)?),
        "speak.end" => LiveClientMessage::SpeakEnd(parse(text, id)?),
        "speak.cancel" => LiveClientMessage::SpeakCancel(parse(text, id)?),
        "audio.start" => LiveClientMessage::AudioStart(parse(text, id)?),
        "audio.end" => LiveClientMessage::AudioEnd(parse(text, id)?),
        "audio.cancel" => LiveClientMessage::AudioCancel(parse(text, id)?),
        "ping" => LiveClientMessage::Ping(parse(text, id)?),
        other => {
            let failure = unknown_type(other);
            return Err(Misunderstood { id, failure });
        }
    };
    Ok(message)
}

fn parse<T: DeserializeOwned>(text: &str, id: Option<String>) -> Result<T, Misunderstood> {
    parse_json(text.as_bytes()).map_err(|failure| {
        let message = failure.message.replace("the JSON body", "the message");
        let failure = Failure { message, ..failure };
        Misunderstood { id, failure }
    })
}

fn checked(id: String) -> Result<String, Misunderstood> {
    let usable = (1..=MAX_ID).contains(&id.chars().count()) && !id.chars().any(char::is_control);
    if usable {
        return Ok(id);
    }
    let message = format!("an id has 1 to {MAX_ID} characters, none of them a control character");
    let failure = Failure::of_field(ErrorCode::InvalidRequest, "id", message);
    Err(Misunderstood { id: None, failure })
}

fn unknown_type(name: &str) -> Failure {
    let shown: String = name.chars().take(32).collect();
    let message = format!(
        "there is no message of type '{shown}'; use session.start, session.update, speak, speak.append, \
         speak.flush, speak.end, speak.cancel, audio.start, audio.end, audio.cancel or ping"
    );
    Failure::of_field(ErrorCode::InvalidRequest, "type", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field_of(text: &str) -> (Option<String>, Option<String>) {
        let misunderstood = read(text).expect_err(text);
        (misunderstood.id, misunderstood.failure.field)
    }

    fn named(id: &str, field: &str) -> (Option<String>, Option<String>) {
        let id = (!id.is_empty()).then(|| id.to_owned());
        (id, Some(field.to_owned()))
    }

    #[test]
    fn what_is_wrong_is_named_with_what_it_is_about() {
        assert_eq!(field_of(r#"{"type":"sing","id":"a"}"#), named("a", "type"));
        assert_eq!(field_of(r#"{"id":"a"}"#), named("a", "type"));
        assert_eq!(
            field_of(r#"{"type":"speak","id":"a"}"#),
            named("a", "input")
        );
        assert_eq!(field_of(r#"{"type":"speak","input":"a"}"#), named("", "id"));
        assert_eq!(
            field_of(r#"{"type":"speak","id":"a","input":"b","speed":"c"}"#),
            named("a", "speed")
        );
        assert_eq!(
            field_of(r#"{"type":"speak","id":7,"input":"b"}"#),
            named("", "id")
        );
        assert_eq!(field_of(r#"{"type":"ping","pong":1}"#), named("", "pong"));
        for id in ["", "a\\nb", &"x".repeat(65)] {
            let text = format!(r#"{{"type":"speak.end","id":"{id}"}}"#);
            assert_eq!(field_of(&text), named("", "id"), "{text}");
        }
        for text in ["", "[]", "null", "{", r#"{"type":"ping"} x"#] {
            let misunderstood = read(text).expect_err(text);
            assert_eq!(misunderstood.failure.code, ErrorCode::InvalidRequest);
        }
    }

    #[test]
    fn an_id_may_be_of_any_script() {
        let longest = "ü".repeat(64);
        let text = format!(r#"{{"type":"speak.end","id":"{longest}"}}"#);
        assert!(matches!(read(&text), Ok(LiveClientMessage::SpeakEnd(_))));
    }
}
