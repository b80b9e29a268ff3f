//! What a session may hold, and how many there may be.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use voicefleet_api::ApiLimits;

use super::client::{Heard, Served, types};
use crate::support::{Api, catalog, limits};

/// Sentences whose audio is more than all sockets in between hold: 200 times 66 KB.
const SENTENCES: usize = 200;

#[tokio::test]
async fn a_client_that_does_not_read_stops_the_making() {
    let api = Api::new();
    let (served, _worker) = (Served::start(&api).await, api.worker());
    let start = json!({"model": "piper", "response_format": "wav"});
    let mut session = served.narrow_session(start).await;
    for number in 0..SENTENCES {
        session.append("a", &format!("Number {number}. ")).await;
    }
    session.say(json!({"type": "speak.end", "id": "a"})).await;
    // As long as other work, which takes the same way, goes on and this does not.
    let mut others = 0;
    let mut made = 0;
    loop {
        for _ in 0..20 {
            others += 1;
            let text = format!("Other {others}.");
            let body = json!({"model": "piper", "input": text, "voice": "alloy"});
            api.post("/v1/audio/speech", &body).await.expect(200);
        }
        let now = api.records.all().len() - others;
        if now == made && now > 0 {
            break;
        }
        made = now;
    }
    assert!(
        made < SENTENCES,
        "all {made} sentences were made for nobody"
    );
    let (_, events) = session.utterance("a").await;
    let done = events.last().expect("an end");
    assert_eq!(
        (&done["type"], &done["sentences"]),
        (&json!("speech.done"), &json!(SENTENCES))
    );
}

#[tokio::test]
async fn so_much_may_be_outstanding_and_no_more() {
    let api = Api::new();
    let served = Served::start(&api).await;
    let mut session = served.open().await;
    let started = session.start(json!({"model": "piper"})).await;
    let most = started["limits"]["outstanding"].as_u64().expect("a number");
    for number in 0..most {
        session.speak(&number.to_string(), "Hello.").await;
    }
    for id in ["one", "two"] {
        session.speak(id, "Hello.").await;
        let (event, code) = session.refusal().await;
        assert_eq!((&event["id"], code.as_str()), (&json!(id), "rate_limited"));
        assert_eq!(
            (&event["ended"], &event["error"]["retry_after"]),
            (&json!(false), &json!(1))
        );
    }
    let _worker = api.worker();
    session.utterance("0").await;
    session.speak("one", "Hello.").await;
    for number in 1..most {
        session.utterance(&number.to_string()).await;
    }
    let (_, events) = session.utterance("one").await;
    assert_eq!(types(&events).last(), Some(&"speech.done"));
}

#[tokio::test]
async fn no_more_sessions_than_there_is_room_for() {
    let limits = ApiLimits {
        max_live_sessions: 1,
        ..limits()
    };
    let api = Api::with(limits, catalog::usual());
    let served = Served::start(&api).await;
    let mut first = served.session(json!({})).await;
    assert_eq!(served.connect(&[]).await.err(), Some(503));
    first.send(Message::Close(None)).await;
    assert_eq!(first.closed().await, 1005);
    api.stop.live.close();
    api.stop.live.wait().await;
    served.session(json!({})).await;
}

/// Nobody sleeps here: where all wait, the clock goes on by itself.
#[tokio::test]
async fn a_session_in_which_nothing_happens_is_closed() {
    let api = Api::new();
    let served = Served::start(&api).await;
    let began = tokio::time::Instant::now();
    let mut session = served.session(json!({})).await;
    tokio::time::pause();
    assert_eq!(session.hear().await, Heard::Closed(4408));
    let passed = began.elapsed();
    let idle = api.context.limits.live_idle;
    assert!(passed >= idle && passed < idle * 11 / 10, "{passed:?}");
}

#[tokio::test]
async fn a_message_beyond_the_bound_ends_the_session() {
    let api = Api::new();
    let served = Served::start(&api).await;
    let large = 1024 * 1024 + 1;
    for message in [
        Message::text("x".repeat(large)),
        Message::binary(vec![0; large]),
    ] {
        let mut session = served.session(json!({})).await;
        session.send(message).await;
        assert_eq!(session.closed().await, 1009);
    }
}

#[tokio::test]
async fn an_utterance_has_a_longest_text() {
    let api = Api::new();
    let served = Served::start(&api).await;
    let mut session = served.session(json!({"model": "piper"})).await;
    let most = api.context.limits.max_job_chars;
    session.append("a", &"x".repeat(most / 2)).await;
    session.append("a", &"x".repeat(most / 2 + 1)).await;
    let (event, code) = session.refusal().await;
    assert_eq!(
        (code.as_str(), &event["ended"]),
        ("text_too_long", &json!(false))
    );
    assert_eq!(event["error"]["param"], "text");
    let _worker = api.worker();
    session.say(json!({"type": "speak.end", "id": "a"})).await;
    let (_, events) = session.utterance("a").await;
    let said: usize = events
        .iter()
        .filter_map(|event| event["text"].as_str())
        .map(str::len)
        .sum();
    assert_eq!(said, most / 2);
    assert_ne!(
        events.last().map(|event| &event["type"]),
        Some(&Value::Null)
    );
}
