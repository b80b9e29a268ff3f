//! Bad input is refused with the right status, code and field, and does no harm.

use std::collections::BTreeSet;

use crate::{
    bad_inputs,
    support::{Api, bounds},
};

#[tokio::test]
async fn every_bad_input_is_refused_as_it_should_be() {
    let api = Api::new();
    let table = bad_inputs::all(bounds());
    let mut wrong = Vec::new();
    for bad in &table {
        let answer = api.send_bad(bad).await;
        let (code, field) = bad.code_and_field(&answer.body);
        let as_expected = answer.status.as_u16() == bad.status
            && code == bad.code
            && bad
                .field
                .is_none_or(|expected| field.as_deref() == Some(expected));
        if !as_expected {
            wrong.push(format!(
                "{}: expected {} {} {:?}, got {} {}",
                bad.name,
                bad.status,
                bad.code,
                bad.field,
                answer.status,
                answer.text()
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        table.len(),
        wrong.join("\n")
    );
    assert!(table.len() >= 60);
    api.get("/livez").await.expect(200);
    assert!(api.records.all().is_empty(), "nothing was recorded");
    assert_eq!(api.blobs.count(), 0, "nothing was kept");
}

#[test]
fn bad_inputs_have_names_of_their_own() {
    let table = bad_inputs::all(bounds());
    let names: BTreeSet<_> = table.iter().map(|bad| bad.name).collect();
    assert_eq!(names.len(), table.len());
}

#[tokio::test]
async fn a_problem_has_the_members_of_rfc_9457_and_ours() {
    let api = Api::new();
    let answer = api.get("/v1/jobs?tier=now").await.expect(400);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let problem = answer.json();
    assert_eq!(problem["type"], "urn:voicefleet:problem:unknown_tier");
    assert_eq!(problem["title"], "Unknown tier");
    assert_eq!(problem["status"], 400);
    assert_eq!(problem["code"], "unknown_tier");
    assert_eq!(problem["field"], "tier");
    assert_eq!(
        problem["detail"],
        "unknown tier 'now'; use one of realtime, standard, batch"
    );
    assert_eq!(problem["request_id"], answer.header("x-request-id"));
}

#[tokio::test]
async fn openais_clients_get_all_four_members_and_are_told_not_to_retry() {
    let api = Api::new();
    let body = serde_json::json!({"model": "tts-1", "input": "Hello", "voice": "nobody"});
    let answer = api.post("/v1/audio/speech", &body).await.expect(400);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("x-should-retry"), "false");
    assert_eq!(
        answer.json(),
        serde_json::json!({"error": {
            "message": "there is no voice 'nobody'; GET /v1/voices lists them",
            "type": "invalid_request_error", "param": "voice", "code": "unknown_voice",
        }})
    );
    let missing = api.get("/v1/audio/speech").await.expect(405);
    assert_eq!(missing.header("allow"), "POST");
    assert_eq!(missing.json()["error"]["param"], serde_json::Value::Null);
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let api = Api::new();
    let answer = api
        .call(axum::http::Method::PUT, "/v1/jobs")
        .await
        .expect(405);
    let allowed: BTreeSet<&str> = answer.header("allow").split(',').collect();
    assert_eq!(allowed, BTreeSet::from(["GET", "HEAD", "POST"]));
}
