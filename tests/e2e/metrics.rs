//! What Prometheus sees.

use voicefleet_tests::Client;

use crate::{JOE, fresh_server};

/// Sum of the samples of a metric whose labels include `labels`.
pub(crate) async fn counter(client: &Client, name: &str, labels: &[(&str, &str)]) -> f64 {
    let body = client.get("/metrics").await.expect("metrics").body;
    let text = String::from_utf8(body).expect("text");
    let wanted = |line: &&str| {
        let series = line
            .strip_prefix(name)
            .is_some_and(|rest| rest.starts_with(['{', ' ']));
        series
            && labels
                .iter()
                .all(|(key, value)| line.contains(&format!("{key}=\"{value}\"")))
    };
    let value = |line: &str| {
        line.rsplit(' ')
            .next()
            .and_then(|number| number.parse::<f64>().ok())
    };
    text.lines().filter(wanted).filter_map(value).sum()
}

#[tokio::test]
async fn every_promised_metric_is_there_after_one_job() {
    let (_data, server) = fresh_server(&[]).await;
    let client = server.client().expect("a client");
    client
        .spoken("piper", JOE, "Count me.")
        .await
        .expect("audio");
    client
        .spoken("piper", JOE, "Count me.")
        .await
        .expect("audio");
    let text =
        String::from_utf8(client.get("/metrics").await.expect("metrics").body).expect("text");
    for name in [
        "voicefleet_queue_ready_jobs",
        "voicefleet_queue_in_flight_jobs",
        "voicefleet_queue_backlog_seconds",
        "voicefleet_queue_wait_seconds",
        "voicefleet_job_compute_seconds",
        "voicefleet_audio_seconds_total",
        "voicefleet_real_time_factor",
        "voicefleet_jobs_finished_total",
        "voicefleet_cache_hits_total",
        "voicefleet_model_load_seconds",
    ] {
        assert!(text.contains(name), "{name} is missing in:\n{text}");
    }
    let finished = [
        ("engine", "piper"),
        ("tier", "standard"),
        ("status", "succeeded"),
    ];
    assert!(
        (counter(&client, "voicefleet_jobs_finished_total", &finished).await - 1.0).abs() < 0.1
    );
    server.stop().await.expect("stops");
}
