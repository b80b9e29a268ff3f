//! The document says what happens, and what happens is what the document says.

mod log;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use axum::{body::Body, extract::Request, http::Method};
use serde_json::{Value, json};
use voicefleet_api::ApiLimits;

use self::log::{Log, Outcome, documented};
use crate::{
    bad_inputs::{self, audio::tone_wav},
    idempotency, live, split,
    support::{
        Api, bounds, catalog, limits,
        worker::{FAILS, STALLS},
    },
    tenancy::Guarded,
    webhooks,
};

/// What OpenAI's clients send recordings to.
const LISTENING: [&str; 2] = ["/v1/audio/transcriptions", "/v1/audio/translations"];

#[tokio::test]
async fn every_documented_answer_occurs_and_no_other_does() {
    let log = Log::default();
    let api = log.watch(Api::new());
    let document = api.get("/openapi.json").await.expect(200).json();
    good_requests(&api).await;
    for bad in bad_inputs::all(bounds()) {
        api.send_bad(&bad).await;
    }
    without_stores(&api).await;
    cancelled_meanwhile(&log.watch(Api::new())).await;
    evicted(&log.watch(Api::new())).await;
    conditional(&log.watch(Api::new())).await;
    expired(&log).await;
    crowded(&log).await;
    full_queue(&log).await;
    impatient(&log).await;
    guarded(&log, &document).await;
    idempotency::used_twice(&log.watch(Api::new())).await;
    keys_and_usage(&log).await;
    webhooks::every_answer(&log.watch(Api::new())).await;
    live::handshake::every_answer(&log.watch(Api::new())).await;
    let (documented, occurred) = (documented(&document), log.outcomes(&document));
    // Any path refuses other methods alike; that is said once, at the top of the document.
    let occurred: BTreeSet<Outcome> = occurred
        .into_iter()
        .filter(|(_, _, status)| *status != 405)
        .collect();
    let never: Vec<_> = documented.difference(&occurred).collect();
    let undocumented: Vec<_> = occurred.difference(&documented).collect();
    assert!(
        never.is_empty() && undocumented.is_empty(),
        "never: {never:#?}\nundocumented: {undocumented:#?}"
    );
}

async fn good_requests(api: &Api) {
    let worker = api.worker();
    for path in [
        "/",
        "/livez",
        "/readyz",
        "/metrics",
        "/v1/models",
        "/v1/models/whisper-base",
        "/v1/voices",
        "/v1/jobs",
        "/v1/split",
    ] {
        api.get(path).await.expect(200);
    }
    let split = json!({"shares": {"piper": 60, "whisper": 30, "kokoro": 10}});
    split::set(api, &split).await.expect(200);
    let speech = json!({"kind": "speech", "input": "Hello."});
    let id = api.post("/v1/jobs", &speech).await.expect(202).id();
    api.get(&format!("/v1/jobs/{id}?wait=30")).await.expect(200);
    api.get(&format!("/v1/jobs/{id}/result")).await.expect(200);
    api.get(&format!("/v1/jobs/{id}/result?format=aac"))
        .await
        .expect(400);
    api.post("/v1/jobs", &speech).await.expect(200);
    let openai = |text: &str| json!({"model": "tts-1", "input": text, "voice": "alloy"});
    api.post("/v1/audio/speech", &openai("Hello."))
        .await
        .expect(200);
    api.post("/v1/audio/speech", &openai(FAILS))
        .await
        .expect(500);
    api.post("/v1/audio/speech", &openai(STALLS))
        .await
        .expect(504);
    for path in LISTENING {
        for (prompt, status) in [("", 200), (FAILS, 500), (STALLS, 504)] {
            let fields = [("model", "whisper-1"), ("prompt", prompt)];
            api.upload(path, &fields, &tone_wav(1)).await.expect(status);
        }
    }
    let file = api
        .upload("/v1/files", &[], &tone_wav(1))
        .await
        .expect(201)
        .id();
    api.get(&format!("/v1/files/{file}")).await.expect(200);
    api.call(Method::DELETE, &format!("/v1/files/{file}"))
        .await
        .expect(200);
    let failing = json!({"kind": "speech", "input": FAILS});
    let failed = api.post("/v1/jobs", &failing).await.expect(202).id();
    api.get(&format!("/v1/jobs/{failed}?wait=30"))
        .await
        .expect(200);
    api.get(&format!("/v1/jobs/{failed}/result"))
        .await
        .expect(422);
    let retry = format!("/v1/jobs/{failed}/retry");
    let again = api.call(Method::POST, &retry).await.expect(202).id();
    api.get(&format!("/v1/jobs/{again}?wait=30"))
        .await
        .expect(200);
    api.call(Method::POST, &format!("/v1/jobs/{id}/retry"))
        .await
        .expect(409);
    api.get("/v1/dead-letters").await.expect(200);
    api.call(Method::DELETE, "/v1/dead-letters?engine=piper")
        .await
        .expect(200);
    drop(worker);
    for (method, cancel) in [(Method::POST, "/cancel"), (Method::DELETE, "")] {
        let waiting = json!({"kind": "speech", "input": format!("Wait, {method}.")});
        let id = api.post("/v1/jobs", &waiting).await.expect(202).id();
        api.get(&format!("/v1/jobs/{id}/result")).await.expect(409);
        let path = format!("/v1/jobs/{id}{cancel}");
        api.call(method.clone(), &path).await.expect(202);
        api.call(method, &path).await.expect(200);
    }
    withdrawn_and_made_meanwhile(api).await;
    batched(api).await;
}

