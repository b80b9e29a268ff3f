//! Uploads and the transcription jobs that refer to them.

use axum::http::Method;
use serde_json::{Value, json};
use voicefleet_core::{
    JobSpec,
    ports::{BlobKey, Retention},
};

use crate::{
    bad_inputs::audio::tone_wav,
    support::{Api, worker::HEARD},
};

fn retention(api: &Api, file: &str) -> Option<Retention> {
    api.blobs.retention(&BlobKey::Upload(file.to_owned()))
}

#[tokio::test]
async fn a_file_is_described_and_can_be_deleted() {
    let api = Api::new();
    let wav = tone_wav(2);
    let answer = api
        .upload("/v1/files", &[("purpose", "transcription")], &wav)
        .await
        .expect(201);
    let id = answer.id();
    let file = json!({
        "id": id, "object": "file", "bytes": wav.len(), "created_at": 1_767_225_600,
        "filename": "a.wav", "purpose": "transcription", "status": "processed",
        "audio_seconds": 2.0,
    });
    assert_eq!(answer.json(), file);
    assert_eq!(answer.header("location"), format!("/v1/files/{id}"));
    let path = format!("/v1/files/{id}");
    assert_eq!(api.get(&path).await.expect(200).json(), file);
    let deleted = api.call(Method::DELETE, &path).await.expect(200).json();
    assert_eq!(
        deleted,
        json!({"id": id, "object": "file", "deleted": true})
    );
    assert_eq!(api.get(&path).await.expect(404).json()["field"], "file_id");
    api.call(Method::DELETE, &path).await.expect(404);
}

#[tokio::test]
async fn equal_uploads_are_kept_once() {
    let api = Api::new();
    let first = api
        .upload("/v1/files", &[], &tone_wav(1))
        .await
        .expect(201)
        .id();
    let second = api
        .upload("/v1/files", &[], &tone_wav(1))
        .await
        .expect(201)
        .id();
    let other = api
        .upload("/v1/files", &[], &tone_wav(2))
        .await
        .expect(201)
        .id();
    assert_eq!(first, second);
    assert_ne!(first, other);
    assert_eq!(api.blobs.count(), 2);
}

#[tokio::test]
async fn a_file_is_held_while_a_job_waits_for_it() {
    let api = Api::new();
    let file = api
        .upload("/v1/files", &[], &tone_wav(1))
        .await
        .expect(201)
        .id();
    assert_eq!(
        retention(&api, &file),
        Some(Retention::Cache),
        "nobody waits for it yet"
    );
    let body = json!({"kind": "transcription", "file_id": file});
    let job = api.post("/v1/jobs", &body).await.expect(202).id();
    assert_eq!(retention(&api, &file), Some(Retention::Pinned));
    api.upload("/v1/files", &[], &tone_wav(1)).await.expect(201);
    assert_eq!(
        retention(&api, &file),
        Some(Retention::Pinned),
        "another upload does not let go"
    );
    let _worker = api.worker();
    api.get(&format!("/v1/jobs/{job}?wait=30"))
        .await
        .expect(200);
    // The worker lets go just after it has finished the job, so do not ask about that here.
    let again = api.post("/v1/jobs", &body).await.expect(200).json();
    assert_eq!(again["from_cache"], true);
    assert_eq!(again["timings"]["audio_seconds"], 1.0);
}

#[tokio::test]
async fn a_refused_job_does_not_hold_its_file() {
    let api = Api::new();
    let file = api
        .upload("/v1/files", &[], &tone_wav(1))
        .await
        .expect(201)
        .id();
    api.queue.outage().set_down(true);
    let body = json!({"kind": "transcription", "file_id": file});
    api.post("/v1/jobs", &body).await.expect(503);
    assert_eq!(retention(&api, &file), Some(Retention::Cache));
}

