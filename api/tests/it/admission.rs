//! Work that would come too late is not taken on.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{steering::up, support::Api};

/// One Piper slot with about 100 compute-seconds of realtime work ahead, however many workers come.
async fn flooded() -> Api {
    let api = Api::custom(|context| {
        for pool in &mut context.scaling.pools {
            pool.max_workers = 1;
        }
    });
    up(&api, "piper", 1).await;
    let long = "A sentence that takes its time. ".repeat(240);
    for copy in 0..4 {
        let text = format!("{copy} {long}");
        let job = json!({"kind": "speech", "input": text, "engine": "piper", "tier": "realtime"});
        api.post("/v1/jobs", &job).await.expect(202);
    }
    api.clock.advance(Duration::from_secs(2));
    api
}

fn job(text: &str, more: &Value) -> Value {
    let mut job = json!({"kind": "speech", "input": text, "engine": "piper", "tier": "realtime"});
    let members = more.as_object().expect("an object").clone();
    job.as_object_mut().expect("an object").extend(members);
    job
}

#[tokio::test]
async fn a_deadline_that_cannot_be_met_is_refused_with_the_reason() {
    let api = flooded().await;
    let refused = api
        .post("/v1/jobs", &job("Now.", &json!({"deadline": 30})))
        .await;
    let refused = refused.expect(503);
    assert_eq!(refused.json()["code"], "too_late");
    let wait: u64 = refused.header("retry-after").parse().expect("seconds");
    assert!((30..=120).contains(&wait), "{wait}");
    assert_eq!(api.records.all().len(), 4, "nothing is recorded of it");
    for more in [
        json!({"deadline": 600}),
        json!({}),
        json!({"deadline": 30, "engine": "kokoro"}),
    ] {
        let text = format!("Later. {more}");
        api.post("/v1/jobs", &job(&text, &more)).await.expect(202);
    }
}

#[tokio::test]
async fn who_waits_for_an_answer_is_told_at_once_that_it_would_take_too_long() {
    let api = flooded().await;
    let speech = json!({"model": "tts-1", "voice": "alloy", "input": "Now."});
    let refused = api.post("/v1/audio/speech", &speech).await.expect(503);
    assert_eq!(refused.json()["error"]["code"], "too_late");
    assert_eq!(refused.header("x-should-retry"), "true");
}

/// It costs nothing more, and may be half done.
#[tokio::test]
async fn what_is_in_flight_already_is_followed() {
    let api = flooded().await;
    api.post("/v1/jobs", &job("Asked before.", &json!({})))
        .await
        .expect(202);
    let again = job("Asked before.", &json!({"deadline": 30}));
    api.post("/v1/jobs", &again).await.expect(202);
}

#[tokio::test]
async fn while_nobody_knows_the_fleet_nothing_is_refused_for_that() {
    let api = Api::new();
    api.post("/v1/jobs", &job("Hello.", &json!({"deadline": 30})))
        .await
        .expect(202);
}
