//! Batches, from the upload of their lines to the files that they leave.

use std::{collections::BTreeSet, time::Duration};

use axum::{
    body::Body,
    http::{Method, Request},
};
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::interval};
use tokio_util::sync::CancellationToken;
use voicefleet_api::{KeyLimits, KeyPolicy, KeyRecord, KeySecret, NewKey, run_batches};
use voicefleet_core::{
    JobState, Tier, Timestamp,
    ports::{BlobKey, BlobStore, Collection, DocumentRange, Documents},
};

use crate::{
    bad_inputs::{
        audio::tone_wav,
        form::{BOUNDARY, form},
    },
    support::{
        Api,
        client::Answer,
        worker::{FAILS, HEARD},
    },
};

const SPEECH: &str = "/v1/audio/speech";
const TRANSCRIPTIONS: &str = "/v1/audio/transcriptions";
const DAY: Duration = Duration::from_hours(24);

/// An API server's work on batches, until dropped.
struct Runner {
    task: JoinSet<()>,
    stop: CancellationToken,
}

impl Runner {
    fn of(api: &Api) -> Self {
        let stop = CancellationToken::new();
        let mut task = JoinSet::new();
        task.spawn(run_batches(api.context.clone(), stop.clone()));
        Self { task, stop }
    }

    async fn stopped(mut self) {
        self.stop.cancel();
        let ended = self.task.join_next().await.expect("a task");
        ended.expect("ends when it is told to");
    }
}

/// Asks again until `found` finds what it looks for; a minute at most.
async fn until<T>(mut found: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        let mut ticks = interval(Duration::from_millis(20));
        loop {
            ticks.tick().await;
            if let Some(found) = found().await {
                return found;
            }
        }
    };
    let found = tokio::time::timeout(Duration::from_mins(1), asking).await;
    found.expect("it happens within a minute")
}

/// Somebody who calls.
struct Client<'a> {
    api: &'a Api,
    key: Option<String>,
}

impl<'a> Client<'a> {
    fn of(api: &'a Api) -> Self {
        Self { api, key: None }
    }

    async fn call(&self, method: Method, path: &str, kind: &str, body: Vec<u8>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let request = request.header("content-type", kind);
        let request = request.body(Body::from(body)).expect("a request");
        self.api.send(request).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, "", Vec::new()).await
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        let body = body.to_string().into_bytes();
        self.call(Method::POST, path, "application/json", body)
            .await
    }

    async fn upload(&self, purpose: &str, bytes: &[u8]) -> Answer {
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        let body = form(&[("purpose", purpose)], Some(bytes));
        self.call(Method::POST, "/v1/files", &kind, body).await
    }

    async fn batch_of(&self, endpoint: &str, lines: &str) -> String {
        let file = self.upload("batch", lines.as_bytes()).await.expect(201);
        let wanted = json!({
            "input_file_id": file.id(), "endpoint": endpoint, "completion_window": "24h",
            "metadata": {"exam": "B2"},
        });
        let made = self.post("/v1/batches", &wanted).await.expect(201);
        let batch = made.json();
        assert_eq!(
            (&batch["object"], &batch["status"]),
            (&json!("batch"), &json!("validating"))
        );
        assert_eq!(
            made.header("location"),
            format!("/v1/batches/{}", made.id())
        );
        made.id()
    }

    async fn batch(&self, id: &str) -> Value {
        let answer = self.get(&format!("/v1/batches/{id}")).await;
        answer.expect(200).json()
    }

    /// The batch once it has ended.
    async fn ended(&self, id: &str) -> Value {
        until(async || {
            let batch = self.batch(id).await;
            let ended = ["failed", "completed", "expired", "cancelled"];
            ended
                .contains(&batch["status"].as_str().expect("a status"))
                .then_some(batch)
        })
        .await
    }

    /// The lines of one of its files.
    async fn lines(&self, batch: &Value, file: &str) -> Vec<Value> {
        let Some(id) = batch[file].as_str() else {
            return Vec::new();
        };
        let answer = self.get(&format!("/v1/files/{id}/content")).await;
        let text = answer.expect(200);
        assert_eq!(text.header("content-type"), "application/jsonl");
        let text = text.text();
        text.lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }
}

fn line(id: &str, url: &str, body: &Value) -> String {
    json!({"custom_id": id, "method": "POST", "url": url, "body": body}).to_string()
}

