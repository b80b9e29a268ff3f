//! What comes of jobs: audio in every format, transcripts, and why there is nothing.

use std::{
    io::Cursor,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use axum::http::Method;
use serde_json::{Value, json};
use voicefleet_audio::Codec;
use voicefleet_core::{
    AudioFormat, Fingerprint, Pcm,
    ports::{AudioCodec, AudioError, AudioLimits, BlobKey, BlobStore},
};

use crate::support::{
    Api,
    worker::{FAILS, VOICE_RATE},
};

async fn spoken(api: &Api, format: &str) -> String {
    let body = json!({"kind": "speech", "input": "Hello.", "response_format": format});
    let id = api.post("/v1/jobs", &body).await.id();
    api.get(&format!("/v1/jobs/{id}?wait=30")).await.expect(200);
    id
}

fn fingerprint(api: &Api) -> Fingerprint {
    api.records.all()[0].fingerprint.clone()
}

#[tokio::test]
async fn a_wav_has_true_sizes_and_the_voices_rate() {
    let api = Api::new();
    let _worker = api.worker();
    let id = spoken(&api, "wav").await;
    let answer = api.get(&format!("/v1/jobs/{id}/result")).await.expect(200);
    assert_eq!(answer.header("content-type"), "audio/wav");
    assert_eq!(
        answer.header("content-length"),
        answer.body.len().to_string()
    );
    assert_eq!(answer.header("x-voicefleet-job-id"), id);
    assert_eq!(answer.header("x-voicefleet-cache"), "miss");
    let timing = answer.header("server-timing");
    assert!(
        timing.ends_with("load;dur=1.0, plan;dur=2.0, compute;dur=300.0, store;dur=4.0"),
        "{timing}"
    );
    let wav = hound::WavReader::new(Cursor::new(answer.body.clone())).expect("a WAV file");
    assert_eq!(wav.spec().sample_rate, VOICE_RATE);
    assert_eq!(wav.duration(), VOICE_RATE * 3 / 2);
}

#[tokio::test]
async fn every_format_is_made_of_the_same_audio() {
    let api = Api::new();
    let _worker = api.worker();
    let id = spoken(&api, "wav").await;
    for format in AudioFormat::ALL {
        let path = format!("/v1/jobs/{id}/result?format={format}");
        let answer = api.get(&path).await.expect(200);
        assert_eq!(
            answer.header("content-type"),
            format.content_type(),
            "{format}"
        );
        let seconds = match format {
            AudioFormat::Pcm => {
                f64::from(u32::try_from(answer.body.len()).expect("short")) / 2.0 / 24_000.0
            }
            _ => voicefleet_audio::Codec
                .decode(&answer.body, None, AudioLimits::default())
                .expect("audio")
                .seconds(),
        };
        assert!((seconds - 1.5).abs() < 0.1, "{format}: {seconds} s");
        let again = api.get(&path).await.expect(200);
        assert_eq!(again.body, answer.body, "{format}");
    }
}

#[tokio::test]
async fn a_format_is_rendered_once_and_then_cached() {
    let api = Api::new();
    let _worker = api.worker();
    let id = spoken(&api, "mp3").await;
    let path = format!("/v1/jobs/{id}/result");
    let (first, second) = tokio::join!(api.get(&path), api.get(&path));
    assert_eq!(first.expect(200).body, second.expect(200).body);
    let rendering = BlobKey::Rendering(fingerprint(&api), AudioFormat::Mp3);
    assert!(api.blobs.contains(&rendering).await.expect("answers"));
    // It serves even when the canonical audio has been evicted; other formats are gone.
    api.blobs
        .delete(&BlobKey::Result(fingerprint(&api)))
        .await
        .expect("deleted");
    api.get(&path).await.expect(200);
    let gone = api.get(&format!("{path}?format=opus")).await.expect(410);
    assert_eq!(gone.json()["code"], "result_gone");
}

#[tokio::test]
async fn a_result_that_is_not_there_yet_is_a_conflict_with_advice() {
    let api = Api::new();
    let body = json!({"kind": "speech", "input": "Hello."});
    let id = api.post("/v1/jobs", &body).await.expect(202).id();
    let answer = api.get(&format!("/v1/jobs/{id}/result")).await.expect(409);
    assert_eq!(answer.json()["code"], "result_not_ready");
    assert_eq!(answer.json()["job_id"], id);
    // Nobody is up: a worker has to start.
    assert_eq!(answer.header("retry-after"), "16");
}

#[tokio::test]
async fn a_job_without_a_result_says_why() {
    let api = Api::new();
    let worker = api.worker();
    let body = json!({"kind": "speech", "input": FAILS});
    let failed = api.post("/v1/jobs", &body).await.expect(202).id();
    api.get(&format!("/v1/jobs/{failed}?wait=30"))
        .await
        .expect(200);
    let answer = api
        .get(&format!("/v1/jobs/{failed}/result"))
        .await
        .expect(422);
    let problem = answer.json();
    assert_eq!(
        (&problem["code"], &problem["status"]),
        (&json!("no_result"), &json!(422))
    );
    assert_eq!(problem["job_status"], "failed");
    assert_eq!(problem["error"]["code"], "engine_failed");
    assert!(!answer.headers.contains_key("retry-after"));
    drop(worker);

    let body = json!({"kind": "speech", "input": "Never mind."});
    let cancelled = api.post("/v1/jobs", &body).await.expect(202).id();
    api.call(Method::DELETE, &format!("/v1/jobs/{cancelled}"))
        .await
        .expect(202);
    let problem = api
        .get(&format!("/v1/jobs/{cancelled}/result"))
        .await
        .expect(422)
        .json();
    assert_eq!(
        (&problem["job_status"], &problem["error"]["code"]),
        (&json!("cancelled"), &json!("cancelled"))
    );
}

#[tokio::test]
async fn a_format_nobody_makes_is_refused_whatever_the_job_does() {
    let api = Api::new();
    let body = json!({"kind": "speech", "input": "Hello."});
    let id = api.post("/v1/jobs", &body).await.expect(202).id();
    for format in ["aac", "text", ""] {
        let problem = api
            .get(&format!("/v1/jobs/{id}/result?format={format}"))
            .await
            .expect(400)
            .json();
        assert_eq!(
            (&problem["code"], &problem["field"]),
            (&json!("unknown_format"), &json!("format"))
        );
    }
}

#[tokio::test]
async fn damaged_audio_in_the_store_is_our_fault() {
    let api = Api::new();
    let _worker = api.worker();
    let id = spoken(&api, "wav").await;
    let blob = voicefleet_core::ports::Blob {
        bytes: bytes::Bytes::from_static(b"rubbish"),
        content_type: "audio/flac".to_owned(),
    };
    let key = BlobKey::Result(fingerprint(&api));
    api.blobs
        .put(&key, blob, voicefleet_core::ports::Retention::Cache)
        .await
        .expect("stored");
    let problem = api
        .get(&format!("/v1/jobs/{id}/result"))
        .await
        .expect(500)
        .json();
    assert_eq!(
        (&problem["code"], &problem["field"]),
        (&json!("internal"), &Value::Null)
    );
    assert_eq!(problem["detail"], "an internal error; the log has more");
}

/// Counts encodings.
#[derive(Default)]
struct CountingCodec(AtomicU32);

impl AudioCodec for CountingCodec {
    fn decode(
        &self,
        bytes: &[u8],
        rate: Option<u32>,
        limits: AudioLimits,
    ) -> Result<Pcm, AudioError> {
        Codec.decode(bytes, rate, limits)
    }

    fn encode(&self, pcm: &Pcm, format: AudioFormat) -> Result<Vec<u8>, AudioError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Codec.encode(pcm, format)
    }
}

#[tokio::test]
async fn many_who_want_one_format_at_once_have_it_made_once() {
    let codec = Arc::new(CountingCodec::default());
    let used = Arc::clone(&codec);
    let api = Api::custom(|context| context.codec = used);
    let _worker = api.worker();
    let id = spoken(&api, "wav").await;
    let path = format!("/v1/jobs/{id}/result?format=opus");
    let answers = futures::future::join_all((0..8).map(|_| api.get(&path))).await;
    assert!(
        answers
            .iter()
            .all(|answer| answer.status == 200 && answer.body == answers[0].body)
    );
    assert_eq!(codec.0.load(Ordering::SeqCst), 1);
}
