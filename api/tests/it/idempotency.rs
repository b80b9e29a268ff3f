//! Requests that a client repeats because it does not know what became of them.

use axum::{
    body::Body,
    http::{Method, Request},
};
use serde_json::{Value, json};

use crate::support::{Api, client::Answer};

async fn submit(api: &Api, key: &str, job: &Value) -> Answer {
    let request = Request::builder()
        .method(Method::POST)
        .uri("/v1/jobs")
        .header("content-type", "application/json")
        .header("idempotency-key", key)
        .body(Body::from(job.to_string()));
    api.send(request.expect("a request")).await
}

fn job(text: &str) -> Value {
    json!({"kind": "speech", "input": text, "engine": "piper"})
}

#[tokio::test]
async fn the_same_request_with_the_same_key_is_one_job() {
    let api = Api::new();
    let first = submit(&api, "a", &job("Hello.")).await.expect(202);
    assert!(!first.headers.contains_key("idempotency-replayed"));
    let second = submit(&api, "a", &job("Hello.")).await.expect(202);
    assert_eq!(second.header("idempotency-replayed"), "true");
    assert_eq!(first.id(), second.id());
    assert_ne!(
        submit(&api, "b", &job("Hello.")).await.expect(202).id(),
        first.id()
    );
    assert_eq!(api.records.all().len(), 2);
}

#[tokio::test]
async fn requests_at_the_same_time_are_one_job_too() {
    let api = Api::new();
    let hello = job("Hello.");
    let racing = (0..20).map(|_| submit(&api, "a", &hello));
    let answers = futures::future::join_all(racing).await;
    let ids: std::collections::BTreeSet<String> = answers
        .into_iter()
        .map(|answer| answer.expect(202).id())
        .collect();
    assert_eq!((ids.len(), api.records.all().len()), (1, 1));
}

#[tokio::test]
async fn another_request_with_the_key_is_refused() {
    let api = Api::new();
    submit(&api, "a", &job("Hello.")).await.expect(202);
    let refused = submit(&api, "a", &job("Goodbye.")).await.expect(422);
    assert_eq!(refused.json()["code"], "idempotency_mismatch");
    for key in ["", &"k".repeat(256)] {
        let refused = submit(&api, key, &job("Hello.")).await.expect(400);
        assert_eq!(refused.json()["field"], "Idempotency-Key");
    }
}

#[tokio::test]
async fn what_was_refused_may_be_sent_again_and_a_day_later_the_key_is_free() {
    let api = Api::new();
    api.queue.outage().set_down(true);
    let refused = submit(&api, "a", &job("Hello.")).await.expect(503);
    let refused = refused.json()["job_id"].clone();
    api.queue.outage().set_down(false);
    let again = submit(&api, "a", &job("Hello.")).await.expect(202);
    assert_ne!(json!(again.id()), refused, "the refused job has failed");
    api.clock.advance(std::time::Duration::from_hours(24));
    submit(&api, "a", &job("Goodbye.")).await.expect(202);
}

#[tokio::test]
async fn without_the_documents_nothing_is_promised() {
    let api = Api::new();
    api.documents.outage().set_down(true);
    submit(&api, "a", &job("Hello.")).await.expect(503);
    api.post("/v1/jobs", &job("Hello.")).await.expect(202);
}

/// One key for two requests.
pub(crate) async fn used_twice(api: &Api) {
    submit(api, "a", &job("Hello.")).await.expect(202);
    submit(api, "a", &job("Goodbye.")).await.expect(422);
}
