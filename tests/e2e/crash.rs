//! kill -9 in the middle of work: after a restart every job succeeds, and none is done twice.

use std::collections::BTreeMap;

use serde_json::Value;
use voicefleet_tests::{Client, Server, id_of};

use crate::{JOE, metrics::counter};

const LONG: &str = "This answer is long on purpose. It has many sentences, so that it is still being spoken when \
    the power fails. Nobody should have to submit it again. The queue remembers it. The worker begins anew. The \
    listener never notices. That is what a durable job is for.";

/// Ten jobs of all three engines and tiers; gives their ids.
async fn submit_ten(client: &Client) -> Vec<String> {
    let clip = std::fs::read(voicefleet_testkit::model_file("speech/jfk.wav")).expect("the clip");
    let mut ids = Vec::new();
    for (number, tier) in ["realtime", "standard", "batch"].iter().enumerate() {
        let text = |engine: &str| format!("Number {number} of {engine}. {LONG}");
        let jobs = [
            client
                .speak("piper", JOE, tier, &text("piper"))
                .await
                .expect("accepted"),
            client
                .speak("kokoro", "af_heart", tier, &text("kokoro"))
                .await
                .expect("accepted"),
            // Different prompts make different work of the same clip.
            client
                .transcribe(
                    clip.clone(),
                    &[("tier", tier), ("prompt", &text("whisper")[..20])],
                )
                .await
                .expect("accepted"),
        ];
        ids.extend(jobs.iter().map(|job| id_of(job).expect("an id").to_owned()));
    }
    let last = client
        .speak("piper", JOE, "standard", "The tenth job is short.")
        .await
        .expect("accepted");
    ids.push(id_of(&last).expect("an id").to_owned());
    ids
}

async fn jobs(client: &Client, ids: &[String]) -> BTreeMap<String, Value> {
    let mut jobs = BTreeMap::new();
    for id in ids {
        let job = client
            .get(&format!("/v1/jobs/{id}"))
            .await
            .expect("answer")
            .accepted()
            .expect("the job");
        jobs.insert(id.clone(), job);
    }
    jobs
}

fn with_status(jobs: &BTreeMap<String, Value>, status: &str) -> usize {
    jobs.values().filter(|job| job["status"] == status).count()
}

#[tokio::test]
async fn ten_mixed_jobs_survive_kill_9_and_none_is_done_twice() {
    let data = tempfile::tempdir().expect("a folder");
    let server = Server::start(data.path(), &[]).await.expect("a server");
    let client = server.client().expect("a client");
    let ids = submit_ten(&client).await;
    // The short one and at least one other are done; the rest waits or runs.
    client.ended(&ids[9]).await.expect("the tenth ends");
    client.ended(&ids[0]).await.expect("the first ends");
    server.kill().await.expect("killed");

    let server = Server::start(data.path(), &[]).await.expect("a server");
    let client = server.client().expect("a client");
    let found = jobs(&client, &ids).await;
    let done_before: Vec<&Value> = found
        .values()
        .filter(|job| job["finished_at"].is_string())
        .collect();
    let finished_before: BTreeMap<&str, &Value> = done_before
        .iter()
        .map(|job| (id_of(job).expect("an id"), &job["finished_at"]))
        .collect();
    for id in &ids {
        client.result(id).await.expect("every job succeeds");
    }
    let after = jobs(&client, &ids).await;
    assert_eq!(with_status(&after, "succeeded"), 10);
    for (id, finished_at) in &finished_before {
        assert_eq!(
            &after[*id]["finished_at"], *finished_at,
            "{id} was done before and must not be done again"
        );
    }
    // The counter starts at zero with the process: it shows what this process did.
    let done_now = counter(
        &client,
        "voicefleet_jobs_finished_total",
        &[("status", "succeeded")],
    )
    .await;
    assert!(
        finished_before.len() >= 2,
        "the kill came too early to show anything"
    );
    let left = f64::from(u32::try_from(10 - finished_before.len()).expect("few"));
    assert!(
        done_now <= left,
        "{done_now} after {}",
        finished_before.len()
    );
    server.stop().await.expect("stops");
}
