//! Limits of keys within a session.

use axum::http::Method;
use serde_json::{Value, json};

use super::client::{Served, Session, types};
use crate::tenancy::Guarded;

async fn session_of(served: &Served, key: &str) -> Session {
    let bearer = format!("Bearer {key}");
    let session = served.connect(&[("authorization", &bearer)]).await;
    session.expect("let in")
}

async fn limited(limits: Value) -> (Guarded, Served, Session) {
    let guarded = Guarded::new();
    let key = guarded.key("acme", json!({"limits": limits})).await;
    let served = Served::start(&guarded.api).await;
    let session = session_of(&served, &key).await;
    (guarded, served, session)
}

#[tokio::test]
async fn each_utterance_and_each_recording_counts_as_a_request() {
    // The handshake is the first.
    let (guarded, _served, mut session) = limited(json!({"requests_per_minute": 3})).await;
    let _worker = guarded.api.worker();
    session.start(json!({"model": "piper"})).await;
    session.append("a", "One. Two. Three.").await;
    session.say(json!({"type": "speak.end", "id": "a"})).await;
    session.utterance("a").await;
    session.speak("b", "Four.").await;
    session.utterance("b").await;
    session.speak("c", "Five.").await;
    let (event, code) = session.refusal().await;
    assert_eq!(
        (code.as_str(), &event["ended"]),
        ("rate_limited", &json!(true))
    );
    assert_eq!(event["error"]["type"], "rate_limit_error");
    assert!(
        event["error"]["retry_after"]
            .as_u64()
            .is_some_and(|after| after <= 60)
    );
    session.say(json!({"type": "audio.start", "id": "d"})).await;
    session.event("audio.started").await;
    session.say(json!({"type": "audio.end", "id": "d"})).await;
    let (_, code) = session.refusal().await;
    assert_eq!(code, "rate_limited");
    session.settle().await;
}

/// What is made ahead waits where one job at a time is allowed, and is not refused.
#[tokio::test]
async fn a_session_is_not_in_its_own_way() {
    let (guarded, _served, mut session) = limited(json!({"max_in_flight": 1})).await;
    let _worker = guarded.api.worker();
    session.start(json!({"model": "piper"})).await;
    session.append("a", "One. Two. Three. Four.").await;
    session.say(json!({"type": "speak.end", "id": "a"})).await;
    let (_, events) = session.utterance("a").await;
    assert_eq!(types(&events).last(), Some(&"speech.done"), "{events:?}");
    assert_eq!(events.last().expect("an end")["sentences"], 4);
}

#[tokio::test]
async fn what_others_of_the_tenant_have_in_flight_counts() {
    let guarded = Guarded::new();
    let key = guarded
        .key("acme", json!({"limits": {"max_in_flight": 1}}))
        .await;
    guarded.submit(&key, "Something long.").await.expect(202);
    let served = Served::start(&guarded.api).await;
    let mut session = session_of(&served, &key).await;
    session.start(json!({"model": "piper"})).await;
    session.speak("a", "One.").await;
    let (event, code) = session.refusal().await;
    assert_eq!(
        (code.as_str(), &event["ended"]),
        ("rate_limited", &json!(true))
    );
    session.settle().await;
}

#[tokio::test]
async fn a_tier_that_the_key_does_not_allow_is_refused() {
    let (_guarded, _served, mut session) = limited(json!({"highest_tier": "standard"})).await;
    session.say(json!({"type": "session.start"})).await;
    let (event, code) = session.refusal().await;
    assert_eq!(
        (code.as_str(), &event["error"]["param"]),
        ("forbidden", &json!("tier"))
    );
    session.start(json!({"tier": "standard"})).await;
    session
        .say(json!({"type": "session.update", "tier": "realtime"}))
        .await;
    let (_, code) = session.refusal().await;
    assert_eq!(code, "forbidden");
}

#[tokio::test]
async fn a_key_that_is_revoked_has_nothing_more_done() {
    let guarded = Guarded::new();
    let key = guarded.key("acme", json!({})).await;
    let _worker = guarded.api.worker();
    let served = Served::start(&guarded.api).await;
    let mut speaks = session_of(&served, &key).await;
    speaks.start(json!({"model": "piper"})).await;
    speaks.speak("a", "One.").await;
    speaks.utterance("a").await;
    let mut records = session_of(&served, &key).await;
    records.start(json!({})).await;
    records.say(json!({"type": "audio.start", "id": "a"})).await;
    records.event("audio.started").await;
    let path = format!("/v1/keys/{}", key.split('_').nth(1).expect("an id"));
    let revoked = guarded
        .call(&guarded.admin, Method::DELETE, &path, None)
        .await;
    revoked.expect(200);
    let jobs = guarded.api.records.all().len();
    speaks.speak("b", "Two.").await;
    records.say(json!({"type": "audio.end", "id": "a"})).await;
    for session in [&mut speaks, &mut records] {
        let (event, code) = session.refusal().await;
        assert_eq!(
            (code.as_str(), &event["ended"]),
            ("unauthenticated", &json!(true))
        );
        assert_eq!(session.closed().await, 1008);
    }
    assert_eq!(guarded.api.records.all().len(), jobs);
}
