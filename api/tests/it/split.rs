//! How the compute is divided.

use axum::{
    body::Body,
    http::{Method, Request},
};
use serde_json::{Value, json};

use crate::support::{Api, client::Answer};

pub(crate) async fn set(api: &Api, split: &Value) -> Answer {
    let request = Request::builder()
        .method(Method::PUT)
        .uri("/v1/split")
        .header("content-type", "application/json")
        .body(Body::from(split.to_string()));
    api.send(request.expect("a request")).await
}

fn pool<'a>(split: &'a Value, name: &str) -> &'a Value {
    let pools = split["pools"].as_array().expect("pools");
    let pool = pools.iter().find(|pool| pool["pool"] == name);
    pool.expect("the pool")
}

#[tokio::test]
async fn it_is_shown_with_what_each_pool_has_and_why() {
    let api = Api::new();
    let split = api.get("/v1/split").await.expect(200).json();
    assert_eq!(
        split["shares"],
        json!({"piper": 70, "whisper": 20, "kokoro": 10})
    );
    assert_eq!(pool(&split, "piper")["limit"], "idle");
    for text in ["One.", "Two."] {
        api.post(
            "/v1/jobs",
            &json!({"kind": "speech", "input": text, "engine": "piper"}),
        )
        .await
        .expect(202);
    }
    let split = api.get("/v1/split").await.expect(200).json();
    let piper = pool(&split, "piper");
    assert_eq!(
        (&piper["waiting"], &piper["limit"]),
        (&json!(2), &json!("demand"))
    );
    assert_eq!(piper["target_ratio"], 1.0);
    assert!(
        piper["backlog_seconds"]["standard"]
            .as_f64()
            .expect("a number")
            > 0.0
    );
}

#[tokio::test]
async fn it_is_set_for_everybody_and_budgets_stay_unless_they_are_named() {
    let api = Api::new();
    let shares = |piper: u32| json!({"piper": piper, "whisper": 90 - piper, "kokoro": 10});
    let answer = set(&api, &json!({"shares": shares(50), "budgets": {"cpu": 8}})).await;
    assert_eq!(answer.expect(200).json()["shares"], shares(50));
    set(&api, &json!({"shares": shares(40)})).await.expect(200);
    let split = api.get("/v1/split").await.expect(200).json();
    assert_eq!(
        (&split["shares"], &split["budgets"]),
        (&shares(40), &json!({"cpu": 8}))
    );
    assert_eq!(pool(&split, "whisper")["share"], 50);
    set(&api, &json!({"shares": shares(40), "budgets": {}}))
        .await
        .expect(200);
    let split = api.get("/v1/split").await.expect(200).json();
    assert_eq!(split["budgets"], json!({}));
}
