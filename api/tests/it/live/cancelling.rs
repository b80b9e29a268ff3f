//! Barge-in.

use axum::http::Method;
use serde_json::json;
use voicefleet_core::{AudioFormat, JobState, ports::JobRecords as _};

use super::client::{Heard, Served, types};
use crate::{
    streaming::begun,
    support::{
        Api,
        speaker::{CHUNK, Speaker},
        worker::VOICE_RATE,
    },
};

impl Api {
    /// Waits until no job is in flight any more.
    pub(super) async fn idle(&self) {
        for job in self.records.all() {
            let mut job = job;
            while !job.state.is_terminal() {
                let patience = std::time::Duration::from_secs(20);
                let seen = (job.state, job.progress);
                let changed = self.records.wait(job.id, seen, patience).await;
                job = changed.expect("recorded");
            }
        }
    }
}

#[tokio::test]
async fn what_is_cancelled_is_not_heard_any_more_nor_made() {
    let api = Api::new();
    let served = Served::start(&api).await;
    let mut session = served
        .session(json!({"model": "piper", "response_format": "wav"}))
        .await;
    session.speak("a", "One. Two. Three.").await;
    let mut speaker = Speaker::take(&api).await;
    speaker.chunk().await;
    session.event("speech.started").await;
    session.event("speech.sentence").await;
    let mut heard = 0;
    while heard < 44 + 2 * CHUNK {
        match session.next().await {
            Heard::Audio(bytes) => heard += bytes.len(),
            other => panic!("{other:?}"),
        }
    }
    session
        .say(json!({"type": "speak.cancel", "id": "a"}))
        .await;
    let cancelled = session.event("speech.cancelled").await;
    let millis = CHUNK * 1000 / VOICE_RATE as usize;
    assert_eq!(
        (&cancelled["id"], &cancelled["audio_ms"]),
        (&json!("a"), &json!(millis))
    );
    api.idle().await;
    let state = api
        .records
        .get(speaker.job.id)
        .await
        .expect("recorded")
        .state;
    assert_eq!(state, JobState::Cancelled);
    assert!(speaker.chunk_without_keeping().await.is_err());
    let _worker = api.worker();
    session.speak("b", "Something else.").await;
    let (audio, events) = session.utterance("b").await;
    assert_eq!(
        types(&events),
        ["speech.started", "speech.sentence", "speech.done"]
    );
    assert_eq!(&audio[..4], b"RIFF", "nothing of the other is left");
    session
        .say(json!({"type": "speak.cancel", "id": "a"}))
        .await;
    let (event, _) = session.refusal().await;
    assert_eq!(
        (&event["id"], &event["ended"]),
        (&json!("a"), &json!(false))
    );
}

#[tokio::test]
async fn everything_is_cancelled_at_once() {
    let api = Api::new();
    let served = Served::start(&api).await;
    let mut session = served.session(json!({"model": "piper"})).await;
    for id in ["a", "b", "c", "d", "e"] {
        session.speak(id, &format!("This is {id}.")).await;
    }
    session.append("f", "One. Two. ").await;
    let _speaker = Speaker::take(&api).await;
    session.settle().await;
    session.say(json!({"type": "speak.cancel"})).await;
    for id in ["a", "b", "c", "d", "e", "f"] {
        let cancelled = session.event("speech.cancelled").await;
        assert_eq!(
            (&cancelled["id"], &cancelled["audio_ms"]),
            (&json!(id), &json!(0))
        );
    }
    api.idle().await;
    let jobs = api.records.all();
    assert_eq!(jobs.len(), 3, "no more than were ahead");
    assert!(jobs.iter().all(|job| job.state == JobState::Cancelled));
    // A part that was on its way belongs to nothing any more.
    session.say(json!({"type": "speak.flush", "id": "f"})).await;
    let (event, code) = session.refusal().await;
    assert_eq!(
        (code.as_str(), &event["id"]),
        ("invalid_request", &json!("f"))
    );
    // There is nothing left that could be cancelled, which is well.
    session.say(json!({"type": "speak.cancel"})).await;
    session.settle().await;
}

#[tokio::test]
async fn what_others_wait_for_is_made_all_the_same() {
    let api = Api::new();
    let served = Served::start(&api).await;
    let (mut http, mut speaker) = begun(&api, AudioFormat::Pcm, "audio").await;
    let mut session = served
        .session(json!({"model": "tts-1", "voice": "alloy"}))
        .await;
    session.speak("a", "One. Two. Three.").await;
    session.event("speech.started").await;
    session.say(json!({"type": "speak.cancel"})).await;
    let (_, events) = session.utterance("a").await;
    assert_eq!(types(&events).last(), Some(&"speech.cancelled"));
    let leader = api.records.get(speaker.job.id).await.expect("recorded");
    assert_eq!(leader.state, JobState::Running);
    speaker.chunk().await;
    speaker.finish().await;
    assert!(!http.rest().await.expect("whole").is_empty());
}

#[tokio::test]
async fn a_job_that_somebody_else_cancels_ends_its_utterance() {
    let api = Api::new();
    let served = Served::start(&api).await;
    let mut session = served.session(json!({"model": "piper"})).await;
    session.speak("a", "One.").await;
    let id = api.next_envelope("piper").await.job_id;
    let path = format!("/v1/jobs/{id}");
    api.call(Method::DELETE, &path).await.expect(202);
    let (event, code) = session.refusal().await;
    assert_eq!(
        (code.as_str(), &event["ended"]),
        ("cancelled", &json!(true))
    );
}
