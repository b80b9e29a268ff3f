//! What a client has already is not sent again; what it lacks a part of is sent in part; what is over is gone.

use std::time::Duration;

use axum::{
    body::Body,
    http::{Method, Request},
};
use serde_json::json;
use uuid::Uuid;
use voicefleet_api::ApiLimits;
use voicefleet_core::{
    Clock,
    ports::{BlobKey, BlobStore},
};

use crate::support::{Api, catalog, client::Answer, limits};

async fn ask(api: &Api, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    api.send(request.body(Body::empty()).expect("a request"))
        .await
}

async fn get(api: &Api, path: &str, headers: &[(&str, &str)]) -> Answer {
    ask(api, Method::GET, path, headers).await
}

/// The path of a spoken job.
async fn spoken(api: &Api) -> String {
    let body = json!({"kind": "speech", "input": "Hello."});
    let id = api.post("/v1/jobs", &body).await.id();
    let path = format!("/v1/jobs/{id}");
    let job = api.get(&format!("{path}?wait=30")).await.expect(200);
    assert_eq!(job.json()["status"], "succeeded");
    path
}

#[tokio::test]
async fn a_job_that_has_not_moved_is_not_sent_again() {
    let api = Api::new();
    let body = json!({"kind": "speech", "input": "Hello."});
    let id = api.post("/v1/jobs", &body).await.expect(202).id();
    let path = format!("/v1/jobs/{id}");
    let tag = api.get(&path).await.expect(200).header("etag").to_owned();
    assert!(tag.starts_with("W/\""), "{tag}");
    api.clock.advance(Duration::from_secs(5));
    let same = get(&api, &path, &[("if-none-match", &tag)])
        .await
        .expect(304);
    assert!(same.body.is_empty());
    assert_eq!(same.header("etag"), tag);
    assert!(same.headers.contains_key("retry-after"));
    let _worker = api.worker();
    api.get(&format!("{path}?wait=30")).await.expect(200);
    let moved = get(&api, &path, &[("if-none-match", &tag)])
        .await
        .expect(200);
    assert_eq!(moved.json()["status"], "succeeded");
    let tag = moved.header("etag").to_owned();
    let same = get(&api, &path, &[("if-none-match", &tag)])
        .await
        .expect(304);
    assert!(!same.headers.contains_key("retry-after"), "it has ended");
}

#[tokio::test]
async fn a_long_poll_compares_with_the_job_as_it_is_then() {
    let api = Api::new();
    let body = json!({"kind": "speech", "input": "Hello."});
    let id = api.post("/v1/jobs", &body).await.expect(202).id();
    let path = format!("/v1/jobs/{id}");
    let tag = api.get(&path).await.expect(200).header("etag").to_owned();
    let _worker = api.worker();
    let headers = [("if-none-match", tag.as_str()), ("prefer", "wait=30")];
    let moved = get(&api, &path, &headers).await.expect(200);
    assert_eq!(moved.json()["status"], "succeeded");
}

#[tokio::test]
async fn a_result_that_the_client_has_is_not_sent_again() {
    let api = Api::new();
    let _worker = api.worker();
    let path = format!("{}/result", spoken(&api).await);
    let whole = api.get(&path).await.expect(200);
    let tag = whole.header("etag").to_owned();
    assert!(tag.starts_with('"'), "strong: {tag}");
    assert_eq!(whole.header("accept-ranges"), "bytes");
    for known in [tag.as_str(), "*", &format!("\"other\", W/{tag}")] {
        let same = get(&api, &path, &[("if-none-match", known)])
            .await
            .expect(304);
        assert!(same.body.is_empty());
        assert_eq!(same.header("etag"), tag);
        assert!(!same.headers.contains_key("content-type"));
    }
    get(&api, &path, &[("if-none-match", "\"other\"")])
        .await
        .expect(200);
    let mp3 = api.get(&format!("{path}?format=mp3")).await.expect(200);
    assert_ne!(mp3.header("etag"), tag, "another format is another thing");
    // What the client has comes before the part that it wants.
    let headers = [("if-none-match", tag.as_str()), ("range", "bytes=0-9")];
    get(&api, &path, &headers).await.expect(304);
}

#[tokio::test]
async fn a_download_goes_on_where_it_broke_off() {
    let api = Api::new();
    let _worker = api.worker();
    let path = format!("{}/result", spoken(&api).await);
    let whole = api.get(&path).await.expect(200);
    let (tag, length) = (whole.header("etag"), whole.body.len());
    let first = get(&api, &path, &[("range", "bytes=0-999")])
        .await
        .expect(206);
    assert_eq!(
        first.header("content-range"),
        format!("bytes 0-999/{length}")
    );
    assert_eq!(first.header("content-type"), "audio/wav");
    assert_eq!(first.header("etag"), tag);
    let headers = [("range", "bytes=1000-"), ("if-range", tag)];
    let rest = get(&api, &path, &headers).await.expect(206);
    assert_eq!([first.body, rest.body].concat(), whole.body);
    let last = get(&api, &path, &[("range", "bytes=-10")])
        .await
        .expect(206);
    assert_eq!(last.body, whole.body[length - 10..]);
    // Of another result, of several parts, or of seconds: the whole.
    for headers in [
        [("range", "bytes=1000-"), ("if-range", "\"other\"")],
        [("range", "bytes=0-1,5-6"), ("accept", "*/*")],
        [("range", "seconds=0-1"), ("accept", "*/*")],
    ] {
        assert_eq!(
            get(&api, &path, &headers).await.expect(200).body,
            whole.body
        );
    }
}