/// Returns a batch.
async fn batched(api: &Api) -> String {
    let lines = b"{}";
    let file = api.upload("/v1/files", &[("purpose", "batch")], lines);
    let file = file.await.expect(201).id();
    for path in ["/v1/files", &format!("/v1/files/{file}/content")] {
        api.get(path).await.expect(200);
    }
    let batch = json!({
        "input_file_id": file, "endpoint": "/v1/audio/speech", "completion_window": "24h",
    });
    let id = api.post("/v1/batches", &batch).await.expect(201).id();
    api.get("/v1/batches").await.expect(200);
    api.get(&format!("/v1/batches/{id}")).await.expect(200);
    let cancel = format!("/v1/batches/{id}/cancel");
    api.call(Method::POST, &cancel).await.expect(200);
    id
}

/// A job that is submitted again when an identical one has succeeded.
async fn withdrawn_and_made_meanwhile(api: &Api) {
    let speech = json!({"kind": "speech", "input": "Changed my mind."});
    let withdrawn = api.post("/v1/jobs", &speech).await.expect(202).id();
    api.call(Method::DELETE, &format!("/v1/jobs/{withdrawn}"))
        .await
        .expect(202);
    let _worker = api.worker();
    let id = api.post("/v1/jobs", &speech).await.expect(202).id();
    api.get(&format!("/v1/jobs/{id}?wait=30")).await.expect(200);
    api.call(Method::POST, &format!("/v1/jobs/{withdrawn}/retry"))
        .await
        .expect(200);
}

async fn without_stores(api: &Api) {
    let file = api
        .upload("/v1/files", &[], &tone_wav(1))
        .await
        .expect(201)
        .id();
    let done = api
        .post("/v1/jobs", &json!({"kind": "speech", "input": "Hello."}))
        .await
        .expect(200)
        .id();
    let batch = format!("/v1/batches/{}", batched(api).await);
    for outage in [
        api.records.outage(),
        api.blobs.outage(),
        api.queue.outage(),
        api.documents.outage(),
    ] {
        outage.set_down(true);
    }
    let (job, file) = (format!("/v1/jobs/{done}"), format!("/v1/files/{file}"));
    let (result, events) = (format!("{job}/result"), format!("{job}/events"));
    for path in [
        "/readyz",
        "/v1/jobs",
        &job,
        &result,
        &events,
        &file,
        &format!("{file}/content"),
        "/v1/files",
        "/v1/batches",
        &batch,
        "/v1/dead-letters",
        "/v1/split",
    ] {
        api.get(path).await.expect(503);
    }
    let split = json!({"shares": {"piper": 60, "whisper": 30, "kokoro": 10}});
    split::set(api, &split).await.expect(503);
    for path in [&job, &file, "/v1/dead-letters?engine=piper"] {
        api.call(Method::DELETE, path).await.expect(503);
    }
    for what in ["cancel", "retry"] {
        api.call(Method::POST, &format!("{job}/{what}"))
            .await
            .expect(503);
    }
    api.post("/v1/jobs", &json!({"kind": "speech", "input": "Hello."}))
        .await
        .expect(503);
    api.upload("/v1/files", &[], &tone_wav(1)).await.expect(503);
    api.call(Method::POST, &format!("{batch}/cancel"))
        .await
        .expect(503);
    let wanted = json!({
        "input_file_id": format!("file-batch-{}", "0".repeat(32)),
        "endpoint": "/v1/audio/speech", "completion_window": "24h",
    });
    api.post("/v1/batches", &wanted).await.expect(503);
}

