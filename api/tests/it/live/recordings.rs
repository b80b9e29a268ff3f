//! Recordings are pushed and transcribed.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use voicefleet_core::{JobSpec, JobState};

use super::client::{Served, Session};
use crate::{
    bad_inputs::audio::tone_wav,
    support::{Api, worker::HEARD},
};

async fn push(session: &mut Session, bytes: &[u8]) {
    for frame in bytes.chunks(3_000) {
        session.send(Message::binary(frame.to_vec())).await;
    }
}

async fn record(session: &mut Session, id: &str, more: &Value) {
    let mut start = json!({"type": "audio.start", "id": id});
    let members = more.as_object().expect("an object").clone();
    start.as_object_mut().expect("an object").extend(members);
    session.say(start).await;
    session.event("audio.started").await;
}

async fn end(session: &mut Session, id: &str) {
    session.say(json!({"type": "audio.end", "id": id})).await;
}

#[tokio::test]
async fn a_file_that_is_pushed_is_the_file_that_is_uploaded() {
    let api = Api::new();
    let (served, _worker) = (Served::start(&api).await, api.worker());
    let mut session = served.session(json!({})).await;
    record(&mut session, "a", &json!({"language": "en"})).await;
    push(&mut session, &tone_wav(1)).await;
    end(&mut session, "a").await;
    let transcript = session.event("transcript").await;
    assert_eq!(transcript["text"], HEARD);
    assert_eq!(transcript["language"], "en");
    assert!(transcript.get("words").is_none() && transcript.get("segments").is_none());
    let fields = [("model", "whisper-1"), ("language", "en")];
    let there = api
        .upload("/v1/audio/transcriptions", &fields, &tone_wav(1))
        .await;
    let there = there.expect(200);
    assert_eq!(there.header("x-voicefleet-cache"), "hit");
}

#[tokio::test]
async fn samples_are_pushed_while_something_is_said() {
    let api = Api::new();
    let (served, _worker) = (Served::start(&api).await, api.worker());
    let mut session = served.session(json!({"audio": "base64"})).await;
    let wanted = json!({"format": "pcm16", "sample_rate": 16_000, "words": true, "segments": true, "stream": true});
    record(&mut session, "a", &wanted).await;
    let wav = tone_wav(2);
    push(&mut session, &wav[44..]).await;
    session.speak("q", "Go on.").await;
    session.utterance("q").await;
    end(&mut session, "a").await;
    let delta = session.event("transcript.delta").await;
    assert_eq!(delta["delta"], HEARD);
    let transcript = session.event("transcript").await;
    assert_eq!(transcript["words"][1]["word"], "there.");
    assert_eq!(transcript["segments"][0]["start"], 0.1);
    let listened = api
        .records
        .all()
        .into_iter()
        .find_map(|job| match job.spec {
            JobSpec::Transcription(spec) => Some(spec),
            JobSpec::Speech(_) => None,
        });
    let seconds = listened.expect("a transcription").audio_seconds;
    assert!((seconds - 2.0).abs() < 0.001, "{seconds}");
}

#[tokio::test]
async fn a_recording_too_large_ends_and_what_was_on_its_way_is_passed_over() {
    let api = Api::new();
    let (served, _worker) = (Served::start(&api).await, api.worker());
    let mut session = served.session(json!({})).await;
    record(&mut session, "a", &json!({})).await;
    for _ in 0..20 {
        let frame = vec![0; api.context.limits.max_upload_bytes / 4];
        session.send(Message::binary(frame)).await;
    }
    let (event, code) = session.refusal().await;
    assert_eq!(
        (code.as_str(), &event["ended"]),
        ("upload_too_large", &json!(true))
    );
    end(&mut session, "a").await;
    session.settle().await;
    // Another may follow.
    record(&mut session, "a", &json!({})).await;
    push(&mut session, &tone_wav(1)).await;
    end(&mut session, "a").await;
    session.event("transcript").await;
}

#[tokio::test]
async fn audio_that_is_none_is_refused_by_name() {
    let api = Api::new();
    let (served, _worker) = (Served::start(&api).await, api.worker());
    let mut session = served.session(json!({})).await;
    let pcm = json!({"format": "pcm16", "sample_rate": 8_000});
    for (wanted, bytes, expected) in [
        (json!({}), b"no audio at all".to_vec(), "not_audio"),
        (json!({}), Vec::new(), "empty_upload"),
        (json!({}), tone_wav(1)[..9_000].to_vec(), "truncated_audio"),
        (pcm.clone(), Vec::new(), "empty_upload"),
        (pcm, vec![1; 16_001], "truncated_audio"),
    ] {
        record(&mut session, "a", &wanted).await;
        push(&mut session, &bytes).await;
        end(&mut session, "a").await;
        let (event, code) = session.refusal().await;
        assert_eq!((code.as_str(), &event["ended"]), (expected, &json!(true)));
    }
    assert!(api.records.all().is_empty());
}

#[tokio::test]
async fn a_recording_may_be_dropped_before_and_after_its_end() {
    let api = Api::new();
    let served = Served::start(&api).await;
    let mut session = served.session(json!({})).await;
    let drop = json!({"type": "audio.cancel", "id": "a"});
    record(&mut session, "a", &json!({})).await;
    push(&mut session, &tone_wav(1)).await;
    session.say(drop.clone()).await;
    session.event("audio.cancelled").await;
    assert!(api.records.all().is_empty());
    record(&mut session, "a", &json!({})).await;
    push(&mut session, &tone_wav(1)).await;
    end(&mut session, "a").await;
    api.next_envelope("whisper").await;
    session.say(drop.clone()).await;
    session.event("audio.cancelled").await;
    session.settle().await;
    api.idle().await;
    assert_eq!(api.records.all()[0].state, JobState::Cancelled);
    session.say(drop).await;
    let (event, _) = session.refusal().await;
    assert_eq!(event["ended"], false);
}
