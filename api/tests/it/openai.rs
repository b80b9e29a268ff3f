//! What OpenAI's clients do.

use std::{io::Cursor, time::Duration};

use axum::http::Method;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use voicefleet_api::ApiLimits;
use voicefleet_core::{AudioFormat, JobSpec, SpeechSpec, Tier};

use crate::{
    bad_inputs::audio::tone_wav,
    support::{
        Api, catalog,
        worker::{FAILS, HEARD, STALLS, VOICE_RATE},
    },
};

const SPEECH: &str = "/v1/audio/speech";
const TRANSCRIPTIONS: &str = "/v1/audio/transcriptions";

fn request(changes: &[(&str, Value)]) -> Value {
    let mut body = json!({"model": "tts-1", "input": "Hello there.", "voice": "alloy"});
    for (field, value) in changes {
        body[*field] = value.clone();
    }
    body
}

/// A server that does not wait for anything.
fn impatient() -> Api {
    let limits = ApiLimits {
        sync_wait: Duration::ZERO,
        ..crate::support::limits()
    };
    Api::with(limits, catalog::usual())
}

/// What is queued for a request that nobody works on.
async fn queued(engine: &str, changes: &[(&str, Value)]) -> (Tier, SpeechSpec) {
    let api = impatient();
    api.post(SPEECH, &request(changes)).await.expect(503);
    let envelope = api.next_envelope(engine).await;
    let JobSpec::Speech(spec) = envelope.spec else {
        panic!("speech")
    };
    (envelope.tier, spec)
}

#[tokio::test]
async fn the_smallest_request_answers_with_mp3() {
    let api = Api::new();
    let _worker = api.worker();
    let answer = api.post(SPEECH, &request(&[])).await.expect(200);
    assert_eq!(answer.header("content-type"), "audio/mpeg");
    assert_eq!(answer.header("x-voicefleet-cache"), "miss");
    assert!(answer.header("server-timing").contains("compute;dur=300.0"));
    let job = api
        .get(&format!(
            "/v1/jobs/{}",
            answer.header("x-voicefleet-job-id")
        ))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&job["tier"], &job["engine"]),
        (&json!("realtime"), &json!("piper"))
    );
    let again = api.post(SPEECH, &request(&[])).await.expect(200);
    assert_eq!(
        (again.header("x-voicefleet-cache"), &again.body),
        ("hit", &answer.body)
    );
}

#[tokio::test]
async fn every_format_is_delivered_as_what_it_is() {
    let api = Api::new();
    let _worker = api.worker();
    for format in AudioFormat::ALL {
        let body = request(&[("response_format", json!(format.name()))]);
        let answer = api.post(SPEECH, &body).await.expect(200);
        assert_eq!(answer.header("content-type"), format.content_type());
        match format {
            AudioFormat::Pcm => assert_eq!(answer.body.len(), 24_000 * 3 / 2 * 2),
            AudioFormat::Wav => {
                let wav = hound::WavReader::new(Cursor::new(answer.body)).expect("a WAV file");
                assert_eq!(
                    (wav.spec().sample_rate, wav.duration()),
                    (VOICE_RATE, VOICE_RATE * 3 / 2)
                );
            }
            _ => assert!(!answer.body.is_empty()),
        }
    }
}

