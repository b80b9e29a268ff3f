//! The one way in: cached, followed, hastened, refused, and never lost.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::{body::Body, http::Request};
use opentelemetry::trace::TracerProvider as _;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tracing_subscriber::layer::SubscriberExt as _;
use voicefleet_core::{
    EngineId, Envelope, Tier,
    ports::{Arrivals, JobConsumer, JobQueue, PoolGauge, QueueError},
};
use voicefleet_testkit::memory::MemoryQueue;

use crate::support::{Api, client::json as json_request};

fn speech(text: &str, tier: &str) -> Value {
    json!({"kind": "speech", "input": text, "tier": tier})
}

#[tokio::test]
async fn work_that_has_been_done_is_not_done_again() {
    let api = Api::new();
    let worker = api.worker();
    let first = api
        .post("/v1/jobs", &speech("Hello.", "batch"))
        .await
        .expect(202)
        .id();
    api.get(&format!("/v1/jobs/{first}?wait=30"))
        .await
        .expect(200);
    drop(worker);
    let mp3 = json!({"kind": "speech", "input": " Hello. ", "tier": "realtime", "response_format": "mp3"});
    let answer = api.post("/v1/jobs", &mp3).await.expect(200);
    let job = answer.json();
    assert_eq!(job["status"], "succeeded");
    assert_eq!(job["from_cache"], true);
    let before = api.get(&format!("/v1/jobs/{first}")).await.expect(200);
    let length = &job["timings"]["audio_seconds"];
    assert!(length.as_f64() > Some(0.0), "{job}");
    assert_eq!(*length, before.json()["timings"]["audio_seconds"]);
    assert_eq!(job["progress"]["fraction"], 1.0);
    assert_ne!(job["id"], first);
    assert!(!answer.headers.contains_key("retry-after"));
    assert_eq!(api.waiting("piper").await, [0, 0, 0]);
    let result = api
        .get(&format!("/v1/jobs/{}/result", answer.id()))
        .await
        .expect(200);
    assert_eq!(result.header("x-voicefleet-cache"), "hit");
}

#[tokio::test]
async fn the_same_work_in_flight_is_followed() {
    let api = Api::new();
    let first = api
        .post("/v1/jobs", &speech("Hello.", "standard"))
        .await
        .expect(202)
        .id();
    let second = api
        .post("/v1/jobs", &speech("Hello.", "standard"))
        .await
        .expect(202);
    assert_eq!(second.json()["follows"], first);
    assert_eq!(api.waiting("piper").await, [0, 1, 0]);
    let _worker = api.worker();
    let path = format!("/v1/jobs/{}", second.id());
    let job = api.get(&format!("{path}?wait=30")).await.expect(200).json();
    assert_eq!(job["status"], "succeeded");
    let result = api.get(&format!("{path}/result")).await.expect(200);
    assert_eq!(result.header("x-voicefleet-cache"), "follow");
}

#[tokio::test]
async fn an_urgent_follower_hastens_the_one_it_follows() {
    let api = Api::new();
    let leader = api
        .post("/v1/jobs", &speech("Hello.", "batch"))
        .await
        .expect(202)
        .id();
    api.post("/v1/jobs", &speech("Hello.", "realtime"))
        .await
        .expect(202);
    assert_eq!(api.waiting("piper").await, [1, 0, 1]);
    let envelope = api.next_envelope("piper").await;
    assert_eq!(
        (envelope.tier, envelope.job_id.to_string()),
        (Tier::Realtime, leader)
    );
}

#[tokio::test]
async fn a_follower_that_can_wait_hastens_nobody() {
    let api = Api::new();
    api.post("/v1/jobs", &speech("Hello.", "realtime"))
        .await
        .expect(202);
    api.post("/v1/jobs", &speech("Hello.", "batch"))
        .await
        .expect(202);
    assert_eq!(api.waiting("piper").await, [1, 0, 0]);
}

#[tokio::test]
async fn one_mix_in_two_spellings_is_one_work() {
    let api = Api::new();
    let with_voice = |voice: &str| json!({"kind": "speech", "input": "Hello.", "voice": voice});
    let first = api
        .post("/v1/jobs", &with_voice("af_heart+af_bella(1)"))
        .await
        .expect(202)
        .json();
    assert_eq!(first["voice"], "af_bella+af_heart");
    let second = api
        .post("/v1/jobs", &with_voice(" af_bella(3) + af_heart(3)"))
        .await
        .expect(202)
        .json();
    assert_eq!(second["follows"], first["id"]);
    let other = api
        .post("/v1/jobs", &with_voice("af_bella(2)+af_heart"))
        .await
        .expect(202)
        .json();
    assert_eq!(
        (&other["voice"], &other["follows"]),
        (&json!("af_bella+af_heart(0.5)"), &Value::Null)
    );
}

#[tokio::test]
async fn a_job_that_cannot_be_queued_is_refused_and_recorded_as_failed() {
    let api = Api::new();
    api.queue.outage().set_down(true);
    let answer = api
        .post("/v1/jobs", &speech("Hello.", "standard"))
        .await
        .expect(503);
    assert_eq!(answer.json()["code"], "unavailable");
    assert_eq!(answer.header("retry-after"), "5");
    let id = answer.header("x-voicefleet-job-id").to_owned();
    assert_eq!(answer.json()["job_id"], id);
    api.queue.outage().set_down(false);
    let job = api.get(&format!("/v1/jobs/{id}")).await.expect(200).json();
    assert_eq!(
        (&job["status"], &job["error"]["code"]),
        (&json!("failed"), &json!("unavailable"))
    );
    // The next one does not follow the one that failed.
    let next = api
        .post("/v1/jobs", &speech("Hello.", "standard"))
        .await
        .expect(202)
        .json();
    assert_eq!(next["follows"], Value::Null);
}

