//! Jobs from submit to end, as their owners see them.

use axum::{body::Body, http::Request};
use serde_json::{Value, json};
use voicefleet_core::Tier;

use crate::support::{Api, worker::FAILS};

fn speech(text: &str) -> Value {
    json!({"kind": "speech", "input": text, "voice": "af_heart", "tier": "batch"})
}

#[tokio::test]
async fn a_job_is_accepted_at_once_and_described_fully() {
    let api = Api::new();
    let answer = api
        .post("/v1/jobs", &speech("Hello there."))
        .await
        .expect(202);
    let job = answer.json();
    let id = job["id"].as_str().expect("an id");
    assert_eq!(answer.header("location"), format!("/v1/jobs/{id}"));
    assert_eq!(answer.header("x-voicefleet-job-id"), id);
    assert!(
        answer
            .header("retry-after")
            .parse::<u64>()
            .expect("seconds")
            >= 1
    );
    for (member, value) in [
        ("object", json!("job")),
        ("kind", json!("speech")),
        ("status", json!("queued")),
        ("tier", json!("batch")),
        ("engine", json!("kokoro")),
        ("model", json!("kokoro-82m")),
        ("voice", json!("af_heart")),
        ("response_format", json!("wav")),
        ("language", Value::Null),
        ("file_id", Value::Null),
        ("progress", json!({"done": 0, "total": 0, "fraction": 0.0})),
        ("created_at", json!("2026-01-01T00:00:00.000Z")),
        ("started_at", Value::Null),
        ("attempts", json!(0)),
        ("from_cache", json!(false)),
        ("follows", Value::Null),
        ("error", Value::Null),
        (
            "links",
            json!({
                "self": format!("/v1/jobs/{id}"),
                "result": format!("/v1/jobs/{id}/result"),
                "events": format!("/v1/jobs/{id}/events"),
                "cancel": format!("/v1/jobs/{id}/cancel"),
                "retry": format!("/v1/jobs/{id}/retry"),
            }),
        ),
    ] {
        assert_eq!(job[member], value, "{member}");
    }
    assert!(job["cost_seconds"].as_f64().expect("a cost") > 0.0);
    assert_eq!(
        api.get(&format!("/v1/jobs/{id}")).await.expect(200).json(),
        job
    );
}

#[tokio::test]
async fn what_is_queued_is_what_was_asked_for() {
    let api = Api::new();
    let body = json!({"kind": "speech", "input": "  Two \n\n lines\u{7}.", "engine": "auto", "tier": "realtime",
        "response_format": "opus", "speed": 1.25, "deadline": 90});
    let id = api.post("/v1/jobs", &body).await.expect(202).id();
    let envelope = api.next_envelope("piper").await;
    assert_eq!(envelope.job_id.to_string(), id);
    assert_eq!(envelope.tier, Tier::Realtime);
    let deadline = envelope.deadline.expect("a deadline");
    assert_eq!(
        deadline
            .since(voicefleet_core::Clock::now(&api.clock))
            .as_secs(),
        90
    );
    let voicefleet_core::JobSpec::Speech(spec) = envelope.spec else {
        panic!("speech")
    };
    assert_eq!(spec.text, "Two\nlines.");
    assert_eq!(spec.voice, "en_US-joe-medium");
    assert!((spec.speed - 1.25).abs() < f32::EPSILON);
    assert_eq!(spec.format, voicefleet_core::AudioFormat::Opus);
}

#[tokio::test]
async fn a_long_poll_answers_when_the_job_has_ended() {
    let api = Api::new();
    let id = api
        .post("/v1/jobs", &speech("Hello there."))
        .await
        .expect(202)
        .id();
    let path = format!("/v1/jobs/{id}?wait=30");
    let poll = api.get(&path);
    tokio::pin!(poll);
    assert!(futures::poll!(&mut poll).is_pending(), "nobody works yet");
    let _worker = api.worker();
    let job = poll.await.expect(200);
    assert!(!job.headers.contains_key("retry-after"));
    let job = job.json();
    assert_eq!(job["status"], "succeeded");
    assert_eq!(
        job["progress"],
        json!({"done": 3, "total": 3, "fraction": 1.0})
    );
    assert_eq!(job["timings"]["compute_ms"], 300.0);
    assert_eq!(job["timings"]["audio_seconds"], 1.5);
    let factor = job["timings"]["real_time_factor"]
        .as_f64()
        .expect("a number");
    assert!((factor - 0.2).abs() < 1e-9, "{factor}");
    assert_eq!(job["attempts"], 1);
}

