//! How sessions end.

use serde_json::json;
use voicefleet_core::{JobState, Tier};

use super::client::{Served, types};
use crate::support::{Api, speaker::Speaker};

#[tokio::test]
async fn a_client_that_is_gone_stops_its_work() {
    let api = Api::new();
    let served = Served::start(&api).await;
    let mut session = served.session(json!({"model": "piper"})).await;
    for id in ["a", "b", "c", "d"] {
        session.speak(id, &format!("This is {id}.")).await;
    }
    let mut speaker = Speaker::take(&api).await;
    session.settle().await;
    drop(session);
    api.stop.live.close();
    api.stop.live.wait().await;
    api.tasks.close();
    api.tasks.wait().await;
    let jobs = api.records.all();
    assert_eq!(jobs.len(), 3, "the one that is heard, and those ahead");
    assert!(
        jobs.iter().all(|job| job.state == JobState::Cancelled),
        "{jobs:?}"
    );
    assert!(speaker.chunk_without_keeping().await.is_err());
}

#[tokio::test]
async fn a_server_that_stops_says_what_it_has_begun() {
    let api = Api::new();
    let served = Served::start(&api).await;
    let mut idle = served.session(json!({})).await;
    let mut session = served.session(json!({"model": "piper"})).await;
    session.speak("a", "One. Two. Three.").await;
    let mut speaker = Speaker::take(&api).await;
    speaker.chunk().await;
    session.event("speech.started").await;
    api.stop.draining.cancel();
    assert_eq!(idle.closed().await, 1001);
    assert_eq!(served.connect(&[]).await.err(), Some(503));
    speaker.finish().await;
    let (_, events) = session.utterance("a").await;
    assert_eq!(types(&events).last(), Some(&"speech.done"));
    assert_eq!(session.closed().await, 1001);
}

#[tokio::test]
async fn a_server_that_stops_begins_nothing() {
    let api = Api::new();
    let served = Served::start(&api).await;
    let mut session = served.session(json!({"model": "piper"})).await;
    session.speak("a", "One.").await;
    let speaker = Speaker::take(&api).await;
    api.stop.draining.cancel();
    session.settle().await;
    session.speak("b", "Two.").await;
    session.event("error").await;
    speaker.finish().await;
    session.utterance("a").await;
    assert_eq!(session.closed().await, 1001);
}

/// Its work goes on after the next start.
#[tokio::test]
async fn a_server_that_closes_does_not_wait() {
    let api = Api::new();
    let served = Served::start(&api).await;
    let mut session = served.session(json!({"model": "piper"})).await;
    session.speak("a", "One.").await;
    let _speaker = Speaker::take(&api).await;
    api.stop.draining.cancel();
    api.stop.closing.cancel();
    let (event, code) = session.refusal().await;
    assert_eq!(
        (code.as_str(), &event["ended"]),
        ("unavailable", &json!(true))
    );
    assert_eq!(session.closed().await, 1001);
    api.stop.live.close();
    api.stop.live.wait().await;
    api.tasks.close();
    api.tasks.wait().await;
    assert_eq!(api.records.all()[0].state, JobState::Running);
}

#[tokio::test]
async fn sessions_are_of_the_tier_that_they_ask_for() {
    let api = Api::new();
    let served = Served::start(&api).await;
    let mut session = served
        .session(json!({"model": "piper", "tier": "standard"}))
        .await;
    session.speak("a", "One.").await;
    while api.records.all().is_empty() {
        session.settle().await;
    }
    session.settle().await;
    assert_eq!(api.waiting("piper").await[Tier::Standard.rank()], 1);
}
