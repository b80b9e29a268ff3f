//! The API's own metrics, as Prometheus gets them.

use std::sync::Arc;

use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::{Encoder, Registry, TextEncoder};
use serde_json::json;

use crate::support::Api;

/// An API whose metrics are exported for real. The meter provider is global: one test a process.
fn measured() -> Api {
    let registry = Registry::new();
    let exporter = opentelemetry_prometheus::exporter()
        .with_registry(registry.clone())
        .build()
        .expect("an exporter");
    let provider = SdkMeterProvider::builder().with_reader(exporter).build();
    opentelemetry::global::set_meter_provider(provider);
    Api::custom(|context| {
        context.metrics = Arc::new(move || {
            let mut text = Vec::new();
            TextEncoder::new()
                .encode(&registry.gather(), &mut text)
                .expect("text");
            let text = String::from_utf8(text).expect("text");
            Box::pin(async { text })
        });
    })
}

#[tokio::test]
async fn requests_jobs_and_the_cache_are_counted() {
    let api = measured();
    let worker = api.worker();
    let body =
        json!({"kind": "speech", "input": "Hello.", "tier": "batch", "response_format": "mp3"});
    let id = api.post("/v1/jobs", &body).await.expect(202).id();
    api.get(&format!("/v1/jobs/{id}?wait=30")).await.expect(200);
    drop(worker);
    api.post("/v1/jobs", &body).await.expect(200);
    api.get(&format!("/v1/jobs/{id}/result")).await.expect(200);
    let other = json!({"kind": "speech", "input": "Something else.", "tier": "batch"});
    api.post("/v1/jobs", &other).await.expect(202);
    api.post("/v1/jobs", &other).await.expect(202);
    api.upload("/v1/files", &[], &crate::bad_inputs::audio::tone_wav(1))
        .await
        .expect(201);
    api.get("/v1/nothing/at/all").await.expect(404);
    let text = api.get("/metrics").await.expect(200).text();
    let seen = |name: &str, labels: &[&str], value: &str| {
        text.lines().any(|line| {
            let (series, found) = line.rsplit_once(' ').unwrap_or_default();
            series.split('{').next() == Some(name)
                && found == value
                && labels.iter().all(|label| series.contains(label))
        })
    };
    let batch = [r#"engine="piper""#, r#"tier="batch""#];
    let requests = "voicefleet_http_requests_total";
    for (name, labels, value) in [
        (requests, [r#"route="/v1/jobs""#, r#"status="2xx""#], "4"),
        (
            requests,
            [r#"route="/v1/jobs/{id}/result""#, r#"status="2xx""#],
            "1",
        ),
        (requests, [r#"route="other""#, r#"status="4xx""#], "1"),
        (
            "voicefleet_http_request_duration_seconds_count",
            [r#"route="/v1/jobs""#, ""],
            "4",
        ),
        ("voicefleet_jobs_submitted_total", batch, "4"),
        ("voicefleet_cache_hits_total", batch, "1"),
        ("voicefleet_cache_misses_total", batch, "2"),
        ("voicefleet_single_flight_follows_total", batch, "1"),
        ("voicefleet_renderings_total", [r#"format="mp3""#, ""], "1"),
        ("voicefleet_uploads_bytes_total", ["", ""], "32044"),
    ] {
        assert!(
            seen(name, &labels, value),
            "{name} {labels:?} {value} is missing in:\n{text}"
        );
    }
}
