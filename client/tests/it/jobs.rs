//! Jobs from their submission to their results.

use std::{collections::BTreeSet, time::Duration};

use futures::{StreamExt, TryStreamExt};
use voicefleet_client::{
    AudioFormat, ClientError, ErrorCode, IdempotencyKey, JobFilter, JobKind, JobStatus, SpeechJob,
    Tier, TranscriptFormat, TranscriptionJob,
};

use crate::support::{
    PATIENCE, Service, recording,
    worker::{FAILS, HEARD},
};

#[tokio::test]
async fn speech_is_submitted_waited_for_and_fetched() {
    let service = Service::start().await;
    let _worker = service.worker();
    let client = service.client();
    let wanted = SpeechJob::new("Tell us about yourself.")
        .engine("kokoro")
        .voice("af_heart")
        .tier(Tier::Batch)
        .response_format(AudioFormat::Flac)
        .speed(1.5)
        .deadline(Duration::from_hours(1));
    let job = client.submit_speech(&wanted).await.expect("accepted");
    assert_eq!((&job.kind, &job.tier), (&JobKind::Speech, &Tier::Batch));
    assert!(job.deadline.is_some());
    let job = client.wait(&job.id, PATIENCE).await.expect("ended");
    let job = job.succeeded().expect("well");
    assert_eq!(
        (job.engine.as_str(), job.voice.as_deref(), job.progress.done),
        ("kokoro", Some("af_heart"), 3)
    );
    assert!((job.timings.audio_seconds - 1.5).abs() < 0.01);
    let flac = client.result(&job.id).await.expect("a result");
    assert_eq!(flac.content_type(), Some("audio/flac"));
    let length = flac.length();
    let flac = flac.bytes().await.expect("all of it");
    assert!(flac.starts_with(b"fLaC") && length == Some(flac.len() as u64));
    let wav = client.result_as(&job.id, AudioFormat::Wav).await;
    let wav = wav.expect("a result").bytes().await.expect("all of it");
    assert!(wav.starts_with(b"RIFF"));
}

#[tokio::test]
async fn recordings_are_sent_along_or_were_uploaded_before() {
    let service = Service::start().await;
    let _worker = service.worker();
    let client = service.client();
    let sent = TranscriptionJob::new(recording())
        .language("en")
        .tier(Tier::Realtime)
        .deadline(Duration::from_hours(1));
    let file = client.upload_audio(recording()).await.expect("stored");
    let uploaded = TranscriptionJob::of_file(&file.id)
        .model("whisper-base")
        .prompt("Hello")
        .temperature(0.5_f32);
    for wanted in [sent, uploaded] {
        let job = client.submit_transcription(&wanted).await;
        let job = job.expect("accepted");
        assert_eq!(job.file_id.as_ref(), Some(&file.id));
        client.wait(&job.id, PATIENCE).await.expect("ended");
        let transcript = client.transcript(&job.id).await.expect("a transcript");
        assert_eq!(transcript.text, HEARD);
        assert_eq!(transcript.segments[0].words[0].word, "Hello");
        let srt = client.result_as(&job.id, TranscriptFormat::Srt).await;
        let srt = srt.expect("a result").bytes().await.expect("all of it");
        assert!(srt.starts_with(b"1\n"));
    }
}

#[tokio::test]
async fn files_are_listed_read_and_deleted() {
    let service = Service::start().await;
    let client = service.client();
    let file = client.upload_audio(recording()).await.expect("stored");
    assert_eq!(file.filename, "tone.wav");
    let again = client.upload_audio(recording()).await.expect("stored");
    assert_eq!(again.id, file.id);
    let all: Vec<_> = client.files().try_collect().await.expect("a list");
    assert_eq!(all.len(), 1);
    assert_eq!(client.file(&file.id).await.expect("known").id, file.id);
    let content = client.file_content(&file.id).await.expect("there");
    let content = content.bytes().await.expect("all of it");
    assert_eq!(content.len() as u64, file.bytes);
    client.delete_file(&file.id).await.expect("deleted");
    let gone = client.file(&file.id).await.expect_err("gone");
    assert_eq!(gone.code(), Some(&ErrorCode::FileNotFound));
}