#[tokio::test]
async fn what_is_queued_is_what_was_asked_for() {
    let api = Api::new();
    let file = api
        .upload("/v1/files", &[], &tone_wav(1))
        .await
        .expect(201)
        .id();
    let body = json!({"kind": "transcription", "file_id": file, "model": "whisper-tiny.en", "language": "EN",
        "temperature": 0.5, "prompt": " Voicefleet ", "tier": "batch", "deadline": "2026-01-01T01:00:00+00:00"});
    let answer = api.post("/v1/jobs", &body).await.expect(202).json();
    assert_eq!(
        (&answer["file_id"], &answer["language"]),
        (&json!(file), &json!("en"))
    );
    assert_eq!(
        (&answer["voice"], &answer["response_format"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(answer["deadline"], "2026-01-01T01:00:00.000Z");
    let envelope = api.next_envelope("whisper").await;
    let JobSpec::Transcription(spec) = envelope.spec else {
        panic!("a transcription")
    };
    assert_eq!(
        (spec.model.as_str(), spec.language.as_deref()),
        ("whisper-tiny.en", Some("en"))
    );
    assert_eq!(
        (spec.audio_key.as_str(), spec.prompt.as_deref()),
        (file.as_str(), Some("Voicefleet"))
    );
    assert!((spec.audio_seconds - 1.0).abs() < 1e-9);
    assert!((spec.temperature - 0.5).abs() < f32::EPSILON);
}

#[tokio::test]
async fn a_form_is_upload_and_job_in_one() {
    let api = Api::new();
    let _worker = api.worker();
    let fields = [
        ("kind", "transcription"),
        ("language", "en"),
        ("tier", "realtime"),
        ("deadline", "60"),
        ("model", ""),
    ];
    let answer = api
        .upload("/v1/jobs", &fields, &tone_wav(1))
        .await
        .expect(202);
    assert_eq!(
        (&answer.json()["tier"], &answer.json()["model"]),
        (&json!("realtime"), &json!("whisper-base"))
    );
    let path = format!("/v1/jobs/{}", answer.id());
    assert_eq!(
        api.get(&format!("{path}?wait=30")).await.expect(200).json()["status"],
        "succeeded"
    );
    let transcript = api.get(&format!("{path}/result")).await.expect(200);
    assert_eq!(transcript.header("content-type"), "application/json");
    let transcript = transcript.json();
    assert_eq!(
        (&transcript["text"], &transcript["language"]),
        (&json!(HEARD), &json!("en"))
    );
    assert_eq!(
        (
            &transcript["duration"],
            &transcript["segments"][0]["words"][1]["end"]
        ),
        (&json!(1.0), &json!(0.9))
    );
}

#[tokio::test]
async fn a_transcript_comes_in_openais_formats_too() {
    let api = Api::new();
    let _worker = api.worker();
    let id = api
        .upload("/v1/jobs", &[], &tone_wav(1))
        .await
        .expect(202)
        .id();
    api.get(&format!("/v1/jobs/{id}?wait=30")).await.expect(200);
    let result = async |format: &str| {
        api.get(&format!("/v1/jobs/{id}/result?format={format}"))
            .await
    };
    assert_eq!(
        result("text").await.expect(200).text(),
        format!("{HEARD}\n")
    );
    assert!(
        result("srt")
            .await
            .expect(200)
            .text()
            .contains("00:00:00,100 --> 00:00:00,900")
    );
    assert!(
        result("vtt")
            .await
            .expect(200)
            .text()
            .starts_with("WEBVTT\n\n00:00:00.100")
    );
    assert_eq!(
        result("verbose_json").await.expect(200).json()["words"][0]["word"],
        "Hello"
    );
    assert_eq!(
        result("wav").await.expect(400).json()["code"],
        "unknown_format"
    );
}

#[tokio::test]
async fn a_language_that_the_model_does_not_know_is_refused() {
    let api = Api::new();
    let fields = [("model", "whisper-tiny.en"), ("language", "de")];
    let problem = api
        .upload("/v1/jobs", &fields, &tone_wav(1))
        .await
        .expect(400)
        .json();
    assert_eq!(
        (&problem["code"], &problem["field"]),
        (&json!("unknown_language"), &json!("language"))
    );
    assert_eq!(
        problem["detail"],
        "the model 'whisper-tiny.en' does not understand 'de'; it understands en"
    );
}

#[tokio::test]
async fn models_that_are_not_installed_are_named() {
    let api = Api::new();
    let problem = api
        .upload("/v1/jobs", &[("model", "whisper-large")], &tone_wav(1))
        .await
        .expect(404)
        .json();
    assert_eq!(
        (&problem["code"], &problem["field"]),
        (&json!("model_not_installed"), &json!("model"))
    );
    let body = json!({"kind": "speech", "input": "Hallo.", "voice": "de_DE-eva-high"});
    let problem = api.post("/v1/jobs", &body).await.expect(404).json();
    assert_eq!(problem["code"], "model_not_installed");
}

#[tokio::test]
async fn more_uploads_than_there_is_room_for_are_told_to_come_back() {
    let limits = voicefleet_api::ApiLimits {
        max_uploads: 0,
        ..crate::support::limits()
    };
    let api = Api::with(limits, crate::support::catalog::usual());
    let answer = api.upload("/v1/files", &[], &tone_wav(1)).await.expect(503);
    assert_eq!(answer.json()["code"], "unavailable");
    assert!(answer.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn a_store_full_of_what_is_needed_says_so() {
    let api = Api::custom(|context| {
        context.blobs = std::sync::Arc::new(voicefleet_testkit::memory::MemoryBlobs::new(1_000));
    });
    let answer = api.upload("/v1/files", &[], &tone_wav(1)).await.expect(503);
    assert_eq!(
        answer.json()["detail"],
        "the audio store is full of files that waiting jobs need"
    );
}

#[tokio::test]
async fn an_upload_without_end_is_not_read_to_its_end() {
    let api = Api::new();
    let endless = vec![0; 20 * crate::support::limits().max_upload_bytes];
    let problem = api
        .upload("/v1/files", &[], &endless)
        .await
        .expect(413)
        .json();
    assert_eq!(
        (&problem["code"], &problem["field"]),
        (&json!("upload_too_large"), &json!("file"))
    );
}

#[tokio::test]
async fn an_upload_may_be_as_large_as_the_limit_says() {
    let max_upload_bytes = 4 * 1024 * 1024;
    let limits = voicefleet_api::ApiLimits {
        max_upload_bytes,
        ..crate::support::limits()
    };
    let api = Api::with(limits, crate::support::catalog::usual());
    let wav = tone_wav(100);
    assert!(wav.len() > 3_000_000 && wav.len() < max_upload_bytes);
    let file = api.upload("/v1/files", &[], &wav).await.expect(201).json();
    assert_eq!(file["audio_seconds"], 100.0);
}