fn question(number: usize) -> Value {
    json!({"model": "piper", "voice": "en_US-joe-medium", "input": format!("Question {number}.")})
}

fn questions(count: usize) -> Vec<String> {
    let line = |number: usize| line(&format!("q{number}"), SPEECH, &question(number));
    (0..count).map(line).collect()
}

fn ids(lines: &[Value]) -> Vec<&str> {
    lines
        .iter()
        .map(|line| line["custom_id"].as_str().unwrap_or("none"))
        .collect()
}

fn counts(batch: &Value) -> [u64; 3] {
    let counts = &batch["request_counts"];
    ["total", "completed", "failed"].map(|name| counts[name].as_u64().expect("a number"))
}

/// How many documents there are of batches under work, and of lines.
async fn left_behind(api: &Api) -> [usize; 2] {
    let count = async |collection, prefix: &str| {
        let range = DocumentRange {
            prefix: prefix.to_owned(),
            after: None,
            limit: 1_000,
        };
        let found = api.documents.list(collection, &range).await;
        found.expect("documents").len()
    };
    [
        count(Collection::Batches, "!open/").await,
        count(Collection::BatchLines, "").await,
    ]
}

#[tokio::test]
async fn a_batch_of_300_lines_comes_back_in_order_with_its_bad_lines_apart() {
    let api = Api::new();
    let client = Client::of(&api);
    let mut lines = questions(300);
    lines[50] = "this is no JSON".to_owned();
    lines[150] = line("q149", SPEECH, &question(150));
    lines[250] = line(
        "q250",
        SPEECH,
        &json!({"model": "piper", "voice": "nobody", "input": "a"}),
    );
    let id = client.batch_of(SPEECH, &lines.join("\n")).await;
    let (_worker, _runner) = (api.worker(), Runner::of(&api));
    let batch = client.ended(&id).await;
    assert_eq!(batch["status"], "completed");
    assert_eq!(counts(&batch), [300, 297, 3]);
    assert_eq!(batch["metadata"], json!({"exam": "B2"}));
    assert_eq!(batch["errors"], Value::Null);
    let created = batch["created_at"].as_i64().expect("a moment");
    assert_eq!(batch["expires_at"], created + 86_400);
    for moment in ["in_progress_at", "finalizing_at", "completed_at"] {
        assert!(batch[moment].is_i64(), "{moment}: {batch}");
    }
    let done = client.lines(&batch, "output_file_id").await;
    let expected: Vec<String> = (0..300)
        .filter(|number| ![50, 150, 250].contains(number))
        .map(|number| format!("q{number}"))
        .collect();
    assert_eq!(ids(&done), expected);
    let (response, body) = (&done[7]["response"], &done[7]["response"]["body"]);
    assert_eq!(response["status_code"], 200);
    assert_eq!(done[7]["error"], Value::Null);
    assert_eq!(
        (&body["format"], &body["audio_seconds"]),
        (&json!("mp3"), &json!(1.5))
    );
    let url = body["url"].as_str().expect("a path");
    let audio = client.get(url).await.expect(200);
    assert_eq!(audio.header("content-type"), "audio/mpeg");
    let bad = client.lines(&batch, "error_file_id").await;
    assert_eq!(ids(&bad), ["none", "q149", "q250"]);
    let codes = bad.iter().map(|line| {
        let response = &line["response"];
        let error = &response["body"]["error"];
        assert_eq!(error["code"], line["error"]["code"]);
        (
            response["status_code"].clone(),
            error["code"].clone(),
            error["param"].clone(),
        )
    });
    assert_eq!(
        codes.collect::<Vec<_>>(),
        [
            (json!(400), json!("invalid_request"), Value::Null),
            (json!(400), json!("invalid_request"), json!("custom_id")),
            (json!(400), json!("unknown_voice"), json!("voice")),
        ]
    );
    let unique: BTreeSet<&str> = done
        .iter()
        .chain(&bad)
        .filter_map(|line| line["id"].as_str())
        .collect();
    assert_eq!(unique.len(), 300);
    let jobs = api.records.all();
    assert_eq!(jobs.len(), 297);
    assert!(jobs.iter().all(|job| job.tier == Tier::Batch));
    until(async || (left_behind(&api).await == [0, 0]).then_some(())).await;
}

/// A line that is refused: with this status, code and field.
struct BadLine {
    text: String,
    status: u16,
    code: &'static str,
    param: Option<&'static str>,
}

