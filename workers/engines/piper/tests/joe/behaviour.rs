//! What a job sees of a voice.

use std::{fs, sync::Barrier, thread};

use crate::setup::{JOE, Scales, files, load, load_from, request, rewrite};
use voicefleet_core::{
    ErrorCode,
    ports::{EngineError, SpeechChunk},
};

fn refused(result: Result<Vec<SpeechChunk>, EngineError>) -> (ErrorCode, Option<String>) {
    match result {
        Err(EngineError::Refused(failure)) => (failure.code, failure.field),
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn what_cannot_be_spoken_is_refused_by_field() {
    let voice = load(Scales::Published, 1);
    let input = Some("input".to_owned());
    for text in ["…", "", "\n", "- \u{2014}", "\u{200b}"] {
        let refused = refused(voice.plan(&request(text, 1.0)));
        assert_eq!(
            refused,
            (ErrorCode::UnspeakableText, input.clone()),
            "'{text}'"
        );
    }
    let control = refused(voice.plan(&request("one\u{1}V two", 1.0)));
    assert_eq!(control, (ErrorCode::InvalidRequest, input));
    for speed in [0.0, 0.2, 4.1, -1.0, f32::NAN] {
        let (code, field) = refused(voice.plan(&request("Hello.", speed)));
        assert_eq!(
            (code, field.as_deref()),
            (ErrorCode::SpeedOutOfRange, Some("speed"))
        );
    }
}

#[test]
fn another_voice_is_never_spoken_with() {
    let voice = load(Scales::Published, 1);
    for name in [
        "",
        "en_US-amy-medium",
        "en_US-joe-medium#1",
        "joe",
        "en_US-joe-medium+joe",
    ] {
        let mut asked = request("Hello.", 1.0);
        name.clone_into(&mut asked.voice);
        let (code, field) = refused(voice.plan(&asked));
        assert_eq!(
            (code, field.as_deref()),
            (ErrorCode::UnknownVoice, Some("voice")),
            "{name}"
        );
    }
}

#[test]
fn the_loudest_sample_of_a_sentence_is_one() {
    let voice = load(Scales::Published, 1);
    let chunks = voice
        .plan(&request("Hello there. How are you?", 1.0))
        .unwrap();
    assert_eq!(chunks.len(), 2);
    for chunk in chunks {
        let audio = voice.speak(&chunk).unwrap();
        assert!((audio.peak() - 1.0).abs() < 1e-6, "{}", audio.peak());
    }
}

#[test]
fn the_pause_is_silence_after_the_speech() {
    let voice = load(Scales::Fixed, 1);
    let mut chunk = voice.plan(&request("Hello.", 1.0)).unwrap().remove(0);
    let speech = voice.speak(&chunk).unwrap();
    chunk.pause_ms = 200;
    let paused = voice.speak(&chunk).unwrap();
    let (before, pause) = paused.samples.split_at(speech.samples.len());
    assert_eq!(before, speech.samples);
    assert_eq!(pause, vec![0.0; 4410]);
}

#[test]
fn an_ellipsis_keeps_the_words_apart() {
    let voice = load(Scales::Published, 1);
    let chunks = voice.plan(&request("So… tell me.", 1.0)).unwrap();
    let phonemes: Vec<_> = chunks.iter().map(|chunk| chunk.phonemes.as_str()).collect();
    assert_eq!(phonemes, ["sˈoʊ; tˈɛl mˌiː."]);
}

#[test]
fn a_sentence_without_end_is_spoken_in_pieces() {
    let voice = load(Scales::Fixed, 1);
    let text = "and then we went on and on ".repeat(60);
    let chunks = voice.plan(&request(&text, 1.0)).unwrap();
    assert!(chunks.len() > 1);
    assert!(
        chunks
            .iter()
            .all(|chunk| chunk.phonemes.chars().count() <= 250)
    );
    let words = |chunk: &SpeechChunk| chunk.phonemes.split_whitespace().count();
    assert_eq!(
        chunks.iter().map(words).sum::<usize>(),
        text.split_whitespace().count()
    );
}

#[test]
fn threads_speak_at_the_same_time_as_they_would_alone() {
    let voice = load(Scales::Fixed, 2);
    let texts = [
        "What have you built lately?",
        "Thank you. That was all, for today.",
    ];
    let speak = &|text: &str| -> Vec<_> {
        let chunks = voice.plan(&request(text, 1.0)).unwrap();
        chunks
            .iter()
            .map(|chunk| voice.speak(chunk).unwrap())
            .collect()
    };
    let alone = texts.map(speak);
    let together = &Barrier::new(texts.len());
    thread::scope(|scope| {
        for (text, expected) in texts.iter().zip(&alone) {
            scope.spawn(move || {
                together.wait();
                for _ in 0..3 {
                    assert_eq!(&speak(text), expected);
                }
            });
        }
    });
}

fn load_error(files: voicefleet_piper::PiperFiles, model: &str) -> String {
    match load_from(files, model, 1) {
        Err(EngineError::Load(message)) => message,
        Err(other) => panic!("not a load error: {other}"),
        Ok(_) => panic!("it was loaded"),
    }
}

#[test]
fn what_is_missing_is_named() {
    let missing = std::path::PathBuf::from("/nowhere/file");
    let mut lacking = [files(), files(), files(), files()];
    lacking[0]
        .models
        .get_mut(JOE)
        .unwrap()
        .onnx
        .clone_from(&missing);
    lacking[1]
        .models
        .get_mut(JOE)
        .unwrap()
        .config
        .clone_from(&missing);
    lacking[2].espeak_data.clone_from(&missing);
    lacking[3].onnx_runtime.clone_from(&missing);
    for files in lacking {
        let message = load_error(files, JOE);
        assert!(message.contains("/nowhere/file"), "{message}");
    }
    assert!(load_error(files(), "en_US-amy-low").contains("en_US-amy-low"));
}

#[test]
fn files_that_are_not_a_voice_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken");
    fs::write(&broken, "{}").unwrap();
    let mut lacking = [files(), files(), files()];
    lacking[0]
        .models
        .get_mut(JOE)
        .unwrap()
        .onnx
        .clone_from(&broken);
    lacking[1]
        .models
        .get_mut(JOE)
        .unwrap()
        .config
        .clone_from(&broken);
    let several = folder.path().join("several.json");
    let joe = lacking[2].models.get_mut(JOE).unwrap();
    rewrite(&joe.config, &several, |config| {
        config["num_speakers"] = 3.into();
    });
    joe.config = several;
    let named = ["broken", "broken", "sid"];
    for (files, named) in lacking.into_iter().zip(named) {
        let message = load_error(files, JOE);
        assert!(message.contains(named), "{message}");
    }
}
