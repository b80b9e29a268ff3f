//! What is refused, and how.

use std::{fs, path::PathBuf};

use voicefleet_core::{
    ErrorCode, Pcm,
    ports::{EngineError, TranscriptionOptions, Window},
};
use voicefleet_testkit::model_file;
use voicefleet_whisper::WhisperLoader;

use crate::{
    audio::{jfk, pcm},
    support::{BASE, TINY_EN, all, engine, english, load, loader},
};

fn load_error(loader: &WhisperLoader, name: &str) -> String {
    match load(loader, name, 1) {
        Err(EngineError::Load(message)) => message,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it loads"),
    }
}

fn with_model(path: PathBuf) -> WhisperLoader {
    let models = [("broken".to_owned(), path)];
    WhisperLoader::new(models, model_file("vad/ggml-silero-v6.2.0.bin"))
}

#[test]
fn an_unknown_model_is_named() {
    assert!(load_error(&loader(), "whisper-huge").contains("'whisper-huge'"));
}

#[test]
fn an_unusable_model_file_is_a_load_error_that_tells_its_role_but_not_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let cut = folder.path().join("cut.bin");
    let whole = fs::read(model_file("whisper/ggml-tiny.en-q8_0.bin")).unwrap();
    fs::write(&cut, &whole[..whole.len() - 1]).unwrap();
    for path in [
        cut,
        folder.path().join("missing.bin"),
        model_file("speech/jfk.wav"),
    ] {
        let message = load_error(&with_model(path.clone()), "broken");
        assert!(message.contains("Whisper model 'broken'"), "{message}");
        assert!(!message.contains(path.to_str().unwrap()), "{message}");
    }
}

#[test]
fn an_unusable_voice_activity_file_is_a_load_error_that_tells_its_role() {
    let models = [(
        TINY_EN.to_owned(),
        model_file("whisper/ggml-tiny.en-q8_0.bin"),
    )];
    for vad in [
        PathBuf::from("/nowhere/vad.bin"),
        model_file("whisper/ggml-tiny.en-q8_0.bin"),
    ] {
        let message = load_error(&WhisperLoader::new(models.clone(), vad), TINY_EN);
        assert!(message.contains("voice activity model"), "{message}");
        assert!(!message.contains("nowhere"), "{message}");
    }
}

#[test]
fn a_language_the_model_does_not_know_is_refused_by_name() {
    let audio = jfk();
    for (model, language) in [(TINY_EN, "de"), (BASE, "yue"), (BASE, "klingon")] {
        let options = TranscriptionOptions {
            language: Some(language.to_owned()),
            ..TranscriptionOptions::default()
        };
        let Err(EngineError::Refused(failure)) =
            engine(model).transcribe(&audio, all(&audio), &options)
        else {
            panic!("{model} takes {language}");
        };
        assert_eq!(failure.code, ErrorCode::UnknownLanguage);
        assert!(failure.message.contains(language));
    }
}

#[test]
fn unusable_requests_are_errors_not_crashes() {
    let engine = engine(TINY_EN);
    let audio = jfk();
    let end = audio.samples.len();
    for window in [
        Window {
            start: 0,
            end: end + 1,
        },
        Window { start: end, end: 0 },
        Window {
            start: usize::MAX,
            end: usize::MAX,
        },
    ] {
        assert!(
            engine.transcribe(&audio, window, &english()).is_err(),
            "{window:?}"
        );
    }
    for temperature in [-0.1, 1.1, f32::NAN] {
        let options = TranscriptionOptions {
            temperature,
            ..english()
        };
        assert!(
            engine.transcribe(&audio, all(&audio), &options).is_err(),
            "{temperature}"
        );
    }
    let nul = TranscriptionOptions {
        prompt: Some("a\0b".to_owned()),
        ..english()
    };
    assert!(engine.transcribe(&audio, all(&audio), &nul).is_err());
    let wrong_rate = Pcm {
        rate: 8_000,
        ..audio
    };
    assert!(engine.plan(&wrong_rate).is_err());
    assert!(
        engine
            .transcribe(&wrong_rate, all(&wrong_rate), &english())
            .is_err()
    );
    for sample in [f32::NAN, f32::INFINITY] {
        let audio = pcm(vec![sample; 16_000]);
        assert!(engine.plan(&audio).is_err());
        assert!(engine.transcribe(&audio, all(&audio), &english()).is_err());
    }
    let long = pcm(vec![0.0; 31 * 16_000]);
    assert!(engine.transcribe(&long, all(&long), &english()).is_err());
}