fn bad(
    text: &impl ToString,
    status: u16,
    code: &'static str,
    param: impl Into<Option<&'static str>>,
) -> BadLine {
    BadLine {
        text: text.to_string(),
        status,
        code,
        param: param.into(),
    }
}

/// What is wrong around the request.
fn bad_frames() -> Vec<BadLine> {
    let invalid = |line: String, param: &'static str| bad(&line, 400, "invalid_request", param);
    let frame = json!({"custom_id": "f", "method": "POST", "url": SPEECH, "body": question(0)});
    let with = |id: &str, field: &str, value: Value| {
        let mut frame = frame.clone();
        frame["custom_id"] = json!(id);
        frame[field] = value;
        frame.to_string()
    };
    let mut without_body = frame.clone();
    without_body
        .as_object_mut()
        .expect("an object")
        .remove("body");
    vec![
        bad(
            &json!(["a", "POST", SPEECH, {}]),
            400,
            "invalid_request",
            None,
        ),
        bad(&"no JSON", 400, "invalid_request", None),
        invalid(line("", SPEECH, &question(0)), "custom_id"),
        invalid(line(&"a".repeat(513), SPEECH, &question(0)), "custom_id"),
        invalid(with("", "custom_id", json!(7)), "custom_id"),
        invalid(with("a", "method", json!("GET")), "method"),
        invalid(with("b", "url", json!(TRANSCRIPTIONS)), "url"),
        invalid(with("c", "body", json!("text")), "body"),
        invalid(with("d", "more", json!(1)), "more"),
        invalid(without_body.to_string(), "body"),
    ]
}

/// What is wrong with the request.
fn bad_bodies() -> Vec<BadLine> {
    let with = |id: &str, field: &str, value: Value| {
        let mut body = question(0);
        body[field] = value;
        line(id, SPEECH, &body)
    };
    let long = json!("a".repeat(4_097));
    let invalid = |id: &str, field: &'static str, value: Value| {
        bad(&with(id, field, value), 400, "invalid_request", field)
    };
    vec![
        invalid("1", "colour", json!("red")),
        invalid("2", "stream_format", json!("sse")),
        invalid("3", "tier", json!("realtime")),
        bad(
            &with("4", "tier", json!("now")),
            400,
            "unknown_tier",
            "tier",
        ),
        bad(&with("5", "input", json!(" ")), 400, "empty_text", "input"),
        bad(&with("6", "input", long), 400, "text_too_long", "input"),
        bad(
            &with("7", "model", json!("x")),
            404,
            "unknown_model",
            "model",
        ),
        bad(
            &with("8", "speed", json!(9)),
            400,
            "speed_out_of_range",
            "speed",
        ),
        bad(
            &with("9", "input", json!(FAILS)),
            500,
            "engine_failed",
            None,
        ),
    ]
}

#[tokio::test]
async fn each_bad_line_fails_alone_with_the_code_that_its_endpoint_gives() {
    let api = Api::new();
    let client = Client::of(&api);
    let mut expected = bad_frames();
    expected.extend(bad_bodies());
    let mut lines: Vec<String> = expected.iter().map(|bad| bad.text.clone()).collect();
    lines.push(line("good", SPEECH, &question(1)));
    let id = client.batch_of(SPEECH, &lines.join("\r\n")).await;
    let (_worker, _runner) = (api.worker(), Runner::of(&api));
    let batch = client.ended(&id).await;
    assert_eq!(
        (&batch["status"], counts(&batch)),
        (&json!("completed"), [20, 1, 19])
    );
    let found = client.lines(&batch, "error_file_id").await;
    assert_eq!(found.len(), expected.len());
    for (expected, found) in expected.iter().zip(&found) {
        let response = &found["response"];
        let error = &response["body"]["error"];
        assert_eq!(
            (&response["status_code"], &error["code"], &error["param"]),
            (
                &json!(expected.status),
                &json!(expected.code),
                &json!(expected.param)
            ),
            "{}",
            expected.text
        );
    }
    let done = client.lines(&batch, "output_file_id").await;
    assert_eq!(ids(&done), ["good"]);
}