#[tokio::test]
async fn a_list_goes_over_pages_and_no_further_than_it_is_read() {
    let service = Service::start().await;
    let client = service.client();
    let mut submitted = BTreeSet::new();
    for number in 0..105 {
        let job = SpeechJob::new(format!("Question {number}.")).tier(Tier::Batch);
        let job = client.submit_speech(&job).await.expect("accepted");
        submitted.insert(job.id);
    }
    let urgent = SpeechJob::new("Now.").tier(Tier::Realtime);
    client.submit_speech(&urgent).await.expect("accepted");
    let pages = || {
        let lists = service.faults.seen_at("/v1/jobs").into_iter();
        lists.filter(|seen| seen.method == "GET").count()
    };

    let first = client.jobs(JobFilter::default()).take(100);
    assert_eq!(first.count().await, 100);
    assert_eq!(pages(), 1);
    let filter = JobFilter::default()
        .tier(Tier::Batch)
        .status(JobStatus::Queued);
    let listed: Vec<_> = client.jobs(filter).try_collect().await.expect("a list");
    let newest_first = listed.is_sorted_by(|one, next| one.id > next.id);
    assert!(newest_first && listed.len() == submitted.len());
    let listed: BTreeSet<String> = listed.into_iter().map(|job| job.id).collect();
    assert_eq!(listed, submitted);
    assert_eq!(pages(), 3);
}

#[tokio::test]
async fn a_job_is_withdrawn_and_submitted_again() {
    let service = Service::start().await;
    let client = service.client();
    let job = client.submit_speech(&SpeechJob::new("Hello.")).await;
    let job = job.expect("accepted");
    let unready = client.result(&job.id).await.map(drop);
    let unready = unready.expect_err("nothing there yet");
    assert_eq!(unready.code(), Some(&ErrorCode::ResultNotReady));
    assert!(unready.is_transient());
    for _ in 0..2 {
        let cancelled = client.cancel(&job.id).await.expect("withdrawn");
        assert_eq!(cancelled.status, JobStatus::Cancelled);
    }
    let again = client.retry(&job.id).await.expect("accepted");
    assert!(again.id != job.id && again.status == JobStatus::Queued);
}

#[tokio::test]
async fn a_job_that_failed_says_why() {
    let service = Service::start().await;
    let _worker = service.worker();
    let client = service.client();
    let job = client.submit_speech(&SpeechJob::new(FAILS)).await;
    let job = client.wait(&job.expect("accepted").id, PATIENCE).await;
    let error = job.expect("ended").succeeded().expect_err("not well");
    let ClientError::JobFailed(job) = &error else {
        panic!("{error:?}");
    };
    let reason = job.error.as_ref().expect("a reason");
    assert_eq!(reason.code, ErrorCode::EngineFailed);
    assert!(error.to_string().contains("the engine failed"), "{error}");
    let none = client.result(&job.id).await.map(drop);
    let none = none.expect_err("no result");
    assert_eq!(none.code(), Some(&ErrorCode::NoResult));
}

#[tokio::test]
async fn a_key_of_the_callers_own_makes_two_calls_one_job() {
    let service = Service::start().await;
    let client = service.client();
    let key = IdempotencyKey::new("exam-7/question-3").expect("a key");
    let wanted = SpeechJob::new("Hello.").idempotency_key(key.clone());
    let first = client.submit_speech(&wanted).await.expect("accepted");
    let second = client.submit_speech(&wanted).await.expect("accepted");
    assert_eq!(first.id, second.id);
    let other = SpeechJob::new("Good bye.").idempotency_key(key);
    let refused = client.submit_speech(&other).await.expect_err("used");
    assert_eq!(refused.code(), Some(&ErrorCode::IdempotencyMismatch));
    let without = SpeechJob::new("Hello.");
    let third = client.submit_speech(&without).await.expect("accepted");
    assert_ne!(first.id, third.id);
}
