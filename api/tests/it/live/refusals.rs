//! What is not understood is named, and the session goes on.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::client::Served;
use crate::support::Api;

/// A message, with the code of its refusal and the field that is at fault.
fn bad_messages() -> Vec<(Value, &'static str, Value)> {
    let speak = |more: Value| {
        let mut message = json!({"type": "speak", "id": "x", "input": "Hello."});
        let members = more.as_object().expect("an object").clone();
        message.as_object_mut().expect("an object").extend(members);
        message
    };
    let record = |more: Value| {
        let mut message = json!({"type": "audio.start", "id": "x"});
        let members = more.as_object().expect("an object").clone();
        message.as_object_mut().expect("an object").extend(members);
        message
    };
    let invalid = "invalid_request";
    vec![
        (json!([]), invalid, Value::Null),
        (json!({"id": "x"}), invalid, json!("type")),
        (json!({"type": "sing", "id": "x"}), invalid, json!("type")),
        (json!({"type": "session.start"}), invalid, json!("type")),
        (json!({"type": "speak", "id": "x"}), invalid, json!("input")),
        (json!({"type": "speak", "input": "x"}), invalid, json!("id")),
        (speak(json!({"id": ""})), invalid, json!("id")),
        (speak(json!({"id": "x".repeat(65)})), invalid, json!("id")),
        (speak(json!({"id": 7})), invalid, json!("id")),
        (speak(json!({"id": "taken"})), invalid, json!("id")),
        (speak(json!({"tone": "sad"})), invalid, json!("tone")),
        (speak(json!({"input": " "})), "empty_text", json!("input")),
        (
            speak(json!({"input": "?!"})),
            "unspeakable_text",
            json!("input"),
        ),
        (
            speak(json!({"input": "x".repeat(4_097)})),
            "text_too_long",
            json!("input"),
        ),
        (
            speak(json!({"voice": "nobody"})),
            "unknown_voice",
            json!("voice"),
        ),
        (
            speak(json!({"speed": 9})),
            "speed_out_of_range",
            json!("speed"),
        ),
        (speak(json!({"speed": "fast"})), invalid, json!("speed")),
        (
            json!({"type": "speak.append", "id": "taken", "text": "x"}),
            invalid,
            json!("id"),
        ),
        (
            json!({"type": "speak.append", "id": "x", "text": "x", "voice": "nobody"}),
            "unknown_voice",
            json!("voice"),
        ),
        (
            json!({"type": "speak.append", "id": "draft", "text": "x", "speed": 1}),
            invalid,
            json!("speed"),
        ),
        (
            json!({"type": "speak.end", "id": "nothing"}),
            invalid,
            json!("id"),
        ),
        (
            json!({"type": "speak.cancel", "id": "nothing"}),
            invalid,
            json!("id"),
        ),
        (
            json!({"type": "session.update", "voice": "nobody"}),
            "unknown_voice",
            json!("voice"),
        ),
        (
            json!({"type": "session.update", "engine": "cello"}),
            "unknown_engine",
            json!("engine"),
        ),
        (
            json!({"type": "session.update", "tier": "now"}),
            "unknown_tier",
            json!("tier"),
        ),
        (
            json!({"type": "session.update", "response_format": "mp3"}),
            invalid,
            json!("response_format"),
        ),
        (
            json!({"type": "audio.end", "id": "nothing"}),
            invalid,
            json!("id"),
        ),
        (record(json!({"id": "taken"})), invalid, json!("id")),
        (
            record(json!({"model": "nobody"})),
            "unknown_model",
            json!("model"),
        ),
        (
            record(json!({"model": "whisper-large"})),
            "model_not_installed",
            json!("model"),
        ),
        (
            record(json!({"language": "klingon"})),
            "unknown_language",
            json!("language"),
        ),
        (
            record(json!({"temperature": 3})),
            invalid,
            json!("temperature"),
        ),
        (
            record(json!({"format": "mulaw"})),
            "unknown_format",
            json!("format"),
        ),
        (
            record(json!({"format": "pcm16"})),
            invalid,
            json!("sample_rate"),
        ),
    ]
}

#[tokio::test]
async fn every_bad_message_is_named_and_the_session_goes_on() {
    let api = Api::new();
    let served = Served::start(&api).await;
    let mut session = served.session(json!({"model": "piper"})).await;
    session.speak("taken", "Hello.").await;
    session.append("draft", "Hello").await;
    for (message, code, field) in bad_messages() {
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