#[tokio::test]
async fn transcriptions_name_their_audio_and_answer_as_the_endpoint_does() {
    let api = Api::new();
    let client = Client::of(&api);
    let audio = client
        .upload("user_data", &tone_wav(2))
        .await
        .expect(201)
        .id();
    let body = |more: &Value| {
        let mut body = json!({"model": "whisper-1", "file_id": audio});
        let members = more.as_object().expect("an object").clone();
        body.as_object_mut().expect("an object").extend(members);
        body
    };
    let words = json!({"response_format": "verbose_json", "timestamp_granularities": ["word"]});
    let lines = [
        line("json", TRANSCRIPTIONS, &body(&json!({}))),
        line("verbose", TRANSCRIPTIONS, &body(&words)),
        line(
            "text",
            TRANSCRIPTIONS,
            &body(&json!({"response_format": "text"})),
        ),
        line("fails", TRANSCRIPTIONS, &body(&json!({"prompt": FAILS}))),
        line(
            "absent",
            TRANSCRIPTIONS,
            &body(&json!({"file_id": "file-1"})),
        ),
        line("streamed", TRANSCRIPTIONS, &body(&json!({"stream": true}))),
        line("no model", TRANSCRIPTIONS, &json!({"file_id": audio})),
    ];
    let id = client.batch_of(TRANSCRIPTIONS, &lines.join("\n")).await;
    let (_worker, _runner) = (api.worker(), Runner::of(&api));
    let batch = client.ended(&id).await;
    assert_eq!(
        (&batch["status"], counts(&batch)),
        (&json!("completed"), [7, 3, 4])
    );
    let done = client.lines(&batch, "output_file_id").await;
    assert_eq!(ids(&done), ["json", "verbose", "text"]);
    assert_eq!(done[0]["response"]["body"]["text"], HEARD);
    assert_eq!(done[1]["response"]["body"]["words"][0]["word"], "Hello");
    assert_eq!(done[2]["response"]["body"], format!("{HEARD}\n"));
    let bad = client.lines(&batch, "error_file_id").await;
    let codes: Vec<_> = bad
        .iter()
        .map(|line| &line["response"]["body"]["error"]["code"])
        .collect();
    assert_eq!(
        codes,
        [
            "engine_failed",
            "file_not_found",
            "invalid_request",
            "invalid_request"
        ]
    );
}

/// A transcript that is too large to lie beside others comes back whole all the same.
#[tokio::test]
async fn large_answers_come_back_whole_and_leave_nothing_behind() {
    let api = Api::new();
    let client = Client::of(&api);
    let wav = tone_wav(2);
    let audio = client.upload("user_data", &wav).await.expect(201).id();
    let (_worker, _runner) = (api.worker(), Runner::of(&api));
    let job = json!({"kind": "transcription", "file_id": audio, "model": "whisper-base"});
    let job = client.post("/v1/jobs", &job).await.expect(202).id();
    client
        .get(&format!("/v1/jobs/{job}?wait=30"))
        .await
        .expect(200);
    let key = BlobKey::Result(api.records.all()[0].fingerprint.clone());
    let mut blob = api
        .blobs
        .get(&key)
        .await
        .expect("a store")
        .expect("a transcript");
    let spoken = "Hello there, again and again. ".repeat(300);
    let text = String::from_utf8(blob.bytes.to_vec()).expect("text");
    blob.bytes = text.replace(HEARD, spoken.trim()).into();
    let kept = api
        .blobs
        .put(&key, blob, voicefleet_core::ports::Retention::Cache)
        .await;
    kept.expect("kept");
    let body = json!({"file_id": audio, "model": "whisper-base"});
    let id = client
        .batch_of(TRANSCRIPTIONS, &line("a", TRANSCRIPTIONS, &body))
        .await;
    let batch = client.ended(&id).await;
    let done = client.lines(&batch, "output_file_id").await;
    assert_eq!(done[0]["response"]["body"]["text"], spoken.trim());
    until(async || (left_behind(&api).await == [0, 0]).then_some(())).await;
    for left in [format!("{id}-input"), format!("{id}-0")] {
        assert_eq!(api.blobs.contains(&BlobKey::Upload(left)).await, Ok(false));
    }
}

