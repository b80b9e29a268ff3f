//! Submitting jobs again that ended without a result.

use axum::http::Method;
use serde_json::{Value, json};
use voicefleet_core::ports::{BlobKey, BlobStore};

use crate::{
    bad_inputs::audio::tone_wav,
    support::{Api, client::Answer, worker::FAILS},
};

/// A job that a worker takes and that ends at once.
async fn ended(api: &Api, body: &Value) -> Value {
    let id = api.post("/v1/jobs", body).await.expect(202).id();
    api.get(&format!("/v1/jobs/{id}?wait=30")).await.json()
}

async fn cancelled(api: &Api, body: &Value) -> String {
    let id = api.post("/v1/jobs", body).await.expect(202).id();
    api.call(Method::DELETE, &format!("/v1/jobs/{id}"))
        .await
        .expect(202);
    id
}

async fn retry(api: &Api, id: &Value) -> Answer {
    let id = id.as_str().expect("an id");
    api.call(Method::POST, &format!("/v1/jobs/{id}/retry"))
        .await
}

#[tokio::test]
async fn a_failed_job_comes_again_as_a_new_one_with_the_same_work() {
    let api = Api::new();
    let worker = api.worker();
    let body = json!({"kind": "speech", "input": FAILS, "voice": "af_heart", "tier": "batch",
        "speed": 1.5, "response_format": "opus"});
    let failed = ended(&api, &body).await;
    drop(worker);
    let answer = retry(&api, &failed["id"]).await.expect(202);
    let again = answer.json();
    assert_ne!(again["id"], failed["id"]);
    let place = format!("/v1/jobs/{}", again["id"].as_str().expect("an id"));
    assert_eq!(answer.header("location"), place);
    assert!(answer.headers.contains_key("retry-after"));
    for same in [
        "kind",
        "engine",
        "model",
        "voice",
        "tier",
        "response_format",
        "fingerprint",
    ] {
        assert_eq!(again[same], failed[same], "{same}");
    }
    assert_eq!(
        (&again["status"], &again["attempts"]),
        (&json!("queued"), &json!(0))
    );
    assert_eq!(again["error"], Value::Null);
    let envelope = api.next_envelope("kokoro").await;
    assert_eq!(again["id"], envelope.job_id.to_string());
    let old = format!("/v1/jobs/{}", failed["id"].as_str().expect("an id"));
    assert_eq!(api.get(&old).await.expect(200).json(), failed);
}

#[tokio::test]
async fn two_who_submit_the_same_job_again_have_it_done_once() {
    let api = Api::new();
    let body = json!({"kind": "speech", "input": "Hello."});
    let id = json!(cancelled(&api, &body).await);
    let first = retry(&api, &id).await.expect(202).json();
    let second = retry(&api, &id).await.expect(202).json();
    assert_eq!(second["follows"], first["id"]);
}

#[tokio::test]
async fn a_deadline_is_as_far_away_as_it_was() {
    let api = Api::new();
    let body = json!({"kind": "speech", "input": "Hello.", "deadline": 90});
    let id = json!(cancelled(&api, &body).await);
    api.clock.advance(std::time::Duration::from_mins(10));
    let again = retry(&api, &id).await.expect(202).json();
    assert_eq!(again["deadline"], "2026-01-01T00:11:30.000Z");
}

#[tokio::test]
async fn a_job_that_has_a_result_or_may_get_one_is_left_alone() {
    let api = Api::new();
    let body = json!({"kind": "speech", "input": "Hello."});
    let waiting = api.post("/v1/jobs", &body).await.expect(202).json();
    let refused = retry(&api, &waiting["id"]).await.expect(409).json();
    assert_eq!(
        (&refused["code"], &refused["job_status"]),
        (&json!("not_retryable"), &json!("queued"))
    );
    let worker = api.worker();
    let place = format!(
        "/v1/jobs/{}?wait=30",
        waiting["id"].as_str().expect("an id")
    );
    api.get(&place).await.expect(200);
    drop(worker);
    let refused = retry(&api, &waiting["id"]).await.expect(409).json();
    assert_eq!(refused["job_status"], "succeeded");
    assert_eq!(api.waiting("piper").await, [0, 0, 0]);
}

#[tokio::test]
async fn a_transcription_comes_again_with_its_file_and_not_without() {
    let api = Api::new();
    let worker = api.worker();
    let fields = [("kind", "transcription"), ("prompt", FAILS)];
    let job = api.upload("/v1/jobs", &fields, &tone_wav(1)).await;
    let failed = job.expect(202).json();
    let place = format!("/v1/jobs/{}?wait=30", failed["id"].as_str().expect("an id"));
    assert_eq!(api.get(&place).await.json()["status"], "failed");
    drop(worker);
    let again = retry(&api, &failed["id"]).await.expect(202).json();
    assert_eq!(again["file_id"], failed["file_id"]);
    assert_eq!(api.waiting("whisper").await, [0, 1, 0]);

    let file = failed["file_id"].as_str().expect("a file");
    let key = BlobKey::Upload(file.to_owned());
    api.blobs.delete(&key).await.expect("deleted");
    let refused = retry(&api, &failed["id"]).await.expect(404).json();
    assert_eq!(
        (&refused["code"], &refused["field"]),
        (&json!("file_not_found"), &json!("file_id"))
    );
    let sentence = refused["detail"].as_str().expect("a sentence");
    assert!(sentence.contains(file), "{sentence}");
    assert_eq!(api.waiting("whisper").await, [0, 1, 0]);
}

#[tokio::test]
async fn a_model_that_is_gone_is_named() {
    let api = Api::new();
    let body = json!({"kind": "speech", "input": "Hello.", "voice": "af_heart"});
    let id = json!(cancelled(&api, &body).await);
    let mut catalog = crate::support::catalog::usual();
    for model in &mut catalog.models {
        model.installed = false;
    }
    let catalog = std::sync::Arc::new(catalog);
    let (records, queue) = (api.records.clone(), api.queue.clone());
    let without = Api::custom(|context| {
        context.records = std::sync::Arc::new(records);
        context.queue = std::sync::Arc::new(queue);
        context.catalog = std::sync::Arc::new(move || std::sync::Arc::clone(&catalog));
    });
    let refused = retry(&without, &id).await.expect(404).json();
    assert_eq!(refused["code"], "model_not_installed");
    assert!(
        refused["detail"]
            .as_str()
            .expect("a sentence")
            .contains("kokoro-82m")
    );
}
