//! What is not understood is named, and the session goes on.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::client::Served;
use crate::support::Api;

/// A message, with the code of its refusal and the field that is at fault.
type Bad = (Value, &'static str, Value);

const INVALID: &str = "invalid_request";

/// A message of this type about `x`, with whatever else `more` says.
fn message(kind: &str, more: &Value) -> Value {
    let mut message = json!({"type": kind, "id": "x"});
    let members = more.as_object().expect("an object").clone();
    message.as_object_mut().expect("an object").extend(members);
    message
}

fn bad_shapes() -> Vec<Bad> {
    vec![
        (json!([]), INVALID, Value::Null),
        (json!({"id": "x"}), INVALID, json!("type")),
        (json!({"type": "sing", "id": "x"}), INVALID, json!("type")),
        (json!({"type": "session.start"}), INVALID, json!("type")),
        (json!({"type": "speak", "input": "x"}), INVALID, json!("id")),
        (message("speak", &json!({})), INVALID, json!("input")),
        (
            message("speak.end", &json!({"id": "nothing"})),
            INVALID,
            json!("id"),
        ),
        (
            message("speak.cancel", &json!({"id": "nothing"})),
            INVALID,
            json!("id"),
        ),
        (
            message("audio.end", &json!({"id": "nothing"})),
            INVALID,
            json!("id"),
        ),
    ]
}

fn bad_settings() -> Vec<Bad> {
    let update = |field: &str, value: &str, code: &'static str| {
        (
            json!({"type": "session.update", field: value}),
            code,
            json!(field),
        )
    };
    vec![
        update("voice", "nobody", "unknown_voice"),
        update("engine", "cello", "unknown_engine"),
        update("tier", "now", "unknown_tier"),
        update("response_format", "mp3", INVALID),
    ]
}

fn bad_utterances() -> Vec<Bad> {
    let speak = |field: &str, value: Value, code: &'static str| {
        let mut speak = message("speak", &json!({"input": "Hello."}));
        speak[field] = value;
        (speak, code, json!(field))
    };
    let append = |more: Value, code: &'static str, field: &str| {
        let mut append = message("speak.append", &more);
        append["text"] = json!("x");
        (append, code, json!(field))
    };
    vec![
        speak("id", json!(""), INVALID),
        speak("id", json!("x".repeat(65)), INVALID),
        speak("id", json!(7), INVALID),
        speak("id", json!("taken"), INVALID),
        speak("tone", json!("sad"), INVALID),
        speak("input", json!(" "), "empty_text"),
        speak("input", json!("?!"), "unspeakable_text"),
        speak("input", json!("x".repeat(4_097)), "text_too_long"),
        speak("voice", json!("nobody"), "unknown_voice"),
        speak("speed", json!(9), "speed_out_of_range"),
        speak("speed", json!("fast"), INVALID),
        append(json!({"id": "taken"}), INVALID, "id"),
        append(json!({"voice": "nobody"}), "unknown_voice", "voice"),
        append(json!({"id": "draft", "speed": 1}), INVALID, "speed"),
    ]
}

fn bad_recordings() -> Vec<Bad> {
    let record = |field: &str, value: Value, code: &'static str| {
        let mut record = message("audio.start", &json!({}));
        record[field] = value;
        (record, code, json!(field))
    };
    let rateless = message("audio.start", &json!({"format": "pcm16"}));
    vec![
        record("id", json!("taken"), INVALID),
        record("model", json!("nobody"), "unknown_model"),
        record("model", json!("whisper-large"), "model_not_installed"),
        record("language", json!("klingon"), "unknown_language"),
        record("temperature", json!(3), INVALID),
        record("format", json!("mulaw"), "unknown_format"),
        (rateless, INVALID, json!("sample_rate")),
    ]
}

#[tokio::test]
async fn every_bad_message_is_named_and_the_session_goes_on() {
    let api = Api::new();
    let served = Served::start(&api).await;
    let mut session = served.session(json!({"model": "piper"})).await;
    session.speak("taken", "Hello.").await;
    session.append("draft", "Hello").await;
    let shapes = bad_shapes().into_iter().chain(bad_settings());
    let turns = bad_utterances().into_iter().chain(bad_recordings());
    for (message, code, field) in shapes.chain(turns) {
        session.say(message.clone()).await;
        let (event, given) = session.refusal().await;
        assert_eq!(given, code, "{message}: {event}");
        assert_eq!(event["error"]["param"], field, "{message}: {event}");
        assert_eq!(event["ended"], false, "{message}");
        let about = message["id"]
            .as_str()
            .filter(|id| (1..=64).contains(&id.len()));
        assert_eq!(event["id"].as_str(), about, "{message}: {event}");
        session.settle().await;
    }
    let _worker = api.worker();
    session.utterance("taken").await;
}

#[tokio::test]
async fn a_session_begins_with_its_settings() {
    let api = Api::new();
    let served = Served::start(&api).await;
    let mut session = served.open().await;
    session.speak("a", "Hello.").await;
    let (event, _) = session.refusal().await;
    assert_eq!(
        (&event["id"], &event["error"]["param"]),
        (&json!("a"), &json!("type"))
    );
    for (more, code, field) in [
        (json!({"voice": "nobody"}), "unknown_voice", "voice"),
        (json!({"model": "cello"}), "unknown_model", "model"),
        (json!({"model": "whisper-base"}), "unknown_model", "model"),
        (
            json!({"response_format": "aac"}),
            "unknown_format",
            "response_format",
        ),
        (json!({"audio": "pigeon"}), "unknown_format", "audio"),
        (json!({"tier": "now"}), "unknown_tier", "tier"),
        (json!({"speed": 0}), "speed_out_of_range", "speed"),
    ] {
        let mut start = json!({"type": "session.start"});
        let members = more.as_object().expect("an object").clone();
        start.as_object_mut().expect("an object").extend(members);
        session.say(start).await;
        let (event, given) = session.refusal().await;
        assert_eq!(
            (given.as_str(), &event["error"]["param"]),
            (code, &json!(field))
        );
    }
    session.start(json!({})).await;
}

#[tokio::test]
async fn too_many_in_a_row_end_the_session() {
    let api = Api::new();
    let served = Served::start(&api).await;
    let mut session = served.session(json!({})).await;
    for _ in 0..3 {
        for _ in 0..9 {
            session.send(Message::text("nonsense")).await;
            session.event("error").await;
        }
        session.say(json!({"type": "ping"})).await;
        session.event("pong").await;
    }
    for _ in 0..10 {
        session.send(Message::binary(vec![1, 2, 3])).await;
        session.event("error").await;
    }
    assert_eq!(session.closed().await, 1008);
}