#[tokio::test]
async fn another_server_goes_on_with_what_one_has_left_and_nothing_is_done_twice() {
    for is_killed in [true, false] {
        let api = Api::new();
        let client = Client::of(&api);
        let id = client.batch_of(SPEECH, &questions(300).join("\n")).await;
        let first = Runner::of(&api);
        until(async || (api.records.all().len() == 256).then_some(())).await;
        let worker = api.worker();
        until(async || (counts(&client.batch(&id).await)[1] > 0).then_some(())).await;
        drop(worker);
        if is_killed {
            drop(first);
            api.clock.advance(Duration::from_mins(2));
        } else {
            first.stopped().await;
        }
        let _second = Runner::of(&api);
        // What the first worker had in hand when it was dropped is lost with it, which is not what this is about.
        requeue_lost(&api).await;
        let _worker = api.worker();
        let batch = client.ended(&id).await;
        assert_eq!(
            (&batch["status"], counts(&batch)),
            (&json!("completed"), [300, 300, 0])
        );
        let expected: Vec<String> = (0..300).map(|number| format!("q{number}")).collect();
        assert_eq!(ids(&client.lines(&batch, "output_file_id").await), expected);
        let jobs = api.records.all();
        assert_eq!(jobs.len(), 300);
        assert!(jobs.iter().all(|job| job.attempt == 1));
    }
}

/// Gives back what a dropped worker had in hand, as the queue of a lost connection does.
async fn requeue_lost(api: &Api) {
    use voicefleet_core::{
        Envelope,
        ports::{JobChange, JobQueue, JobRecords},
    };
    for job in api.records.all() {
        if job.state == JobState::Running {
            let back = api.records.change(job.id, JobChange::GiveBack).await;
            let envelope = Envelope::for_job(&back.expect("given back"));
            api.queue.publish(&envelope).await.expect("published");
        }
    }
}

#[tokio::test]
async fn a_batch_that_somebody_has_is_not_taken() {
    let api = Api::new();
    let client = Client::of(&api);
    let id = client.batch_of(SPEECH, &questions(2).join("\n")).await;
    let first = Runner::of(&api);
    until(async || (api.records.all().len() == 2).then_some(())).await;
    drop(first);
    let second = Runner::of(&api);
    let _worker = api.worker();
    let done = |job: &voicefleet_core::Job| job.state == JobState::Succeeded;
    until(async || api.records.all().iter().all(done).then_some(())).await;
    // Its clock stands still, so it never becomes free.
    second.stopped().await;
    assert_eq!(client.batch(&id).await["status"], "in_progress");
    api.clock.advance(Duration::from_mins(2));
    let _third = Runner::of(&api);
    assert_eq!(client.ended(&id).await["status"], "completed");
}

#[tokio::test]
async fn a_cancelled_batch_withdraws_its_jobs_and_leaves_those_of_others() {
    let api = Api::new();
    let client = Client::of(&api);
    let id = client.batch_of(SPEECH, &questions(300).join("\n")).await;
    let _runner = Runner::of(&api);
    until(async || (api.records.all().len() == 256).then_some(())).await;
    let same = json!({"kind": "speech", "engine": "piper", "voice": "en_US-joe-medium", "input": "Question 3."});
    let other = client.post("/v1/jobs", &same).await.expect(202).json();
    assert!(other["follows"].is_string(), "{other}");
    let path = format!("/v1/batches/{id}/cancel");
    let cancelling = client.post(&path, &json!({})).await.expect(200).json();
    assert_eq!(cancelling["status"], "cancelling");
    let batch = client.ended(&id).await;
    assert_eq!(
        (&batch["status"], counts(&batch)),
        (&json!("cancelled"), [300, 0, 300])
    );
    assert!(batch["cancelled_at"].is_i64());
    let given_up = client.lines(&batch, "error_file_id").await;
    assert_eq!(given_up.len(), 300);
    for line in &given_up {
        assert_eq!(
            (&line["error"]["code"], &line["response"]),
            (&json!("cancelled"), &Value::Null)
        );
    }
    assert_eq!(batch["output_file_id"], Value::Null);
    let mut jobs = api.records.all();
    jobs.retain(|job| job.state != JobState::Cancelled);
    let left: Vec<String> = jobs.iter().map(|job| job.id.to_string()).collect();
    assert_eq!(left, [other["id"].as_str().expect("an id")]);
    assert_eq!(jobs[0].follows, None);
    assert_eq!(
        client.post(&path, &json!({})).await.expect(200).json(),
        batch
    );
}

