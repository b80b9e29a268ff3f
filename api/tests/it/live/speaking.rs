//! What is said is heard, in order, and as it sounds everywhere else.

use serde_json::{Value, json};
use voicefleet_audio::Codec;
use voicefleet_core::{
    JobSpec,
    ports::{AudioCodec as _, AudioLimits},
};

use super::client::{Heard, Served, types};
use crate::support::{
    Api,
    speaker::{CHUNK, Speaker, whole},
    worker::FAILS,
};

const SPEECH: &str = "/v1/audio/speech";

/// The samples of a WAV file whose length was not known when it began.
fn samples(wav: &[u8]) -> &[u8] {
    assert_eq!(&wav[..4], b"RIFF");
    &wav[44..]
}

async fn over_http(api: &Api, text: &str, format: &str) -> Vec<u8> {
    let body =
        json!({"model": "piper", "input": text, "voice": "alloy", "response_format": format});
    api.post(SPEECH, &body).await.expect(200).body.to_vec()
}

#[tokio::test]
async fn an_utterance_sounds_as_it_does_over_http() {
    for (format, audio) in [("pcm", "binary"), ("pcm", "base64"), ("wav", "binary")] {
        let api = Api::new();
        let (served, _worker) = (Served::start(&api).await, api.worker());
        let start = json!({"model": "piper", "response_format": format, "audio": audio});
        let mut session = served.session(start).await;
        session.speak("a", "Tell us about yourself.").await;
        let (heard, events) = session.utterance("a").await;
        assert_eq!(
            types(&events),
            ["speech.started", "speech.sentence", "speech.done"]
        );
        assert_eq!(events[0]["engine"], "piper");
        assert_eq!(events[0]["voice"], "en_US-joe-medium");
        assert_eq!(events[1]["text"], "Tell us about yourself.");
        assert_eq!(events[2]["audio_ms"], 1_500);
        let there = over_http(&api, "Tell us about yourself.", format).await;
        if format == "wav" {
            assert!(samples(&heard) == samples(&there), "wav");
        } else {
            assert!(heard == there, "{format} {audio}");
        }
        let jobs = api.records.all();
        assert_eq!(jobs.len(), 2, "the second came from the cache");
    }
}

#[tokio::test]
async fn what_is_made_is_heard_before_the_rest_is() {
    let api = Api::new();
    let served = Served::start(&api).await;
    let mut session = served
        .session(json!({"model": "piper", "response_format": "wav"}))
        .await;
    session.speak("a", "One. Two. Three.").await;
    let mut speaker = Speaker::take(&api).await;
    speaker.chunk().await;
    session.event("speech.started").await;
    let sentence = session.event("speech.sentence").await;
    assert_eq!(sentence["job_id"], speaker.job.id.to_string());
    let mut audio = Vec::new();
    while audio.len() < 44 + 2 * CHUNK {
        match session.next().await {
            Heard::Audio(bytes) => audio.extend(bytes),
            other => panic!("{other:?}"),
        }
    }
    speaker.finish().await;
    let (rest, events) = session.utterance("a").await;
    audio.extend(rest);
    assert_eq!(types(&events), ["speech.done"]);
    let (ours, whole) = (
        Codec.decode(&with_length(audio), None, AudioLimits::default()),
        whole(),
    );
    assert_eq!(ours.expect("a file").samples.len(), whole.samples.len());
}

fn with_length(mut wav: Vec<u8>) -> Vec<u8> {
    let length = u32::try_from(wav.len()).expect("short");
    wav[4..8].copy_from_slice(&(length - 8).to_le_bytes());
    wav[40..44].copy_from_slice(&(length - 44).to_le_bytes());
    wav
}