async fn cancelled_meanwhile(api: &Api) {
    let body = json!({"model": "tts-1", "input": "Hello.", "voice": "alloy"});
    let wav = tone_wav(1);
    let cancel = async |engine: &str| {
        let id = api.next_envelope(engine).await.job_id;
        api.call(Method::DELETE, &format!("/v1/jobs/{id}"))
            .await
            .expect(202);
    };
    let (answer, ()) = tokio::join!(api.post("/v1/audio/speech", &body), cancel("piper"));
    answer.expect(409);
    let fields = [("model", "whisper-1")];
    for path in LISTENING {
        let listening = api.upload(path, &fields, &wav);
        let (answer, ()) = tokio::join!(listening, cancel("whisper"));
        answer.expect(409);
    }
}

async fn evicted(api: &Api) {
    let _worker = api.worker();
    let id = api
        .post("/v1/jobs", &json!({"kind": "speech", "input": "Hello."}))
        .await
        .expect(202)
        .id();
    api.get(&format!("/v1/jobs/{id}?wait=30")).await.expect(200);
    let key = voicefleet_core::ports::BlobKey::Result(api.records.all()[0].fingerprint.clone());
    voicefleet_core::ports::BlobStore::delete(&api.blobs, &key)
        .await
        .expect("deleted");
    api.get(&format!("/v1/jobs/{id}/result")).await.expect(410);
}

/// What clients ask who have something already.
async fn conditional(api: &Api) {
    let _worker = api.worker();
    let speech = json!({"kind": "speech", "input": "Hello."});
    let id = api.post("/v1/jobs", &speech).await.expect(202).id();
    let job = format!("/v1/jobs/{id}");
    api.get(&format!("{job}?wait=30")).await.expect(200);
    let (result, events) = (format!("{job}/result"), format!("{job}/events"));
    for (path, header, value, status) in [
        (&job, "if-none-match", "*", 304),
        (&result, "if-none-match", "*", 304),
        (&result, "range", "bytes=0-9", 206),
        (&result, "range", "bytes=999999999-", 416),
        (&events, "last-event-id", "running.1.0.0", 200),
        (&events, "last-event-id", "succeeded.1.3.3", 204),
    ] {
        let request = Request::get(path.as_str()).header(header, value);
        let request = request.body(Body::empty()).expect("a request");
        api.send(request).await.expect(status);
    }
}

/// Jobs that are no longer in the records.
async fn expired(log: &Log) {
    let limits = ApiLimits {
        finished_ttl: Some(Duration::ZERO),
        ..limits()
    };
    let api = log.watch(Api::with(limits, catalog::usual()));
    let old = "/v1/jobs/01935d2e-0000-7000-8000-000000000001";
    for (method, path) in [
        (Method::GET, ""),
        (Method::DELETE, ""),
        (Method::GET, "/result"),
        (Method::GET, "/events"),
        (Method::POST, "/cancel"),
        (Method::POST, "/retry"),
    ] {
        api.call(method, &format!("{old}{path}")).await.expect(410);
    }
}

/// More who follow jobs than there is room for.
async fn crowded(log: &Log) {
    let limits = ApiLimits {
        max_event_streams: 0,
        ..limits()
    };
    let api = log.watch(Api::with(limits, catalog::usual()));
    let nobody = "/v1/jobs/7fffffff-ffff-7000-8000-000000000001/events";
    api.get(nobody).await.expect(503);
    log.watch(Api::new()).get(nobody).await.expect(404);
}

async fn full_queue(log: &Log) {
    let api = log.watch(Api::custom(|context| {
        let clock = voicefleet_testkit::FakeClock::default();
        context.queue = Arc::new(voicefleet_testkit::memory::MemoryQueue::bounded(clock, 0));
    }));
    let refused = api
        .post("/v1/jobs", &json!({"kind": "speech", "input": "Hello."}))
        .await
        .expect(429);
    let id = refused.header("x-voicefleet-job-id");
    api.call(Method::POST, &format!("/v1/jobs/{id}/retry"))
        .await
        .expect(429);
    let body = json!({"model": "tts-1", "input": "Hello.", "voice": "alloy"});
    api.post("/v1/audio/speech", &body).await.expect(429);
    for path in LISTENING {
        let fields = [("model", "whisper-1")];
        api.upload(path, &fields, &tone_wav(1)).await.expect(429);
    }
}