#[tokio::test]
async fn openais_models_and_voices_have_counterparts() {
    for (model, voice, engine, spoken_by) in [
        ("tts-1", "alloy", "piper", "en_US-joe-medium"),
        ("tts-1-hd", "alloy", "kokoro", "af_alloy"),
        ("gpt-4o-mini-tts", "marin", "kokoro", "af_heart"),
        ("gpt-4o-mini-tts", "coral", "kokoro", "af_bella"),
        ("kokoro", "af_bella", "kokoro", "af_bella"),
        (
            "kokoro-82m",
            "af_bella+af_heart",
            "kokoro",
            "af_bella+af_heart",
        ),
        (
            "piper-en_US-joe-medium",
            "nova",
            "piper",
            "en_US-joe-medium",
        ),
    ] {
        let (tier, spec) =
            queued(engine, &[("model", json!(model)), ("voice", json!(voice))]).await;
        assert_eq!(
            (spec.engine.as_str(), spec.voice.as_str()),
            (engine, spoken_by),
            "{model} {voice}"
        );
        assert_eq!(tier, Tier::Realtime);
    }
    let (_, spec) = queued(
        "kokoro",
        &[
            ("model", json!("kokoro")),
            ("voice", json!({"id": "af_heart"})),
        ],
    )
    .await;
    assert_eq!(spec.voice, "af_heart");
}

#[tokio::test]
async fn a_counterpart_that_is_not_there_is_not_replaced_silently() {
    let api = Api::new();
    let body = request(&[("model", json!("tts-1-hd")), ("voice", json!("onyx"))]);
    let error = api.post(SPEECH, &body).await.expect(400).json();
    assert_eq!(error["error"]["code"], "unknown_voice");
    assert_eq!(
        error["error"]["message"],
        "'onyx' stands for the voice 'am_onyx', which this server does not have"
    );
}

#[tokio::test]
async fn what_livekit_and_pipecat_send_is_understood() {
    let changes = [
        ("instructions", json!("Speak cheerfully.")),
        ("stream_format", json!("audio")),
        ("speed", json!(1.5)),
        ("tier", json!("standard")),
        ("engine", json!("piper")),
    ];
    let (tier, spec) = queued("piper", &changes).await;
    assert_eq!(tier, Tier::Standard);
    assert!((spec.speed - 1.5).abs() < f32::EPSILON);
}

#[tokio::test]
async fn audio_can_come_as_events() {
    let api = Api::new();
    let _worker = api.worker();
    let body = request(&[
        ("response_format", json!("wav")),
        ("stream_format", json!("sse")),
    ]);
    let answer = api.post(SPEECH, &body).await.expect(200);
    assert_eq!(answer.header("content-type"), "text/event-stream");
    let text = answer.text();
    let events: Vec<Value> = text
        .split_terminator("\n\n")
        .map(|event| {
            serde_json::from_str(event.strip_prefix("data: ").expect("data")).expect("JSON")
        })
        .collect();
    let (done, deltas) = events.split_last().expect("events");
    assert_eq!(done["type"], "speech.audio.done");
    assert!(deltas.len() > 1, "{}", deltas.len());
    let mut wav = Vec::new();
    for delta in deltas {
        assert_eq!(delta["type"], "speech.audio.delta");
        wav.extend(
            BASE64_STANDARD
                .decode(delta["audio"].as_str().expect("base64"))
                .expect("base64"),
        );
    }
    let plain = request(&[("response_format", json!("wav"))]);
    assert_eq!(
        wav,
        api.post(SPEECH, &plain).await.expect(200).body.to_vec()
    );
}

#[tokio::test]
async fn a_job_that_takes_too_long_goes_on_and_is_found_again() {
    let api = impatient();
    let answer = api.post(SPEECH, &request(&[])).await.expect(503);
    assert_eq!(answer.header("x-should-retry"), "true");
    assert!(
        (1..=120).contains(
            &answer
                .header("retry-after")
                .parse::<u64>()
                .expect("seconds")
        )
    );
    let error = answer.json();
    assert_eq!(
        (&error["error"]["type"], &error["error"]["code"]),
        (&json!("server_error"), &json!("unavailable"))
    );
    let id = answer.header("x-voicefleet-job-id").to_owned();
    assert_eq!(answer.header("location"), format!("/v1/jobs/{id}"));
    // The retry follows the same work rather than doing it twice.
    let retried = api.post(SPEECH, &request(&[])).await.expect(503);
    let follower = api
        .get(&format!(
            "/v1/jobs/{}",
            retried.header("x-voicefleet-job-id")
        ))
        .await
        .expect(200);
    assert_eq!(follower.json()["follows"], id);
    let _worker = api.worker();
    api.get(&format!("/v1/jobs/{id}?wait=30")).await.expect(200);
    let found = api.post(SPEECH, &request(&[])).await.expect(200);
    assert_eq!(found.header("x-voicefleet-cache"), "hit");
}