#[tokio::test]
async fn utterances_are_heard_in_the_order_asked() {
    let api = Api::new();
    let served = Served::start(&api).await;
    let mut session = served.session(json!({"model": "piper"})).await;
    for id in ["a", "b", "c", "d"] {
        session.speak(id, &format!("This is {id}.")).await;
    }
    // Whatever is made first.
    let first = Speaker::take(&api).await;
    let second = Speaker::take(&api).await;
    second.finish().await;
    first.finish().await;
    let _worker = api.worker();
    for id in ["a", "b", "c", "d"] {
        let (audio, events) = session.utterance(id).await;
        assert!(!audio.is_empty());
        assert_eq!(events[1]["text"], format!("This is {id}."));
        assert_eq!(events[2]["type"], "speech.done");
    }
}

#[tokio::test]
async fn a_sentence_is_spoken_while_the_next_is_written() {
    let api = Api::new();
    let (served, _worker) = (Served::start(&api).await, api.worker());
    let mut session = served
        .session(json!({"model": "piper", "response_format": "wav"}))
        .await;
    session.append("a", "Thank you, Dr. Smith. Wh").await;
    session.event("speech.started").await;
    let sentence = session.event("speech.sentence").await;
    assert_eq!(sentence["text"], "Thank you, Dr. Smith.");
    session.append("a", "at else? And").await;
    session.append("a", " then").await;
    session.say(json!({"type": "speak.flush", "id": "a"})).await;
    session.append("a", " nothing").await;
    session.say(json!({"type": "speak.end", "id": "a"})).await;
    let (audio, events) = session.utterance("a").await;
    let texts: Vec<&Value> = events.iter().map(|event| &event["text"]).collect();
    assert_eq!(
        texts[..3],
        ["What else?", "And then", "nothing"],
        "{events:?}"
    );
    let done = events.last().expect("an end");
    assert_eq!(
        (&done["sentences"], &done["audio_ms"]),
        (&json!(4), &json!(6_000))
    );
    let at: Vec<&Value> = events[..3].iter().map(|event| &event["at_ms"]).collect();
    assert_eq!(at, [1_500, 3_000, 4_500]);
    let mut there = Vec::new();
    for text in ["Thank you, Dr. Smith.", "What else?", "And then", "nothing"] {
        there.extend_from_slice(samples(&over_http(&api, text, "wav").await));
    }
    assert!(
        samples(&audio) == there,
        "{} of {}",
        audio.len(),
        there.len()
    );
}

/// One that is heard, and two ahead of it.
#[tokio::test]
async fn only_a_few_sentences_are_made_ahead() {
    let api = Api::new();
    let served = Served::start(&api).await;
    let mut session = served.session(json!({"model": "piper"})).await;
    session
        .append("a", "One. Two. Three. Four. Five. Six. ")
        .await;
    let first = Speaker::take(&api).await;
    let _second = Speaker::take(&api).await;
    let _third = Speaker::take(&api).await;
    session.settle().await;
    assert_eq!(api.records.all().len(), 3);
    first.finish().await;
    let fourth = Speaker::take(&api).await;
    let JobSpec::Speech(spec) = &fourth.job.spec else {
        panic!("no speech");
    };
    assert_eq!(spec.text, "Four.");
    assert_eq!(api.records.all().len(), 4);
}

/// Nobody has chosen an engine; whichever it is, it is the same to the end.
#[tokio::test]
async fn an_utterance_is_of_one_voice() {
    let api = Api::new();
    let (served, _worker) = (Served::start(&api).await, api.worker());
    let mut session = served.session(json!({"model": "auto"})).await;
    for id in ["a", "b", "c"] {
        session
            .append(id, &format!("One {id}. Two {id}. Three {id}. Four {id}."))
            .await;
        session.say(json!({"type": "speak.end", "id": id})).await;
        let (_, events) = session.utterance(id).await;
        assert_eq!(types(&events).last(), Some(&"speech.done"), "{events:?}");
        let engine = events[0]["engine"].as_str().expect("an engine");
        let last = events[..5].last().expect("sentences");
        assert_eq!(last["text"], format!("Four {id}."));
        for job in api.records.all() {
            let JobSpec::Speech(spec) = &job.spec else {
                panic!("no speech");
            };
            assert!(
                !spec.text.ends_with(&format!("{id}.")) || spec.engine.as_str() == engine,
                "{spec:?}"
            );
        }
    }
}