#[tokio::test]
async fn a_cancellation_is_carried_out_by_whoever_comes_next() {
    let api = Api::new();
    let client = Client::of(&api);
    let id = client.batch_of(SPEECH, &questions(300).join("\n")).await;
    let unseen = client.batch_of(SPEECH, &questions(2).join("\n")).await;
    let cancel = async |id: &str| {
        let path = format!("/v1/batches/{id}/cancel");
        client.post(&path, &json!({})).await.expect(200);
    };
    cancel(&unseen).await;
    let first = Runner::of(&api);
    client.ended(&unseen).await;
    until(async || (api.records.all().len() == 256).then_some(())).await;
    drop(first);
    cancel(&id).await;
    api.clock.advance(Duration::from_mins(2));
    let _second = Runner::of(&api);
    for (id, total) in [(id, 300), (unseen, 2)] {
        let batch = client.ended(&id).await;
        assert_eq!(
            (&batch["status"], counts(&batch)),
            (&json!("cancelled"), [total, 0, total])
        );
    }
    let jobs = api.records.all();
    assert_eq!(jobs.len(), 256);
    assert!(jobs.iter().all(|job| job.state == JobState::Cancelled));
}

#[tokio::test]
async fn what_is_not_done_within_the_window_is_given_up() {
    let api = Api::new();
    let client = Client::of(&api);
    let id = client.batch_of(SPEECH, &questions(3).join("\n")).await;
    let _runner = Runner::of(&api);
    until(async || (api.records.all().len() == 3).then_some(())).await;
    assert!(
        api.records
            .all()
            .iter()
            .all(|job| { job.deadline == Some(Timestamp(job.created_at.0 + 86_400_000)) })
    );
    api.clock.advance(DAY);
    let batch = client.ended(&id).await;
    assert_eq!(
        (&batch["status"], counts(&batch)),
        (&json!("expired"), [3, 0, 3])
    );
    let given_up = client.lines(&batch, "error_file_id").await;
    assert!(
        given_up
            .iter()
            .all(|line| line["error"]["code"] == "deadline_exceeded")
    );
    assert!(
        api.records
            .all()
            .iter()
            .all(|job| job.state == JobState::Cancelled)
    );
}

#[tokio::test]
async fn a_file_that_is_no_jsonl_fails_the_batch() {
    let api = Api::new();
    let client = Client::of(&api);
    let _runner = Runner::of(&api);
    for (text, code) in [(" \n\n", "empty_upload"), ("not\nJSON", "invalid_request")] {
        let id = client.batch_of(SPEECH, text).await;
        let batch = client.ended(&id).await;
        assert_eq!(batch["status"], "failed");
        assert!(batch["failed_at"].is_i64());
        let error = &batch["errors"]["data"][0];
        assert_eq!(
            (&error["code"], &error["param"]),
            (&json!(code), &json!("input_file_id"))
        );
    }
    until(async || (left_behind(&api).await == [0, 0]).then_some(())).await;
}

#[tokio::test]
async fn a_client_may_delete_the_file_and_lists_its_batches_newest_first() {
    let api = Api::new();
    let client = Client::of(&api);
    let mut made = Vec::new();
    for _ in 0..3 {
        made.insert(0, client.batch_of(SPEECH, &questions(2).join("\n")).await);
    }
    let batch = client.batch(&made[0]).await;
    let file = batch["input_file_id"].as_str().expect("an id");
    let gone = client
        .call(Method::DELETE, &format!("/v1/files/{file}"), "", Vec::new())
        .await;
    gone.expect(200);
    let first = client.get("/v1/batches?limit=2").await.expect(200).json();
    let listed = |page: &Value| {
        let batches = page["data"].as_array().expect("batches").iter();
        batches
            .map(|batch| batch["id"].as_str().expect("an id").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (listed(&first), &first["has_more"]),
        (made[..2].to_vec(), &json!(true))
    );
    let after = first["last_id"].as_str().expect("an id");
    let second = client
        .get(&format!("/v1/batches?after={after}"))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (listed(&second), &second["has_more"]),
        (made[2..].to_vec(), &json!(false))
    );
    let (_worker, _runner) = (api.worker(), Runner::of(&api));
    assert_eq!(client.ended(&made[0]).await["status"], "completed");
}