#[tokio::test]
async fn a_failure_of_the_engine_is_told_and_not_to_be_retried() {
    let api = Api::new();
    let _worker = api.worker();
    for (text, status, code) in [
        (FAILS, 500, "engine_failed"),
        (STALLS, 504, "engine_timeout"),
    ] {
        let answer = api
            .post(SPEECH, &request(&[("input", json!(text))]))
            .await
            .expect(status);
        assert_eq!(answer.json()["error"]["code"], code);
        assert_eq!(answer.json()["error"]["type"], "server_error");
        assert_eq!(answer.header("x-should-retry"), "false");
        assert!(!answer.headers.contains_key("retry-after"));
    }
}

#[tokio::test]
async fn a_job_that_is_cancelled_meanwhile_is_told() {
    let api = Api::new();
    let body = request(&[]);
    let speaking = api.post(SPEECH, &body);
    tokio::pin!(speaking);
    assert!(futures::poll!(&mut speaking).is_pending());
    let envelope = api.next_envelope("piper");
    let envelope = tokio::select! {
        envelope = envelope => envelope,
        answer = &mut speaking => panic!("{answer:?}"),
    };
    api.call(Method::DELETE, &format!("/v1/jobs/{}", envelope.job_id))
        .await
        .expect(202);
    let answer = speaking.await.expect(409);
    assert_eq!(answer.json()["error"]["code"], "cancelled");
    assert_eq!(answer.header("x-should-retry"), "false");
}

#[tokio::test]
async fn transcripts_come_in_every_format() {
    let api = Api::new();
    let _worker = api.worker();
    let transcribed = async |fields: &[(&str, &str)]| {
        let fields = [&[("model", "whisper-1"), ("language", "en")], fields].concat();
        api.upload(TRANSCRIPTIONS, &fields, &tone_wav(1))
            .await
            .expect(200)
    };
    let json = transcribed(&[]).await;
    assert_eq!(json.header("content-type"), "application/json");
    assert_eq!(
        json.json(),
        json!({"text": HEARD, "usage": {"type": "duration", "seconds": 1.0}})
    );
    assert_eq!(json.header("x-voicefleet-cache"), "miss");
    let text = transcribed(&[("response_format", "text")]).await;
    assert_eq!(
        (text.text(), text.header("x-voicefleet-cache")),
        (format!("{HEARD}\n"), "hit")
    );
    let srt = transcribed(&[("response_format", "srt")]).await.text();
    assert_eq!(
        srt,
        format!("1\n00:00:00,100 --> 00:00:00,900\n{HEARD}\n\n")
    );
    let vtt = transcribed(&[("response_format", "vtt")]).await.text();
    assert_eq!(
        vtt,
        format!("WEBVTT\n\n00:00:00.100 --> 00:00:00.900\n{HEARD}\n\n")
    );
    let verbose = transcribed(&[("response_format", "verbose_json"), ("temperature", "0")])
        .await
        .json();
    assert_eq!(
        (&verbose["task"], &verbose["language"]),
        (&json!("transcribe"), &json!("en"))
    );
    assert_eq!(
        (&verbose["segments"][0]["text"], verbose.get("words")),
        (&json!(HEARD), None)
    );
}