#[tokio::test]
async fn bytes_beyond_the_end_are_refused_with_the_length() {
    let api = Api::new();
    let _worker = api.worker();
    let path = format!("{}/result", spoken(&api).await);
    let length = api.get(&path).await.expect(200).body.len();
    let range = format!("bytes={length}-");
    let refused = get(&api, &path, &[("range", &range)]).await.expect(416);
    assert_eq!(refused.header("content-range"), format!("bytes */{length}"));
    assert_eq!(refused.json()["code"], "range_not_satisfiable");
    assert_eq!(refused.json()["length"], length);
}

#[tokio::test]
async fn a_transcript_has_a_tag_and_parts_too() {
    let api = Api::new();
    let _worker = api.worker();
    let wav = crate::bad_inputs::audio::tone_wav(1);
    let id = api
        .upload("/v1/jobs", &[("kind", "transcription")], &wav)
        .await
        .expect(202)
        .id();
    api.get(&format!("/v1/jobs/{id}?wait=30")).await.expect(200);
    let path = format!("/v1/jobs/{id}/result");
    let whole = api.get(&path).await.expect(200);
    get(&api, &path, &[("if-none-match", whole.header("etag"))])
        .await
        .expect(304);
    let part = get(&api, &path, &[("range", "bytes=1-4")])
        .await
        .expect(206);
    assert_eq!(part.body, whole.body[1..5]);
    assert_eq!(part.header("content-type"), "application/json");
}

#[tokio::test]
async fn head_says_what_get_would_send() {
    let api = Api::new();
    let _worker = api.worker();
    let path = format!("{}/result", spoken(&api).await);
    let whole = api.get(&path).await.expect(200);
    let head = ask(&api, Method::HEAD, &path, &[]).await.expect(200);
    assert!(head.body.is_empty());
    for name in ["content-length", "content-type", "etag", "accept-ranges"] {
        assert_eq!(head.header(name), whole.header(name), "{name}");
    }
}

/// An id that was made so long before the clock's time.
fn made_before(api: &Api, age: Duration) -> String {
    let now = u64::try_from(api.clock.now().0).expect("after 1970");
    let at = Duration::from_millis(now)
        .checked_sub(age)
        .expect("after 1970");
    let at = uuid::Timestamp::from_unix(uuid::NoContext, at.as_secs(), at.subsec_nanos());
    Uuid::new_v7(at).to_string()
}

#[tokio::test]
async fn a_job_whose_record_has_expired_is_gone_and_a_younger_one_never_was() {
    let week = Duration::from_hours(7 * 24);
    let limits = ApiLimits {
        finished_ttl: Some(week),
        ..limits()
    };
    let api = Api::with(limits, catalog::usual());
    let old = made_before(&api, week + Duration::from_secs(1));
    let young = made_before(&api, Duration::from_hours(7 * 24 - 1));
    let random = Uuid::new_v4().to_string();
    for (id, status, code) in [
        (&old, 410, "job_expired"),
        (&young, 404, "job_not_found"),
        (&random, 404, "job_not_found"),
    ] {
        for (method, path) in [
            (Method::GET, ""),
            (Method::DELETE, ""),
            (Method::GET, "/result"),
            (Method::GET, "/events"),
            (Method::POST, "/cancel"),
            (Method::POST, "/retry"),
        ] {
            let path = format!("/v1/jobs/{id}{path}");
            let answer = ask(&api, method.clone(), &path, &[]).await;
            assert_eq!(answer.json()["code"], code, "{method} {path}");
            answer.expect(status);
        }
    }
}

#[tokio::test]
async fn without_a_known_retention_nothing_is_said_to_have_expired() {
    let api = Api::new();
    let old = made_before(&api, Duration::from_hours(24 * 365));
    api.get(&format!("/v1/jobs/{old}")).await.expect(404);
}

#[tokio::test]
async fn an_old_job_that_is_still_there_is_told() {
    let limits = ApiLimits {
        finished_ttl: Some(Duration::from_hours(1)),
        ..limits()
    };
    let api = Api::with(limits, catalog::usual());
    let _worker = api.worker();
    let path = spoken(&api).await;
    api.clock.advance(Duration::from_hours(24 * 3_650));
    api.get(&path).await.expect(200);
    let key = BlobKey::Result(api.records.all()[0].fingerprint.clone());
    api.blobs.delete(&key).await.expect("deleted");
    let gone = api.get(&format!("{path}/result")).await.expect(410);
    assert_eq!(gone.json()["code"], "result_gone");
}