#[tokio::test]
async fn requests_that_make_no_batch_are_refused() {
    let api = Api::new();
    let client = Client::of(&api);
    let file = client.upload("batch", b"{}").await.expect(201).id();
    let audio = client.upload("batch", &tone_wav(1)).await;
    // With this purpose nobody looks into it.
    audio.expect(201);
    let audio = client
        .upload("user_data", &tone_wav(1))
        .await
        .expect(201)
        .id();
    let good = json!({"input_file_id": file, "endpoint": SPEECH, "completion_window": "168h"});
    client.post("/v1/batches", &good).await.expect(201);
    let many: serde_json::Map<String, Value> =
        (0..17).map(|n| (n.to_string(), json!("a"))).collect();
    for (field, value, status, code) in [
        ("input_file_id", json!("file-1"), 404, "file_not_found"),
        (
            "input_file_id",
            json!(format!("file-batch-{}", "0".repeat(32))),
            404,
            "file_not_found",
        ),
        ("input_file_id", json!(audio), 400, "invalid_request"),
        ("input_file_id", Value::Null, 400, "invalid_request"),
        ("endpoint", json!("/v1/embeddings"), 400, "invalid_request"),
        ("completion_window", json!("23h"), 400, "invalid_request"),
        ("completion_window", json!("169h"), 400, "invalid_request"),
        ("completion_window", json!("1d"), 400, "invalid_request"),
        ("metadata", json!(many), 400, "invalid_request"),
        (
            "metadata",
            json!({"a": "b".repeat(513)}),
            400,
            "invalid_request",
        ),
        ("tier", json!("batch"), 400, "invalid_request"),
    ] {
        let mut wanted = good.clone();
        wanted[field] = value;
        let refused = client.post("/v1/batches", &wanted).await;
        let refused = refused.expect(status).json();
        assert_eq!(
            (&refused["error"]["code"], &refused["error"]["param"]),
            (&json!(code), &json!(field)),
            "{wanted}"
        );
    }
    for path in ["/v1/batches/batch_1", "/v1/batches/x/cancel"] {
        let method = if path.ends_with("cancel") {
            Method::POST
        } else {
            Method::GET
        };
        let refused = client
            .call(method, path, "", Vec::new())
            .await
            .expect(404)
            .json();
        assert_eq!(refused["error"]["code"], "batch_not_found");
    }
    for query in ["limit=0", "limit=101", "after=x", "order=asc"] {
        let refused = client
            .get(&format!("/v1/batches?{query}"))
            .await
            .expect(400)
            .json();
        let name = query.split('=').next();
        assert_eq!(refused["error"]["param"].as_str(), name);
    }
    let big = "x".repeat(crate::support::limits().max_json_bytes);
    client
        .post("/v1/batches", &json!({"metadata": {"a": big}}))
        .await
        .expect(413);
    client
        .call(Method::POST, "/v1/batches", "text/plain", b"{}".to_vec())
        .await
        .expect(415);
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_told_of_and_the_batch_goes_on_afterwards() {
    let api = Api::new();
    let client = Client::of(&api);
    let id = client.batch_of(SPEECH, &questions(2).join("\n")).await;
    api.documents.outage().set_down(true);
    let path = format!("/v1/batches/{id}");
    let refused = client.get(&path).await.expect(503).json();
    assert_eq!(refused["error"]["code"], "unavailable");
    client.get("/v1/batches").await.expect(503);
    client
        .post(&format!("{path}/cancel"), &json!({}))
        .await
        .expect(503);
    let wanted = json!({"input_file_id": "file-1", "endpoint": SPEECH, "completion_window": "24h"});
    client.post("/v1/batches", &wanted).await.expect(404);
    let _runner = Runner::of(&api);
    api.documents.outage().set_down(false);
    api.queue.outage().set_down(true);
    until(async || (api.records.all().len() == 2).then_some(())).await;
    // Nothing is lost where the queue does not take a job: whoever looks for such jobs queues it.
    assert!(
        api.records
            .all()
            .iter()
            .all(|job| job.state == JobState::Queued)
    );
    api.queue.outage().set_down(false);
    api.clock.advance(Duration::from_secs(30));
    let mut outbox = JoinSet::new();
    let stop = CancellationToken::new();
    outbox.spawn(voicefleet_api::queue_what_was_left(
        api.context.clone(),
        stop,
    ));
    let _worker = api.worker();
    assert_eq!(client.ended(&id).await["status"], "completed");
}

/// An API that wants keys, and a key of `acme` with these limits, and one of `other`.
fn two_tenants(limits: &KeyLimits) -> (Api, [String; 2]) {
    let mut secrets = Vec::new();
    let mut configured = Vec::new();
    for tenant in ["acme", "other"] {
        let secret = KeySecret::generate();
        let grant = NewKey {
            tenant: tenant.parse().expect("a name"),
            name: None,
            admin: false,
            walled: false,
            limits: limits.clone(),
        };
        configured.push(KeyRecord::new(&secret, grant, Timestamp(0)));
        secrets.push(secret.reveal());
    }
    let api = Api::custom(|context| {
        context.keys = KeyPolicy {
            required: true,
            configured,
        };
    });
    (api, secrets.try_into().expect("two"))
}

#[tokio::test]
async fn nobody_knows_of_the_batches_and_files_of_another() {
    let (api, [acme, other]) = two_tenants(&KeyLimits::default());
    let acme = Client {
        api: &api,
        key: Some(acme),
    };
    let other = Client {
        api: &api,
        key: Some(other),
    };
    let id = acme.batch_of(SPEECH, &questions(2).join("\n")).await;
    let (_worker, _runner) = (api.worker(), Runner::of(&api));
    let batch = acme.ended(&id).await;
    assert_eq!(batch["status"], "completed");
    assert!(
        api.records
            .all()
            .iter()
            .all(|job| job.tenant.as_str() == "acme")
    );
    let refused = other
        .get(&format!("/v1/batches/{id}"))
        .await
        .expect(404)
        .json();
    assert_eq!(refused["error"]["code"], "batch_not_found");
    other
        .post(&format!("/v1/batches/{id}/cancel"), &json!({}))
        .await
        .expect(404);
    for name in ["input_file_id", "output_file_id"] {
        let file = batch[name].as_str().expect("a file");
        acme.get(&format!("/v1/files/{file}")).await.expect(200);
        for path in [
            format!("/v1/files/{file}"),
            format!("/v1/files/{file}/content"),
        ] {
            other.get(&path).await.expect(404);
        }
        other
            .call(Method::DELETE, &format!("/v1/files/{file}"), "", Vec::new())
            .await
            .expect(404);
        let wanted = json!({"input_file_id": file, "endpoint": SPEECH, "completion_window": "24h"});
        other.post("/v1/batches", &wanted).await.expect(404);
    }
    for path in ["/v1/batches", "/v1/files"] {
        assert_eq!(other.get(path).await.expect(200).json()["data"], json!([]));
        assert_ne!(acme.get(path).await.expect(200).json()["data"], json!([]));
    }
    let open = Client {
        api: &api,
        key: None,
    };
    let refused = open.get("/v1/batches").await.expect(401).json();
    assert_eq!(refused["error"]["code"], "unauthenticated");
}

#[tokio::test]
async fn a_tenant_with_enough_in_flight_waits_and_loses_nothing() {
    let limits = KeyLimits {
        max_in_flight: Some(2),
        ..KeyLimits::default()
    };
    let (api, [acme, _]) = two_tenants(&limits);
    let acme = Client {
        api: &api,
        key: Some(acme),
    };
    let id = acme.batch_of(SPEECH, &questions(20).join("\n")).await;
    let _runner = Runner::of(&api);
    until(async || (api.records.all().len() == 2).then_some(())).await;
    let _worker = api.worker();
    let batch = acme.ended(&id).await;
    assert_eq!(
        (&batch["status"], counts(&batch)),
        (&json!("completed"), [20, 20, 0])
    );
}

#[tokio::test]
async fn a_batch_and_its_files_go_after_30_days() {
    let api = Api::new();
    let client = Client::of(&api);
    let id = client.batch_of(SPEECH, &questions(2).join("\n")).await;
    let (_worker, runner) = (api.worker(), Runner::of(&api));
    let batch = client.ended(&id).await;
    until(async || (left_behind(&api).await == [0, 0]).then_some(())).await;
    runner.stopped().await;
    let output = batch["output_file_id"].as_str().expect("a file");
    let key = BlobKey::Upload(output.to_owned());
    api.clock.advance(29 * DAY);
    let second = Runner::of(&api);
    client.batch(&id).await;
    second.stopped().await;
    assert_eq!(api.blobs.contains(&key).await, Ok(true));
    api.clock.advance(2 * DAY);
    let _third = Runner::of(&api);
    until(async || (api.blobs.contains(&key).await == Ok(false)).then_some(())).await;
    client.get(&format!("/v1/batches/{id}")).await.expect(404);
    client.get(&format!("/v1/files/{output}")).await.expect(404);
}