#[tokio::test]
async fn every_listener_of_openais_is_the_default_one() {
    let api = Api::new();
    let _worker = api.worker();
    let mut caches = Vec::new();
    for model in [
        "whisper-1",
        "gpt-transcribe",
        "gpt-4o-transcribe",
        "gpt-4o-mini-transcribe",
    ] {
        let fields = [("model", model), ("language", "en")];
        let heard = api.upload(TRANSCRIPTIONS, &fields, &tone_wav(1)).await;
        let heard = heard.expect(200);
        assert_eq!(heard.json()["text"], HEARD, "{model}");
        caches.push(heard.header("x-voicefleet-cache").to_owned());
    }
    assert_eq!(caches, ["miss", "hit", "hit", "hit"]);
}

#[tokio::test]
async fn word_times_are_given_where_they_are_asked_for() {
    let api = Api::new();
    let _worker = api.worker();
    let granularity = "timestamp_granularities[]";
    let verbose = async |wanted: &[&str]| {
        let mut fields = vec![("model", "whisper-1"), ("response_format", "verbose_json")];
        fields.extend(wanted.iter().map(|value| (granularity, *value)));
        api.upload(TRANSCRIPTIONS, &fields, &tone_wav(1))
            .await
            .expect(200)
            .json()
    };
    let words = verbose(&["word"]).await;
    assert_eq!(
        words["words"],
        json!([
            {"word": "Hello", "start": 0.1, "end": 0.4}, {"word": "there.", "start": 0.5, "end": 0.9},
        ])
    );
    assert_eq!(words.get("segments"), None);
    let both = verbose(&["word", "segment"]).await;
    assert!(both["words"].is_array() && both["segments"].is_array());
}

#[tokio::test]
async fn a_transcription_that_fails_says_so() {
    let api = Api::new();
    let _worker = api.worker();
    for (prompt, status) in [(FAILS, 500), (STALLS, 504)] {
        let fields = [
            ("model", "whisper-base"),
            ("prompt", prompt),
            ("tier", "batch"),
            ("stream", "false"),
        ];
        let answer = api
            .upload(TRANSCRIPTIONS, &fields, &tone_wav(1))
            .await
            .expect(status);
        assert_eq!(answer.header("x-should-retry"), "false");
    }
}

#[tokio::test]
async fn a_translation_is_asked_for_and_is_other_work_than_a_transcription() {
    let api = Api::new();
    let _worker = api.worker();
    let fields = [("model", "whisper-1"), ("response_format", "verbose_json")];
    let wav = crate::bad_inputs::audio::tone_wav(1);
    let translated = api
        .upload("/v1/audio/translations", &fields, &wav)
        .await
        .expect(200);
    assert_eq!(translated.json()["task"], "translate");
    let transcribed = api.upload(TRANSCRIPTIONS, &fields, &wav).await.expect(200);
    assert_eq!(transcribed.json()["task"], "transcribe");
    assert_eq!(transcribed.header("x-voicefleet-cache"), "miss");
    let asked: Vec<bool> = api
        .records
        .all()
        .iter()
        .filter_map(|job| match &job.spec {
            voicefleet_core::JobSpec::Transcription(spec) => Some(spec.translate),
            voicefleet_core::JobSpec::Speech(_) => None,
        })
        .collect();
    assert_eq!(asked, [true, false]);
}

#[tokio::test]
async fn a_transcript_comes_as_events_where_they_are_asked_for() {
    let api = Api::new();
    let _worker = api.worker();
    let wav = crate::bad_inputs::audio::tone_wav(1);
    let fields = [("model", "whisper-1"), ("stream", "true")];
    let answer = api.upload(TRANSCRIPTIONS, &fields, &wav).await.expect(200);
    assert_eq!(answer.header("content-type"), "text/event-stream");
    let events: Vec<serde_json::Value> = answer
        .text()
        .split_terminator("\n\n")
        .map(|event| {
            serde_json::from_str(event.strip_prefix("data: ").expect("data")).expect("JSON")
        })
        .collect();
    let types: Vec<&str> = events
        .iter()
        .filter_map(|event| event["type"].as_str())
        .collect();
    assert_eq!(types, ["transcript.text.delta", "transcript.text.done"]);
    assert_eq!(events[0]["delta"], events[1]["text"]);
}
