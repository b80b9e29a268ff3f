//! A server that is away: clients are told, nothing is lost, and all comes back by itself.

use reqwest::header::RETRY_AFTER;
use voicefleet_tests::{Client, Cluster};

use crate::JOE;

#[derive(Clone, Copy, Debug)]
enum Away {
    RabbitMq,
    Redis,
}

async fn is_refused_for_now(client: &Client, text: &str) {
    let body =
        serde_json::json!({"kind": "speech", "input": text, "engine": "piper", "voice": JOE});
    let answer = client.post("/v1/jobs", &body).await.expect("an answer");
    let told = String::from_utf8_lossy(&answer.body);
    assert_eq!(answer.status, 503, "{told}");
    assert!(answer.headers.contains_key(RETRY_AFTER), "{told}");
    let status = |answer: voicefleet_tests::Answer| answer.status;
    assert_eq!(client.get("/readyz").await.map(status).ok(), Some(503));
    assert_eq!(client.get("/livez").await.map(status).ok(), Some(200));
}

/// Waits until the API server says that it is ready.
async fn is_ready_again(client: &Client) {
    let asking = async {
        while client.get("/readyz").await.expect("an answer").status != 200 {
            tokio::task::yield_now().await;
        }
    };
    let patience = std::time::Duration::from_mins(1);
    tokio::time::timeout(patience, asking).await.expect("ready");
}

async fn comes_back(away: Away) {
    let mut cluster = Cluster::start().await.expect("a cluster");
    let api = cluster.api().await.expect("an API server");
    let worker = cluster.worker("piper").await.expect("a worker");
    let client = api.client().expect("a client");
    client
        .spoken("piper", JOE, "Before.")
        .await
        .expect("spoken");

    let link = match away {
        Away::RabbitMq => cluster.rabbit_link(),
        Away::Redis => cluster.redis_link(),
    };
    link.cut();
    is_refused_for_now(&client, "Meanwhile.").await;
    is_refused_for_now(&client, "Still.").await;
    link.mend();

    is_ready_again(&client).await;
    client.spoken("piper", JOE, "After.").await.expect("spoken");
    client
        .spoken("piper", JOE, "Meanwhile.")
        .await
        .expect("spoken");
    worker.stop().await.expect("stops with exit code 0");
    api.stop().await.expect("stops with exit code 0");
}

#[tokio::test]
async fn rabbitmq_goes_and_comes_back() {
    comes_back(Away::RabbitMq).await;
}

#[tokio::test]
async fn redis_goes_and_comes_back() {
    comes_back(Away::Redis).await;
}
