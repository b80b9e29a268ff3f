//! How the service is doing, and how it describes itself.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use axum::{body::Body, http::Request};
use serde_json::json;

use crate::support::Api;

#[tokio::test]
async fn alive_whatever_the_others_do() {
    let api = Api::new();
    for outage in [api.queue.outage(), api.records.outage(), api.blobs.outage()] {
        outage.set_down(true);
    }
    assert_eq!(api.get("/livez").await.expect(200).text(), "ok\n");
    assert_eq!(api.get("/").await.expect(200).json()["name"], "voicefleet");
}

#[tokio::test]
async fn ready_when_every_part_answers_and_otherwise_says_which_does_not() {
    let api = Api::new();
    let ready = api.get("/readyz").await.expect(200).json();
    assert_eq!(
        ready,
        json!({"status": "ready", "parts": {"queue": "ok", "records": "ok", "blobs": "ok"}})
    );
    for (outage, part) in [
        (api.queue.outage(), "queue"),
        (api.records.outage(), "records"),
        (api.blobs.outage(), "blobs"),
    ] {
        outage.set_down(true);
        let problem = api.get("/readyz").await.expect(503).json();
        outage.set_down(false);
        assert_eq!(problem["code"], "unavailable");
        for (name, state) in problem["parts"].as_object().expect("parts") {
            let expected = if name == part { "unavailable" } else { "ok" };
            assert_eq!(state, expected, "{name} while {part} is down");
        }
    }
    api.get("/readyz").await.expect(200);
}

#[tokio::test]
async fn a_server_that_stops_says_so_and_still_answers() {
    let api = Api::new();
    api.stop.draining.cancel();
    let problem = api.get("/readyz").await.expect(503).json();
    assert_eq!(problem["detail"], "the server is stopping");
    api.get("/livez").await.expect(200);
    api.get("/v1/jobs").await.expect(200);
}

#[tokio::test]
async fn metrics_are_what_the_context_gives() {
    let answer = Api::new().get("/metrics").await.expect(200);
    assert_eq!(
        answer.header("content-type"),
        "text/plain; version=0.0.4; charset=utf-8"
    );
    assert_eq!(answer.text(), "up 1\n");
}

#[tokio::test]
async fn every_answer_has_a_request_id_and_a_usable_one_is_taken_over() {
    let api = Api::new();
    let long = "a".repeat(129);
    for (given, taken_over) in [
        ("my-request.1", true),
        ("", false),
        ("two words", false),
        (long.as_str(), false),
    ] {
        let request = Request::get("/v1/nothing").header("x-request-id", given);
        let answer = api
            .send(request.body(Body::empty()).expect("a request"))
            .await
            .expect(404);
        let id = answer.header("x-request-id");
        assert_eq!(id == given, taken_over, "{given}: {id}");
        assert!(!id.is_empty());
        assert_eq!(answer.json()["request_id"], id);
    }
    assert!(api.get("/livez").await.headers.contains_key("x-request-id"));
}

#[tokio::test]
async fn a_panic_is_an_answer_and_not_the_end() {
    let api = Api::custom(|context| context.catalog = Arc::new(|| panic!("a secret path /etc/x")));
    let answer = api.get("/v1/models").await.expect(500);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(answer.json()["code"], "internal");
    assert!(!answer.text().contains("secret"));
    assert!(answer.headers.contains_key("x-request-id"));
    api.get("/livez").await.expect(200);
}

/// `VOICEFLEET_WRITE_OPENAPI=1` writes the file anew.
#[tokio::test]
async fn the_committed_openapi_document_is_the_one_that_is_served() {
    let served = Api::new().get("/openapi.json").await.expect(200).json();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let pretty = format!("{}\n", serde_json::to_string_pretty(&served).expect("JSON"));
    if std::env::var_os("VOICEFLEET_WRITE_OPENAPI").is_some() {
        std::fs::write(&file, &pretty).expect("written");
    }
    let committed = std::fs::read_to_string(&file).expect("api/openapi.json");
    assert!(
        committed == pretty,
        "api/openapi.json is out of date; run the test with VOICEFLEET_WRITE_OPENAPI=1"
    );
}

#[tokio::test]
async fn the_pages_of_the_documentation_come_from_this_server_alone() {
    let api = Api::new();
    assert_eq!(
        api.get("/docs").await.expect(303).header("location"),
        "/docs/"
    );
    let page = api.get("/docs/").await.expect(200);
    assert!(
        page.header("content-security-policy")
            .starts_with("default-src 'self'")
    );
    let html = page.text();
    let sources: BTreeSet<&str> = html
        .split(['"', '\''])
        .filter(|text| matches!(text.rsplit_once('.'), Some((_, "js" | "css"))))
        .collect();
    assert!(sources.len() >= 3, "{sources:?}");
    for source in sources {
        assert!(!source.contains("//"), "{source}");
        api.get(&format!("/docs/{}", source.trim_start_matches("./")))
            .await
            .expect(200);
    }
    let start = api
        .get("/docs/swagger-initializer.js")
        .await
        .expect(200)
        .text();
    assert!(
        start.contains("/openapi.json") && start.contains("\"validatorUrl\": \"none\""),
        "{start}"
    );
    assert_eq!(
        api.get("/docs/nothing").await.expect(404).json()["code"],
        "not_found"
    );
}
