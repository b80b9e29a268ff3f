//! Requests through the whole router, over fakes in memory, on one thread.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    http::{Method, Request, StatusCode},
};
use bytes::Bytes;
use futures::FutureExt;
use gungraun::{library_benchmark, library_benchmark_group};
use http_body_util::BodyExt;
use serde_json::json;
use tokio::runtime::Runtime;
use tokio_util::task::TaskTracker;
use tower::Service;
use voicefleet_api::{ApiContext, ApiLimits, ApiStop, KeyPolicy, router};
use voicefleet_audio::Codec;
use voicefleet_core::{
    Catalog, EngineId, ModelEntry, VoiceEntry, catalog::ModelTask, fingerprint::digest_of,
    scaling::ScalingPolicy,
};
use voicefleet_testkit::{
    FakeClock,
    memory::{MemoryBlobs, MemoryDocuments, MemoryQueue, MemoryRecords},
};
use voicefleet_webhooks::{UrlPolicy, Webhooks};

use crate::{text::PARAGRAPH, worker::one_thread};

/// The name of the voice, the model and the engine.
const ENGINE: &str = "idle";

/// Requests that are counted.
const REQUESTS: usize = 20;

/// An API, and what it is to be asked.
struct Asked {
    runtime: Runtime,
    router: Router,
    requests: Vec<Request<Body>>,
    status: StatusCode,
}

impl Asked {
    /// An API that has taken as many jobs already, so that nothing is done for the first time.
    fn of(status: StatusCode, request: impl Fn(&str) -> Request<Body>) -> Self {
        let texts = |when| (0..REQUESTS).map(move |number| format!("{when} {number}: {PARAGRAPH}"));
        let mut asked = Self {
            runtime: one_thread(),
            router: router(context()),
            requests: texts("Before")
                .map(|text| submission(&text, ENGINE))
                .collect(),
            status: StatusCode::ACCEPTED,
        };
        asked.answer();
        asked.requests = texts("Now").map(|text| request(&text)).collect();
        asked.status = status;
        asked
    }

    fn answer(&mut self) {
        for request in self.requests.drain(..) {
            let (status, body) = self.runtime.block_on(answer(&mut self.router, request));
            assert_eq!(status, self.status, "{}", String::from_utf8_lossy(&body));
        }
    }
}

async fn answer(router: &mut Router, request: Request<Body>) -> (StatusCode, Bytes) {
    let answered = router.call(request).await.expect("infallible");
    let (head, body) = answered.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    (head.status, body)
}

#[library_benchmark]
#[bench::submit(setup = submitting)]
#[bench::refuse(setup = refusing)]
#[bench::list(setup = listing)]
fn twenty(mut asked: Asked) -> Asked {
    asked.answer();
    asked
}

fn submitting() -> Asked {
    Asked::of(StatusCode::ACCEPTED, |text| submission(text, ENGINE))
}

fn refusing() -> Asked {
    Asked::of(StatusCode::BAD_REQUEST, |text| submission(text, "nobody"))
}

/// A page of twenty jobs each.
fn listing() -> Asked {
    Asked::of(StatusCode::OK, |_| {
        let request = Request::get("/v1/jobs").body(Body::empty());
        request.expect("a request")
    })
}

fn submission(text: &str, voice: &str) -> Request<Body> {
    let body = json!({"kind": "speech", "engine": ENGINE, "voice": voice, "input": text});
    Request::builder()
        .method(Method::POST)
        .uri("/v1/jobs")
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .expect("a request")
}

fn context() -> ApiContext {
    let clock = FakeClock::default();
    let records = MemoryRecords::new(clock.clone());
    let documents = MemoryDocuments::new(clock.clone());
    let catalog = Arc::new(catalog());
    ApiContext {
        queue: Arc::new(MemoryQueue::new(clock.clone())),
        records: Arc::new(records.clone()),
        ledger: Arc::new(records),
        webhooks: Webhooks::new(
            Arc::new(documents.clone()),
            Arc::new(clock.clone()),
            UrlPolicy::default(),
        ),
        documents: Arc::new(documents),
        keys: KeyPolicy::default(),
        scaling: ScalingPolicy::default(),
        blobs: Arc::new(MemoryBlobs::new(1 << 20)),
        codec: Arc::new(Codec),
        catalog: Arc::new(move || Arc::clone(&catalog)),
        clock: Arc::new(clock),
        limits: ApiLimits::default(),
        metrics: Arc::new(|| async { String::new() }.boxed()),
        tasks: TaskTracker::new(),
        stop: ApiStop::default(),
    }
}

fn catalog() -> Catalog {
    Catalog {
        models: vec![ModelEntry {
            name: ENGINE.to_owned(),
            engine: EngineId::new(ENGINE),
            task: ModelTask::Speech,
            digest: digest_of(ENGINE.as_bytes()),
            licence: "MIT".to_owned(),
            installed: true,
            languages: vec!["en".to_owned()],
        }],
        voices: vec![VoiceEntry {
            name: ENGINE.to_owned(),
            engine: EngineId::new(ENGINE),
            model: ENGINE.to_owned(),
            language: "en-US".to_owned(),
            mixable: false,
        }],
    }
}

library_benchmark_group!(name = requests, benchmarks = [twenty]);
