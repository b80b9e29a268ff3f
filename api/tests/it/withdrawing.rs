//! Clients that hang up.

use axum::http::Method;
use serde_json::json;
use voicefleet_core::{
    AudioFormat, JobId, JobState, Tier,
    ports::{JobRecords as _, RecordError},
};

use crate::{
    bad_inputs::audio::tone_wav,
    streaming::{begun, request},
    support::{Api, speaker::Speaker},
};

const SPEECH: &str = "/v1/audio/speech";

impl Api {
    /// Waits for what goes on although no client waits for it.
    async fn settled(&self) {
        self.tasks.close();
        self.tasks.wait().await;
        self.tasks.reopen();
    }

    async fn state(&self, id: JobId) -> JobState {
        self.records.get(id).await.expect("recorded").state
    }
}

#[tokio::test]
async fn a_client_that_stops_listening_stops_the_work() {
    for delivery in ["audio", "sse"] {
        let api = Api::new();
        let (mut answer, mut speaker) = begun(&api, AudioFormat::Mp3, delivery).await;
        answer.next().await.expect("bytes").expect("bytes");
        drop(answer);
        api.settled().await;
        assert_eq!(api.state(speaker.job.id).await, JobState::Cancelled);
        let refused = speaker.chunk_without_keeping().await;
        assert!(matches!(refused, Err(RecordError::IllegalMove { .. })));
    }
}

/// Sends a request and hangs up as soon as its job is queued.
async fn sent_and_left(api: &Api, engine: &str) -> JobId {
    let body = request(AudioFormat::Mp3, "audio");
    let wav = tone_wav(1);
    let queued = api.next_envelope(engine);
    let id = if engine == "piper" {
        tokio::select! {
            _ = api.begin(SPEECH, &body) => panic!("nobody works"),
            envelope = queued => envelope.job_id,
        }
    } else {
        let fields = [("model", "whisper-1")];
        tokio::select! {
            _ = api.upload("/v1/audio/transcriptions", &fields, &wav) => panic!("nobody works"),
            envelope = queued => envelope.job_id,
        }
    };
    api.settled().await;
    id
}

#[tokio::test]
async fn a_client_that_leaves_before_anything_is_there_withdraws_its_job() {
    for engine in ["piper", "whisper"] {
        let api = Api::new();
        let id = sent_and_left(&api, engine).await;
        assert_eq!(api.state(id).await, JobState::Cancelled, "{engine}");
    }
}

/// The submit is completed, and then there is nobody who wants it.
#[tokio::test]
async fn a_client_that_leaves_during_the_submit_withdraws_its_job() {
    let api = Api::new();
    let body = request(AudioFormat::Mp3, "audio");
    let asking = api.begin(SPEECH, &body);
    {
        tokio::pin!(asking);
        assert!(futures::poll!(&mut asking).is_pending());
    }
    api.settled().await;
    let jobs = api.records.all();
    assert!(
        jobs.iter().all(|job| job.state == JobState::Cancelled),
        "{jobs:?}"
    );
}

#[tokio::test]
async fn a_retry_right_after_begins_where_the_work_was_left() {
    let api = Api::new();
    let (answer, first) = begun(&api, AudioFormat::Pcm, "audio").await;
    drop(answer);
    api.settled().await;
    let (mut answer, second) = begun(&api, AudioFormat::Pcm, "audio").await;
    assert_ne!(first.job.id, second.job.id);
    assert_eq!(first.job.fingerprint, second.job.fingerprint);
    second.finish().await;
    assert!(!answer.rest().await.expect("whole").is_empty());
}

#[tokio::test]
async fn work_that_others_wait_for_goes_on() {
    let api = Api::new();
    let (first, mut speaker) = begun(&api, AudioFormat::Pcm, "audio").await;
    let body = request(AudioFormat::Pcm, "audio");
    let mut second = api.begin(SPEECH, &body).await;
    drop(first);
    api.settled().await;
    assert_eq!(api.state(speaker.job.id).await, JobState::Running);
    speaker.chunk().await;
    speaker.finish().await;
    assert!(!second.rest().await.expect("whole").is_empty());
}

/// Nor does a follower that leaves take anything with it.
#[tokio::test]
async fn a_follower_that_leaves_ends_alone() {
    let api = Api::new();
    let (mut first, mut speaker) = begun(&api, AudioFormat::Pcm, "audio").await;
    let body = request(AudioFormat::Pcm, "audio");
    let second = api.begin(SPEECH, &body).await;
    let follower = second.headers["x-voicefleet-job-id"].to_str();
    let follower = follower.expect("text").parse().expect("an id");
    drop(second);
    api.settled().await;
    assert_eq!(api.state(follower).await, JobState::Cancelled);
    assert_eq!(api.state(speaker.job.id).await, JobState::Running);
    speaker.chunk().await;
    speaker.finish().await;
    assert!(!first.rest().await.expect("whole").is_empty());
}

/// The follower of a leader that was cancelled is computed itself, and its client hears it go on.
#[tokio::test]
async fn a_follower_that_comes_to_lead_is_heard_on() {
    let api = Api::new();
    let (first, mut speaker) = begun(&api, AudioFormat::Pcm, "audio").await;
    let body = request(AudioFormat::Pcm, "audio");
    let mut second = api.begin(SPEECH, &body).await;
    second.next().await.expect("bytes").expect("bytes");
    let cancelled = format!("/v1/jobs/{}", speaker.job.id);
    api.call(Method::DELETE, &cancelled).await.expect(202);
    drop(first);
    let refused = speaker.chunk_without_keeping().await;
    assert!(refused.is_err());
    let mut heir = Speaker::take(&api).await;
    heir.chunk().await;
    heir.chunk().await;
    second.next().await.expect("bytes").expect("bytes");
    heir.finish().await;
    assert!(!second.rest().await.expect("whole").is_empty());
}

/// Jobs of the job API have no client that waits.
#[tokio::test]
async fn a_submitted_job_outlives_the_connection() {
    let api = Api::new();
    let speech = json!({"kind": "speech", "input": "Hello.", "tier": "batch"});
    let id = api.post("/v1/jobs", &speech).await.expect(202).id();
    {
        let path = format!("/v1/jobs/{id}?wait=30");
        let waiting = api.get(&path);
        tokio::pin!(waiting);
        assert!(futures::poll!(&mut waiting).is_pending());
    }
    api.settled().await;
    assert_eq!(
        api.state(id.parse().expect("an id")).await,
        JobState::Queued
    );
    assert_eq!(api.waiting("piper").await[Tier::Batch.rank()], 1);
}
