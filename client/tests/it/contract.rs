//! The client offers what the API's document has, by the names that it has.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use axum::{Router, extract::Request, http::StatusCode};
use futures::StreamExt;
use serde_json::Value;
use voicefleet_client::{
    AudioFormat, BatchEndpoint, BatchStatus, Client, ErrorCode, JobFilter, JobKind, JobStatus,
    NewBatch, NewKey, NewSplit, NewWebhook, SpeechJob, SpeechRequest, Tier, TranscriptFormat,
    TranscriptionJob, TranscriptionRequest, WebhookChange,
};

use crate::support::{PATIENCE, recording, serve};

/// What the client does not offer, and why.
const NOT_OFFERED: [(&str, &str); 3] = [
    (
        "GET /openapi.json",
        "a file for programs that write clients",
    ),
    ("GET /v1/live", "a WebSocket, for which there are libraries"),
    (
        "DELETE /v1/jobs/{id}",
        "the same as POST /v1/jobs/{id}/cancel",
    ),
];

/// What stands in every path for an id.
const ID: &str = "an-id";

/// A server that does nothing but write down what it is asked, as `METHOD /path`.
async fn asked_by(calls: impl AsyncFnOnce(Client)) -> BTreeSet<String> {
    let asked = Arc::new(Mutex::new(BTreeSet::new()));
    let log = Arc::clone(&asked);
    let write_down = async move |request: Request| {
        let line = format!("{} {}", request.method(), request.uri().path());
        log.lock().expect("sound").insert(line);
        StatusCode::NOT_IMPLEMENTED
    };
    let (base, _serving) = serve(Router::new().fallback(write_down)).await;
    calls(Client::builder(&base).build().expect("a client")).await;
    asked.lock().expect("sound").clone()
}

async fn every_call(client: Client) {
    let speech = SpeechRequest::new("Hello.");
    let listening = TranscriptionRequest::new(recording());
    let batch = NewBatch::new(ID, BatchEndpoint::Speech);
    let split = NewSplit::new(BTreeMap::new());
    let webhook = NewWebhook::new("https://example.com/");
    drop(client.welcome().await);
    drop(client.alive().await);
    drop(client.ready().await);
    drop(client.metrics().await);
    drop(client.models().await);
    drop(client.model(ID).await);
    drop(client.voices().await);
    drop(client.speak(&speech).await);
    drop(client.transcribe(&listening).await);
    drop(client.translate(&listening).await);
    drop(client.submit_speech(&SpeechJob::new("Hello.")).await);
    drop(
        client
            .submit_transcription(&TranscriptionJob::of_file(ID))
            .await,
    );
    drop(client.job(ID).await);
    drop(Box::pin(client.jobs(JobFilter::default())).next().await);
    drop(Box::pin(client.events(ID, PATIENCE)).next().await);
    drop(client.result(ID).await);
    drop(client.cancel(ID).await);
    drop(client.retry(ID).await);
    drop(client.dead_letters().await);
    drop(client.purge_dead_letters("piper", None).await);
    drop(client.upload_audio(recording()).await);
    drop(Box::pin(client.files()).next().await);
    drop(client.file(ID).await);
    drop(client.file_content(ID).await);
    drop(client.delete_file(ID).await);
    drop(client.create_batch(&batch).await);
    drop(client.batch(ID).await);
    drop(Box::pin(client.batches()).next().await);
    drop(client.cancel_batch(ID).await);
    drop(client.create_key(&NewKey::new("acme")).await);
    drop(client.keys().await);
    drop(client.revoke_key(ID).await);
    drop(client.usage(1, None).await);
    drop(client.split().await);
    drop(client.set_split(&split).await);
    drop(client.create_webhook(&webhook).await);
    drop(client.webhooks().await);
    drop(client.webhook(ID).await);
    drop(client.update_webhook(ID, &WebhookChange::default()).await);
    drop(client.delete_webhook(ID).await);
    drop(client.rotate_webhook(ID).await);
    drop(Box::pin(client.deliveries(ID)).next().await);
    drop(client.redeliver(ID, ID).await);
}

fn document() -> Value {
    serde_json::from_str(include_str!("../../../api/openapi.json")).expect("JSON")
}

/// Every operation of the document, its parameters replaced by an id where `filled`.
fn documented() -> BTreeMap<String, String> {
    let document = document();
    let paths = document["paths"].as_object().expect("paths");
    let operations = paths.iter().flat_map(|(path, operations)| {
        let methods = operations.as_object().expect("operations").keys();
        methods.map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    let filled = |operation: &str| {
        let segments = operation.split('/');
        let filled = segments.map(|segment| {
            if segment.starts_with('{') {
                ID
            } else {
                segment
            }
        });
        filled.collect::<Vec<_>>().join("/")
    };
    operations.map(|named| (filled(&named), named)).collect()
}

#[tokio::test]
async fn every_operation_is_offered_and_no_other() {
    let documented = documented();
    let asked = asked_by(every_call).await;
    let excepted: Vec<&str> = NOT_OFFERED
        .iter()
        .map(|(operation, _)| *operation)
        .collect();
    let missing: Vec<_> = documented
        .iter()
        .filter(|(filled, _)| !asked.contains(*filled))
        .map(|(_, named)| named.as_str())
        .filter(|named| !excepted.contains(named))
        .collect();
    assert!(missing.is_empty(), "not offered: {missing:?}");
    let invented: Vec<_> = asked
        .iter()
        .filter(|filled| !documented.contains_key(*filled))
        .collect();
    assert!(invented.is_empty(), "not in the document: {invented:?}");
    for named in excepted {
        let (filled, _) = documented
            .iter()
            .find(|(_, known)| *known == named)
            .unwrap_or_else(|| panic!("{named} is no operation"));
        assert!(!asked.contains(filled), "{named} is offered");
    }
}

#[test]
fn names_are_those_of_the_document() {
    let document = document();
    let known: [(&str, &[&str]); 7] = [
        ("Tier", Tier::KNOWN),
        ("Status", JobStatus::KNOWN),
        ("Kind", JobKind::KNOWN),
        ("AudioFormat", AudioFormat::KNOWN),
        ("TranscriptFormat", TranscriptFormat::KNOWN),
        ("BatchStatus", BatchStatus::KNOWN),
        ("BatchEndpoint", BatchEndpoint::KNOWN),
    ];
    for (schema, known) in known {
        let named = &document["components"]["schemas"][schema]["enum"];
        let named: BTreeSet<&str> = named
            .as_array()
            .unwrap_or_else(|| panic!("{schema} has no names"))
            .iter()
            .filter_map(Value::as_str)
            .collect();
        assert_eq!(named, known.iter().copied().collect(), "{schema}");
    }
}

/// serde says which names it would have taken.
#[test]
fn error_codes_are_those_of_the_server() {
    let refused = serde_json::from_str::<voicefleet_core::ErrorCode>("\"\"");
    let refused = refused.expect_err("no code").to_string();
    let (_, expected) = refused.split_once("expected one of ").expect("a list");
    let codes: BTreeSet<&str> = expected.split('`').skip(1).step_by(2).collect();
    assert!(codes.len() > 40, "{refused}");
    assert_eq!(codes, ErrorCode::KNOWN.iter().copied().collect());
}
