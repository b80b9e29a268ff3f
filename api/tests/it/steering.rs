//! Speech whose engine the client leaves open.

use std::time::Duration;

use serde_json::json;
use uuid::Uuid;
use voicefleet_core::{EngineId, ports::WorkerPresence};

use crate::{split, support::Api};

/// A worker with `slots` slots that stays.
pub(crate) async fn up(api: &Api, engine: &str, slots: u32) {
    let worker = WorkerPresence {
        id: Uuid::new_v4(),
        engine: EngineId::new(engine),
        slots,
    };
    let noted = api
        .context
        .ledger
        .note_worker(&worker, Duration::from_hours(1));
    noted.await.expect("noted");
}

/// The engine that the text was given to.
async fn speak(api: &Api, text: &str) -> String {
    let request = json!({"kind": "speech", "input": text, "engine": "auto"});
    let job = api.post("/v1/jobs", &request).await.expect(202).json();
    job["engine"].as_str().expect("an engine").to_owned()
}

/// Kokoro's part in the estimated compute of so many texts, per cent.
async fn kokoros_part(api: &Api, texts: std::ops::Range<u32>) -> f64 {
    for index in texts {
        speak(api, &format!("Question {index:04}: what did you learn?")).await;
    }
    let split = api.get("/v1/split").await.expect(200).json();
    let seconds = |engine: &str| {
        let pools = split["pools"].as_array().expect("pools");
        let pool = pools.iter().find(|pool| pool["pool"] == engine);
        let backlog = &pool.expect("the pool")["backlog_seconds"];
        backlog["standard"].as_f64().expect("seconds")
    };
    100.0 * seconds("kokoro") / (seconds("kokoro") + seconds("piper"))
}

#[tokio::test]
async fn a_thousand_texts_are_computed_in_the_proportion_of_the_shares() {
    let api = Api::new();
    up(&api, "piper", 10_000).await;
    up(&api, "kokoro", 10_000).await;
    let part = kokoros_part(&api, 0..1_000).await;
    // 10 of 10 + 70.
    assert!((part - 12.5).abs() < 2.0, "{part}");
}

#[tokio::test]
async fn a_new_split_steers_the_next_text() {
    let api = Api::new();
    up(&api, "piper", 10_000).await;
    up(&api, "kokoro", 10_000).await;
    assert_eq!(speak(&api, "One.").await, "piper");
    split::set(
        &api,
        &json!({"shares": {"piper": 0, "whisper": 20, "kokoro": 80}}),
    )
    .await
    .expect(200);
    api.clock.advance(Duration::from_secs(1));
    for text in ["Two.", "Three.", "Four."] {
        assert_eq!(speak(&api, text).await, "kokoro");
    }
}

#[tokio::test]
async fn without_a_kokoro_worker_piper_speaks() {
    let api = Api::new();
    up(&api, "piper", 1).await;
    let all = json!({"shares": {"piper": 0, "whisper": 20, "kokoro": 80}});
    split::set(&api, &all).await.expect(200);
    assert_eq!(speak(&api, "Hello.").await, "piper");
}

#[tokio::test]
async fn what_piper_cannot_speak_in_time_kokoro_speaks() {
    let api = Api::new();
    up(&api, "piper", 1).await;
    up(&api, "kokoro", 1).await;
    let long = "A sentence that takes its time. ".repeat(240);
    for copy in 0..4 {
        let request =
            json!({"kind": "speech", "input": format!("{copy} {long}"), "engine": "piper"});
        api.post("/v1/jobs", &request).await.expect(202);
    }
    // The fleet as it was seen before is no longer good enough.
    api.clock.advance(Duration::from_secs(1));
    // About 100 compute-seconds are ahead; a standard job has 60.
    for text in ["One.", "Two.", "Three."] {
        assert_eq!(speak(&api, text).await, "kokoro");
    }
    let urgent = json!({"kind": "speech", "input": "Now!", "tier": "realtime"});
    let job = api.post("/v1/jobs", &urgent).await.expect(202).json();
    assert_eq!(job["engine"], "piper", "nothing is ahead of it there");
}

#[tokio::test]
async fn what_either_has_spoken_before_is_not_spoken_again() {
    let api = Api::new();
    let _worker = api.worker();
    let by_kokoro = json!({"kind": "speech", "input": "Hello.", "engine": "kokoro"});
    let id = api.post("/v1/jobs", &by_kokoro).await.expect(202).id();
    api.get(&format!("/v1/jobs/{id}?wait=20")).await.expect(200);
    let any = json!({"kind": "speech", "input": "Hello."});
    let job = api.post("/v1/jobs", &any).await.expect(200).json();
    assert_eq!(job["engine"], "kokoro");
}

#[tokio::test]
async fn openais_endpoint_leaves_it_open_with_the_model_auto() {
    let api = Api::new();
    let _worker = api.worker();
    let request =
        json!({"model": "auto", "voice": "nova", "input": "Hello.", "response_format": "wav"});
    api.post("/v1/audio/speech", &request).await.expect(200);
    let request =
        json!({"model": "auto", "voice": "af_heart", "input": "Hello.", "response_format": "wav"});
    let answer = api.post("/v1/audio/speech", &request).await.expect(200);
    let id = answer.header("x-voicefleet-job-id").to_owned();
    let job = api.get(&format!("/v1/jobs/{id}")).await.expect(200).json();
    assert_eq!(job["engine"], "kokoro", "the voice is Kokoro's");
    let request = json!({"model": "auto", "voice": "nobody", "input": "Hello."});
    let error = api.post("/v1/audio/speech", &request).await.expect(400);
    assert_eq!(error.json()["error"]["code"], "unknown_voice");
}
