//! A stop in order: no new work, what has begun is finished or given back, nothing is lost.

use voicefleet_tests::{Server, id_of};

use crate::JOE;

#[tokio::test]
async fn sigterm_in_mid_job_gives_it_back_uncounted_and_a_restart_finishes_it() {
    let data = tempfile::tempdir().expect("a folder");
    // Short, so that it ends long before the job does.
    let server = Server::start(data.path(), &["--grace-seconds", "4"])
        .await
        .expect("a server");
    let client = server.client().expect("a client");
    let text =
        "A long answer, spoken sentence by sentence, so that a stop comes in between. ".repeat(80);
    let job = client
        .speak("piper", JOE, "standard", &text)
        .await
        .expect("accepted");
    let id = id_of(&job).expect("an id").to_owned();
    // In the middle: a chunk is done, many are not.
    let started = loop {
        let job = client
            .get(&format!("/v1/jobs/{id}?wait=1"))
            .await
            .expect("answer")
            .accepted()
            .expect("a job");
        if job["progress"]["done"].as_u64() >= Some(1) {
            break job;
        }
    };
    assert_eq!(started["status"], "running");
    server.stop().await.expect("exit code 0");

    let server = Server::start(data.path(), &[]).await.expect("a server");
    let client = server.client().expect("a client");
    let wav = client
        .result(&id)
        .await
        .expect("the job succeeds after the restart");
    assert!(wav.len() > 1_000_000);
    let job = client.ended(&id).await.expect("ended");
    assert_eq!(
        job["attempts"], 1,
        "an attempt that was given back does not count"
    );
    server.stop().await.expect("stops");
}

#[tokio::test]
async fn a_second_server_on_the_same_data_is_refused_with_a_sentence() {
    let data = tempfile::tempdir().expect("a folder");
    let first = Server::start(data.path(), &[]).await.expect("a server");
    assert!(Server::start(data.path(), &[]).await.is_err());
    first
        .client()
        .expect("a client")
        .spoken("piper", JOE, "I am still here.")
        .await
        .expect("undisturbed");
    first.stop().await.expect("stops");
}