#[tokio::test]
async fn settings_hold_until_they_are_changed_or_overridden() {
    let api = Api::new();
    let (served, _worker) = (Served::start(&api).await, api.worker());
    let mut session = served.open().await;
    let started = session
        .start(json!({"voice": "af_bella", "speed": 1.5}))
        .await;
    assert_eq!(started["content_type"], "audio/pcm;rate=24000;channels=1");
    assert_eq!(
        (&started["tier"], &started["audio"]),
        (&json!("realtime"), &json!("binary"))
    );
    session.speak("a", "One.").await;
    let (_, events) = session.utterance("a").await;
    assert_eq!(events[0]["voice"], "af_bella");
    session
        .say(json!({"type": "speak", "id": "b", "input": "Two.", "voice": "af_heart", "speed": 2}))
        .await;
    let (_, events) = session.utterance("b").await;
    assert_eq!(events[0]["voice"], "af_heart");
    session
        .say(json!({"type": "session.update", "engine": "piper", "tier": "batch"}))
        .await;
    let updated = session.event("session.updated").await;
    assert_eq!(
        (&updated["voice"], &updated["speed"]),
        (&Value::Null, &json!(1.5))
    );
    session.speak("c", "Three.").await;
    let (_, events) = session.utterance("c").await;
    assert_eq!(events[0]["voice"], "en_US-joe-medium");
    let mut jobs = api.records.all();
    jobs.sort_by_key(|job| job.id);
    let said = jobs.iter().map(|job| match &job.spec {
        JobSpec::Speech(spec) => (spec.speed.to_string(), job.tier.name()),
        JobSpec::Transcription(_) => panic!("no speech"),
    });
    let said: Vec<(String, &str)> = said.collect();
    let said: Vec<(&str, &str)> = said.iter().map(|(speed, tier)| (&**speed, *tier)).collect();
    assert_eq!(
        said,
        [("1.5", "realtime"), ("2", "realtime"), ("1.5", "batch")]
    );
}

#[tokio::test]
async fn an_utterance_that_fails_ends_alone() {
    let api = Api::new();
    let (served, _worker) = (Served::start(&api).await, api.worker());
    let mut session = served.session(json!({"model": "piper"})).await;
    let text = format!("Well. You {FAILS}. And this is not said.");
    session.append("a", &text).await;
    let (audio, events) = session.utterance("a").await;
    // What was on its way meanwhile begins nothing.
    session.append("a", " Nor this. Nor that.").await;
    session.say(json!({"type": "speak.end", "id": "a"})).await;
    session.speak("b", "All is well.").await;
    assert!(!audio.is_empty());
    let last = events.last().expect("an end");
    assert_eq!(
        (&last["type"], &last["ended"]),
        (&json!("error"), &json!(true))
    );
    assert_eq!(last["error"]["code"], "engine_failed");
    assert!(last["error"]["job_id"].is_string());
    let (_, events) = session.utterance("b").await;
    assert_eq!(types(&events).last(), Some(&"speech.done"));
    // The name is free again.
    session.speak("a", "All is well.").await;
    let (_, events) = session.utterance("a").await;
    assert_eq!(types(&events).last(), Some(&"speech.done"));
}

#[tokio::test]
async fn nothing_but_blanks_is_no_utterance() {
    let api = Api::new();
    let served = Served::start(&api).await;
    let mut session = served.session(json!({})).await;
    session.append("a", " ... \n ").await;
    session.say(json!({"type": "speak.end", "id": "a"})).await;
    let (event, code) = session.refusal().await;
    assert_eq!(
        (code.as_str(), &event["ended"]),
        ("empty_text", &json!(true))
    );
    assert!(api.records.all().is_empty());
}
