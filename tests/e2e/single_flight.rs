//! The same work is done once; different work is not held up by it.

use futures::future::try_join_all;
use serde_json::Value;
use voicefleet_tests::id_of;

use crate::{JOE, fresh_server, metrics::counter};

/// Computations of Piper so far: one compute time is recorded for each.
const COMPUTED: &str = "voicefleet_job_compute_seconds_count";

#[tokio::test]
async fn a_hundred_identical_submits_are_one_synthesis() {
    let (_data, server) = fresh_server(&[]).await;
    let client = server.client().expect("a client");
    let submits =
        (0..100).map(|_| client.speak("piper", JOE, "standard", "Tell us about yourself, please."));
    let jobs: Vec<Value> = try_join_all(submits).await.expect("all accepted");
    let ids: Vec<&str> = jobs.iter().map(|job| id_of(job).expect("an id")).collect();
    let audio = try_join_all(ids.iter().map(|id| client.result(id)))
        .await
        .expect("all succeed");
    assert!(
        audio
            .iter()
            .all(|wav| wav == &audio[0] && wav.len() > 10_000)
    );
    assert!((counter(&client, COMPUTED, &[("engine", "piper")]).await - 1.0).abs() < 0.1);
    let distinct: std::collections::BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(distinct.len(), 100, "each submit is a job of its own");
    server.stop().await.expect("stops");
}

#[tokio::test]
async fn a_hundred_different_submits_are_all_right() {
    let (_data, server) = fresh_server(&[]).await;
    let client = server.client().expect("a client");
    let texts: Vec<String> = (0..100)
        .map(|number| format!("Question number {number}."))
        .collect();
    let audio = try_join_all(texts.iter().map(|text| client.spoken("piper", JOE, text)))
        .await
        .expect("all");
    let distinct: std::collections::BTreeSet<&Vec<u8>> = audio.iter().collect();
    assert_eq!(distinct.len(), 100);
    assert!((counter(&client, COMPUTED, &[("engine", "piper")]).await - 100.0).abs() < 0.1);
    // A few of them, read back: everybody got their own.
    for number in [7, 42, 99] {
        let heard = client
            .heard(audio[number].clone(), &[("language", "en")])
            .await
            .expect("heard");
        assert!(
            heard.contains(&number.to_string()) || heard.to_lowercase().contains("seven"),
            "{number}: {heard}"
        );
    }
    server.stop().await.expect("stops");
}

#[tokio::test]
async fn an_urgent_submit_does_not_wait_behind_its_identical_batch_twin() {
    let (_data, server) = fresh_server(&["--piper-slots", "1"]).await;
    let client = server.client().expect("a client");
    let filler = (0..30).map(|n| format!("Archive sentence number {n}, which nobody waits for."));
    for text in filler {
        client
            .speak("piper", JOE, "batch", &text)
            .await
            .expect("accepted");
    }
    let twin = client
        .speak("piper", JOE, "batch", "Where did you grow up?")
        .await
        .expect("accepted");
    let urgent = client
        .speak("piper", JOE, "realtime", "Where did you grow up?")
        .await
        .expect("accepted");
    client
        .result(id_of(&urgent).expect("an id"))
        .await
        .expect("audio");
    let twin = client
        .get(&format!("/v1/jobs/{}", id_of(&twin).expect("an id")))
        .await
        .expect("answer");
    assert_eq!(
        twin.accepted().expect("a job")["status"],
        "succeeded",
        "made once, for both"
    );
    let batch = client
        .get("/v1/jobs?tier=batch&status=queued&limit=100")
        .await
        .expect("answer");
    let waiting = batch.accepted().expect("a list")["data"]
        .as_array()
        .map_or(0, Vec::len);
    assert!(
        waiting >= 20,
        "the urgent one overtook the archive: {waiting} still wait"
    );
    server.stop().await.expect("stops");
}
