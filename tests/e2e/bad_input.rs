//! Whatever is sent, the server says what is wrong with it and serves on.

#[path = "../../api/tests/it/bad_inputs/mod.rs"]
mod bad_inputs;

use reqwest::{Method, header::CONTENT_TYPE};
use voicefleet_tests::{Answer, Client};

use self::bad_inputs::{BadInput, Bounds};
use crate::{JOE, fresh_server};

/// As the server is started below; the others are its defaults.
const BOUNDS: Bounds = Bounds {
    max_upload_bytes: 1024 * 1024,
    max_json_bytes: 2 * 1024 * 1024,
    max_job_chars: 100_000,
    max_sync_chars: 4_096,
    max_audio_seconds: 3_700,
};

#[tokio::test]
async fn every_bad_input_is_refused_with_its_code_and_the_server_lives_on() {
    let flags = ["--max-upload-mib", "1", "--max-audio-seconds", "3700"];
    let (_data, server) = fresh_server(&flags).await;
    let client = server.client().expect("a client");
    let table = bad_inputs::all(BOUNDS);
    let mut wrong = Vec::new();
    for bad in &table {
        let answer = sent(&client, bad).await;
        if !refused_as_it_should_be(bad, &answer) {
            let body = String::from_utf8_lossy(&answer.body);
            wrong.push(format!("{bad:?}: {} {body}", answer.status));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}: {wrong:#?}",
        wrong.len(),
        table.len()
    );

    assert!(table.len() >= 60);
    assert_eq!(client.get("/livez").await.expect("alive").status, 200);
    let jobs = client.get("/v1/jobs").await.expect("jobs");
    let jobs = jobs.accepted().expect("a list");
    assert_eq!(jobs["data"], serde_json::json!([]), "nothing was recorded");
    let spoken = client.spoken("piper", JOE, "I am still here.").await;
    spoken.expect("it works on");
    server.stop().await.expect("stops");
}

async fn sent(client: &Client, bad: &BadInput) -> Answer {
    let method = Method::from_bytes(bad.method.as_bytes()).expect("a method");
    let mut request = client.request(method, &bad.path).body(bad.body.clone());
    if let Some(kind) = &bad.content_type {
        request = request.header(CONTENT_TYPE, kind);
    }
    let answer = client.send(request).await;
    answer.unwrap_or_else(|error| panic!("{}: {error:#}", bad.name))
}

fn refused_as_it_should_be(bad: &BadInput, answer: &Answer) -> bool {
    let (code, field) = bad.code_and_field(&answer.body);
    let field_named = bad
        .field
        .is_none_or(|wanted| field.as_deref() == Some(wanted));
    answer.status == bad.status && code == bad.code && field_named
}