#[tokio::test]
async fn whoever_waits_is_answered_before_the_server_closes() {
    let api = Api::new();
    let id = api
        .post("/v1/jobs", &speech("Hello there."))
        .await
        .expect(202)
        .id();
    let path = format!("/v1/jobs/{id}?wait=30");
    let poll = api.get(&path);
    let request =
        serde_json::json!({"model": "tts-1", "input": "Now, please.", "voice": "en_US-joe-medium"});
    let call = api.post("/v1/audio/speech", &request);
    tokio::pin!(poll, call);
    assert!(futures::poll!(&mut poll).is_pending(), "nobody works");
    assert!(futures::poll!(&mut call).is_pending(), "nobody works");
    api.stop.closing.cancel();
    assert_eq!(poll.await.expect(200).json()["status"], "queued");
    let problem = call.await.expect(503).json();
    assert_eq!(problem["error"]["code"], "unavailable");
}

#[tokio::test]
async fn a_long_poll_gives_up_after_its_wait() {
    let api = Api::new();
    let id = api
        .post("/v1/jobs", &speech("Hello there."))
        .await
        .expect(202)
        .id();
    let answer = api.get(&format!("/v1/jobs/{id}?wait=0")).await.expect(200);
    assert_eq!(answer.json()["status"], "queued");
    assert!(answer.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn the_wait_can_be_a_preference() {
    let api = Api::new();
    let _worker = api.worker();
    let id = api
        .post("/v1/jobs", &speech("Hello there."))
        .await
        .expect(202)
        .id();
    let request = Request::get(format!("/v1/jobs/{id}")).header("prefer", "wait=600");
    let answer = api
        .send(request.body(Body::empty()).expect("a request"))
        .await
        .expect(200);
    assert_eq!(answer.json()["status"], "succeeded");
    assert_eq!(answer.header("preference-applied"), "wait=60");
}

#[tokio::test]
async fn a_failed_job_says_why() {
    let api = Api::new();
    let _worker = api.worker();
    let id = api.post("/v1/jobs", &speech(FAILS)).await.expect(202).id();
    let job = api
        .get(&format!("/v1/jobs/{id}?wait=30"))
        .await
        .expect(200)
        .json();
    assert_eq!(job["status"], "failed");
    assert_eq!(job["error"]["code"], "engine_failed");
    assert_eq!(job["error"]["message"], "the engine failed on this input");
}

#[tokio::test]
async fn lists_are_paged_newest_first_and_filtered() {
    let api = Api::new();
    let mut ids = Vec::new();
    for number in 0..5 {
        let tier = if number == 2 { "realtime" } else { "batch" };
        let body = json!({"kind": "speech", "input": format!("Number {number}."), "tier": tier});
        ids.push(api.post("/v1/jobs", &body).await.expect(202).id());
    }
    ids.reverse();
    let listed = |page: &Value| -> Vec<String> {
        let jobs = page["data"].as_array().expect("jobs").iter();
        jobs.map(|job| job["id"].as_str().expect("an id").to_owned())
            .collect()
    };
    let first = api.get("/v1/jobs?limit=3").await.expect(200).json();
    assert_eq!(first["object"], "list");
    assert_eq!(listed(&first), ids[..3]);
    assert_eq!(
        (&first["first_id"], &first["last_id"]),
        (&json!(ids[0]), &json!(ids[2]))
    );
    assert_eq!(first["has_more"], true);
    let second = api
        .get(&format!("/v1/jobs?limit=3&after={}", ids[2]))
        .await
        .expect(200)
        .json();
    assert_eq!(listed(&second), ids[3..]);
    assert_eq!(second["has_more"], false);
    let urgent = api
        .get("/v1/jobs?tier=realtime&status=queued")
        .await
        .expect(200)
        .json();
    assert_eq!(listed(&urgent), [ids[2].clone()]);
    let none = api.get("/v1/jobs?status=failed").await.expect(200).json();
    assert_eq!((listed(&none).len(), &none["first_id"]), (0, &Value::Null));
}

#[tokio::test]
async fn pages_stay_as_they_are_while_new_jobs_come_in() {
    let api = Api::new();
    let submit = async |number: u32| {
        let body = json!({"kind": "speech", "input": format!("Number {number}.")});
        api.post("/v1/jobs", &body).await.expect(202).id()
    };
    let mut before = Vec::new();
    for number in 0..7 {
        before.push(submit(number).await);
    }
    before.reverse();
    let (mut seen, mut after, mut number) = (Vec::new(), String::new(), 100);
    loop {
        let page = api.get(&format!("/v1/jobs?limit=3{after}")).await;
        let page = page.expect(200).json();
        let jobs = page["data"].as_array().expect("jobs");
        seen.extend(
            jobs.iter()
                .map(|job| job["id"].as_str().expect("an id").to_owned()),
        );
        assert_eq!(page["has_more"], seen.len() < before.len());
        if page["has_more"] == false {
            break;
        }
        after = format!("&after={}", page["last_id"].as_str().expect("an id"));
        for _ in 0..2 {
            submit(number).await;
            number += 1;
        }
    }
    assert_eq!(seen, before, "each once, and none of the new ones");
    // A page that is full to the brim is the last one if nothing is left.
    let exact = api.get("/v1/jobs?limit=11").await.expect(200).json();
    assert_eq!(exact["data"].as_array().expect("jobs").len(), 11);
    assert_eq!(exact["has_more"], false);
}