/// Without a key, with one that does not allow it, with one that is used up.
async fn guarded(log: &Log, document: &Value) {
    let mut guarded = Guarded::new();
    guarded.api = log.watch(guarded.api);
    let limits = json!({"limits": {"requests_per_minute": 1}});
    let used_up = guarded.key("busy", limits).await;
    guarded
        .call(&used_up, Method::GET, "/v1/models", None)
        .await
        .expect(200);
    let nobody = guarded.key("acme", json!({})).await;
    let speech = json!({"kind": "speech", "input": "Hello.", "tier": "realtime"});
    let job = guarded
        .post(&nobody, "/v1/jobs", &speech)
        .await
        .expect(202)
        .id();
    let cancel = format!("/v1/jobs/{job}/cancel");
    guarded
        .call(&nobody, Method::POST, &cancel, None)
        .await
        .expect(202);
    let slow = json!({"limits": {"highest_tier": "batch"}});
    let slow = guarded.key("acme", slow).await;
    for (path, item) in document["paths"].as_object().expect("paths") {
        let path = path.replace("{id}", &job);
        for method in item.as_object().expect("operations").keys() {
            let method: Method = method.to_uppercase().parse().expect("a method");
            for key in ["", &used_up, &nobody] {
                guarded.call(key, method.clone(), &path, None).await;
            }
        }
    }
    let openai = json!({"model": "tts-1", "voice": "alloy", "input": "Hello."});
    guarded
        .post(&slow, "/v1/audio/speech", &openai)
        .await
        .expect(403);
    guarded.post(&slow, "/v1/jobs", &speech).await.expect(403);
    let retry = format!("/v1/jobs/{job}/retry");
    guarded
        .call(&slow, Method::POST, &retry, None)
        .await
        .expect(403);
    let form = bad_inputs::form::form(&[("model", "whisper-1")], Some(&tone_wav(1)));
    let kind = format!(
        "multipart/form-data; boundary={}",
        bad_inputs::form::BOUNDARY
    );
    for path in LISTENING {
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header("authorization", format!("Bearer {slow}"))
            .header("content-type", &kind)
            .body(Body::from(form.clone()));
        let refused = guarded.api.send(request.expect("a request")).await;
        refused.expect(403);
    }
}

/// What administrators do, and how it is refused.
async fn keys_and_usage(log: &Log) {
    let api = log.watch(Api::new());
    let key = api
        .post("/v1/keys", &json!({"tenant": "acme"}))
        .await
        .expect(201);
    let path = format!("/v1/keys/{}", key.id());
    api.get("/v1/keys").await.expect(200);
    api.get("/v1/usage").await.expect(200);
    api.get("/v1/usage?days=0").await.expect(400);
    api.post("/v1/keys", &json!({"tenant": "A"}))
        .await
        .expect(400);
    let too_much = json!({"tenant": "acme", "name": "x".repeat(limits().max_json_bytes)});
    api.post("/v1/keys", &too_much).await.expect(413);
    api.call(Method::POST, "/v1/keys").await.expect(415);
    api.call(Method::DELETE, "/v1/keys/nobody")
        .await
        .expect(404);
    let mut guarded = Guarded::new();
    guarded.api = log.watch(guarded.api);
    let admin = guarded.admin.clone();
    let own = format!("/v1/keys/{}", admin.split('_').nth(1).expect("an id"));
    guarded
        .call(&admin, Method::DELETE, &own, None)
        .await
        .expect(403);
    let acme = guarded.key("acme", json!({})).await;
    guarded
        .call(&acme, Method::GET, "/v1/usage?tenant=bulk", None)
        .await
        .expect(403);
    api.documents.outage().set_down(true);
    api.records.outage().set_down(true);
    api.get("/v1/keys").await.expect(503);
    api.get("/v1/usage").await.expect(503);
    api.post("/v1/keys", &json!({"tenant": "acme"}))
        .await
        .expect(503);
    api.call(Method::DELETE, &path).await.expect(503);
    api.documents.outage().set_down(false);
    api.call(Method::DELETE, &path).await.expect(200);
}

async fn impatient(log: &Log) {
    let limits = ApiLimits {
        sync_wait: Duration::ZERO,
        ..limits()
    };
    let api = log.watch(Api::with(limits, catalog::usual()));
    let body = json!({"model": "tts-1", "input": "Hello.", "voice": "alloy"});
    api.post("/v1/audio/speech", &body).await.expect(503);
    for path in LISTENING {
        let fields = [("model", "whisper-1")];
        api.upload(path, &fields, &tone_wav(1)).await.expect(503);
    }
}

#[tokio::test]
async fn the_document_is_complete_in_itself() {
    let document = Api::new().get("/openapi.json").await.expect(200).json();
    let schemas = document["components"]["schemas"]
        .as_object()
        .expect("schemas");
    let mut ids = BTreeMap::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let place = format!("{method} {path}");
            assert!(operation["summary"].is_string(), "{place} has no summary");
            assert!(operation["tags"].is_array(), "{place} has no tag");
            let id = operation["operationId"].as_str().expect("an id").to_owned();
            assert_eq!(ids.insert(id, place), None);
        }
    }
    let text = document.to_string();
    for reference in text.split("#/components/schemas/").skip(1) {
        let name = reference.split('"').next().expect("a name");
        assert!(schemas.contains_key(name), "{name} is not described");
    }
}