#[tokio::test]
async fn a_full_queue_says_so() {
    let api = Api::custom(|context| {
        let clock = voicefleet_testkit::FakeClock::default();
        context.queue = Arc::new(MemoryQueue::bounded(clock, 1));
    });
    api.post("/v1/jobs", &speech("One.", "standard"))
        .await
        .expect(202);
    let answer = api
        .post("/v1/jobs", &speech("Two.", "standard"))
        .await
        .expect(429);
    assert_eq!(answer.json()["code"], "queue_full");
    assert!(answer.headers.contains_key("retry-after"));
    let openai = json!({"model": "tts-1", "input": "Three.", "voice": "alloy", "tier": "standard"});
    let answer = api.post("/v1/audio/speech", &openai).await.expect(429);
    assert_eq!(answer.json()["error"]["type"], "rate_limit_error");
    assert_eq!(answer.header("x-should-retry"), "true");
}

#[tokio::test]
async fn without_records_nothing_is_queued() {
    let api = Api::new();
    api.records.outage().set_down(true);
    let answer = api
        .post("/v1/jobs", &speech("Hello.", "standard"))
        .await
        .expect(503);
    assert_eq!(
        answer.json()["detail"],
        "the job store does not answer; try again later"
    );
    assert_eq!(api.waiting("piper").await, [0, 0, 0]);
}

#[tokio::test]
async fn without_the_cache_work_goes_on() {
    let api = Api::new();
    api.blobs.outage().set_down(true);
    api.post("/v1/jobs", &speech("Hello.", "standard"))
        .await
        .expect(202);
    assert_eq!(api.waiting("piper").await, [0, 1, 0]);
}

/// A queue that lets nothing through until it is told to.
struct SlowQueue {
    inner: MemoryQueue,
    gate: Arc<Semaphore>,
}

#[async_trait]
impl JobQueue for SlowQueue {
    async fn publish(&self, envelope: &Envelope) -> Result<(), QueueError> {
        self.gate.acquire().await.expect("open").forget();
        self.inner.publish(envelope).await
    }

    async fn consume(&self, engine: &EngineId) -> Result<Box<dyn JobConsumer>, QueueError> {
        self.inner.consume(engine).await
    }

    async fn arrivals(&self, engine: &EngineId) -> Result<Box<dyn Arrivals>, QueueError> {
        self.inner.arrivals(engine).await
    }

    async fn gauge(&self, engine: &EngineId) -> Result<PoolGauge, QueueError> {
        self.inner.gauge(engine).await
    }

    async fn purge_dead(&self, engine: &EngineId, tier: Tier) -> Result<u64, QueueError> {
        self.inner.purge_dead(engine, tier).await
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_does_not_strand_its_job() {
    let gate = Arc::new(Semaphore::new(0));
    let clock = voicefleet_testkit::FakeClock::default();
    let inner = MemoryQueue::new(clock);
    let slow = SlowQueue {
        inner: inner.clone(),
        gate: Arc::clone(&gate),
    };
    let api = Api::custom(|context| context.queue = Arc::new(slow));
    let request = api.send(json_request("/v1/jobs", &speech("Hello.", "standard")));
    let hung_up = tokio::time::timeout(Duration::from_millis(200), request).await;
    assert!(
        hung_up.is_err(),
        "the request was still waiting for the queue"
    );
    assert_eq!(api.records.all().len(), 1, "and its job was recorded");
    gate.add_permits(1);
    api.tasks.close();
    tokio::time::timeout(Duration::from_secs(5), api.tasks.wait())
        .await
        .expect("completed");
    let gauge = inner.gauge(&EngineId::new("piper")).await.expect("a gauge");
    assert_eq!(
        gauge.tiers[Tier::Standard.rank()].ready,
        1,
        "so it is queued"
    );
}

#[tokio::test]
async fn the_callers_trace_travels_with_the_job() {
    let api = Api::new();
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let body = speech("Hello.", "standard").to_string();
    let request = Request::post("/v1/jobs")
        .header("content-type", "application/json")
        .header("traceparent", parent)
        .header("tracestate", "vendor=1");
    api.send(request.body(Body::from(body)).expect("a request"))
        .await
        .expect(202);
    let trace = api.next_envelope("piper").await.trace.expect("a trace");
    assert_eq!(
        (trace.traceparent.as_str(), trace.tracestate.as_str()),
        (parent, "vendor=1")
    );
}

/// The trace and the span of a `traceparent`.
fn ids(traceparent: &str) -> (String, String) {
    let parts: Vec<&str> = traceparent.split('-').collect();
    (parts[1].to_owned(), parts[2].to_owned())
}

#[tokio::test]
async fn where_traces_are_recorded_the_job_belongs_to_the_requests_own_span() {
    let provider = opentelemetry_sdk::trace::SdkTracerProvider::builder().build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    let _recording = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    let api = Api::new();
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let request = |text: &str, parent: Option<&str>| {
        let mut request = json_request("/v1/jobs", &speech(text, "standard"));
        if let Some(parent) = parent {
            let value = parent.parse().expect("a value");
            request.headers_mut().insert("traceparent", value);
        }
        request
    };
    api.send(request("One.", Some(parent))).await.expect(202);
    let joined = api.next_envelope("piper").await.trace.expect("a trace");
    let ((trace, span), (callers_trace, callers_span)) = (ids(&joined.traceparent), ids(parent));
    assert_eq!(trace, callers_trace);
    assert_ne!(span, callers_span);
    api.send(request("Two.", None)).await.expect(202);
    let begun = api.next_envelope("piper").await.trace.expect("a trace");
    assert_ne!(ids(&begun.traceparent).0, callers_trace);
}
