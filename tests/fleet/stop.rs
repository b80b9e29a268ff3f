//! Workers that stop, and workers that are killed, in the middle of a job.

use serde_json::Value;
use voicefleet_tests::{Client, Cluster, id_of};

use crate::JOE;

/// Many chunks: far more than are spoken in the time that a stop has, also where Piper is quick.
fn long_answer() -> String {
    "A long answer, spoken sentence by sentence, so that a stop comes in between. ".repeat(120)
}

/// Submits the long answer and waits until a chunk of it is done; gives its id.
async fn in_the_middle(client: &Client) -> String {
    let job = client.speak("piper", JOE, "standard", &long_answer()).await;
    let id = id_of(&job.expect("accepted")).expect("an id").to_owned();
    loop {
        let answer = client.get(&format!("/v1/jobs/{id}?wait=5")).await;
        let job = answer.expect("answer").accepted().expect("a job");
        if job["progress"]["done"].as_u64() >= Some(1) {
            assert_eq!(job["status"], "running");
            return id;
        }
    }
}

async fn succeeded(client: &Client, id: &str) -> Value {
    let job = client.ended(id).await.expect("ends");
    assert_eq!(job["status"], "succeeded", "{job:#}");
    assert!(client.result(id).await.expect("audio").len() > 1_000_000);
    job
}

#[tokio::test]
async fn sigterm_to_process_1_in_mid_job_ends_it_within_its_grace_and_the_job_is_done_once() {
    let mut cluster = Cluster::start().await.expect("a cluster");
    cluster.set("grace_seconds", "2");
    cluster.set("piper_slots", "1");
    let api = cluster.api().await.expect("an API server");
    let client = api.client().expect("a client");
    let worker = cluster
        .worker_as_process_1("piper")
        .await
        .expect("a worker");
    let id = in_the_middle(&client).await;
    worker.stop().await.expect("stops with exit code 0");

    let heir = cluster.worker("piper").await.expect("another");
    let job = succeeded(&client, &id).await;
    assert_eq!(job["attempts"], 1, "what is given back does not count");
    heir.stop().await.expect("stops");
    let logs = cluster.worker_logs().expect("logs");
    assert_eq!(logs.matches("job succeeded").count(), 1);
    assert_eq!(logs.matches("job resumed").count(), 1);
    api.stop().await.expect("stops");
}

#[tokio::test]
async fn a_job_whose_worker_is_killed_goes_on_elsewhere() {
    let mut cluster = Cluster::start().await.expect("a cluster");
    cluster.set("piper_slots", "1");
    let api = cluster.api().await.expect("an API server");
    let client = api.client().expect("a client");
    let worker = cluster.worker("piper").await.expect("a worker");
    let id = in_the_middle(&client).await;
    let heir = cluster.worker("piper").await.expect("another");
    worker.kill().await.expect("killed");
    let job = succeeded(&client, &id).await;
    assert_eq!(job["attempts"], 2);
    heir.stop().await.expect("stops");
    let logs = cluster.worker_logs().expect("logs");
    assert_eq!(logs.matches("job resumed").count(), 1);
    api.stop().await.expect("stops");
}
