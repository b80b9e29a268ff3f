//! What is refused, and how.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use voicefleet_core::{
    ErrorCode, Pcm,
    ports::{EngineError, TranscriptionOptions, Window},
};
use voicefleet_testkit::model_file;
use voicefleet_whisper::{WhisperFiles, WhisperLoader};

use crate::{
    audio::{jfk, pcm},
    support::{BASE, BASE_CT2, TINY_EN, TINY_EN_CT2, all, engine, english, files, load, loader},
};

fn load_error(loader: &WhisperLoader, name: &str) -> String {
    match load(loader, name, 1) {
        Err(EngineError::Load(message)) => message,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it loads"),
    }
}

fn with_model(path: PathBuf) -> WhisperLoader {
    WhisperLoader::new(WhisperFiles {
        models: BTreeMap::from([("broken".to_owned(), path)]),
        ..files()
    })
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

/// Breaks something in a folder.
type Damage = fn(&Path);

/// A copy of the folder of tiny.en in CTranslate2's format.
fn copy_of_folder(to: &Path) -> PathBuf {
    for file in ["config.json", "vocabulary.txt", "model.bin"] {
        fs::copy(model_file(&format!("ct2/tiny.en/{file}")), to.join(file)).expect("copied");
    }
    to.join("model.bin")
}

#[test]
fn an_unusable_folder_of_ctranslate2_is_a_load_error_that_tells_what_is_wrong() {
    let damages: [(&str, Damage, &str); 5] = [
        (
            "no weights",
            |dir| fs::remove_file(dir.join("model.bin")).unwrap(),
            "model.bin",
        ),
        (
            "no weights in the file",
            |dir| fs::write(dir.join("model.bin"), "").unwrap(),
            "model.bin",
        ),
        (
            "other weights",
            |dir| fs::write(dir.join("model.bin"), vec![7; 1 << 20]).unwrap(),
            "",
        ),
        (
            "no vocabulary",
            |dir| fs::remove_file(dir.join("vocabulary.txt")).unwrap(),
            "vocabulary",
        ),
        (
            "another vocabulary",
            |dir| fs::write(dir.join("vocabulary.txt"), "a\n").unwrap(),
            "endoftext",
        ),
    ];
    for (name, damage, told) in damages {
        let folder = tempfile::tempdir().unwrap();
        let weights = copy_of_folder(folder.path());
        damage(folder.path());
        let message = load_error(&with_model(weights), "broken");
        assert!(
            message.contains("Whisper model 'broken'"),
            "{name}: {message}"
        );
        assert!(message.contains(told), "{name}: {message}");
        assert!(
            !message.contains(folder.path().to_str().unwrap()),
            "{name}: {message}"
        );
    }
}

#[test]
fn weights_that_end_too_early_are_a_load_error() {
    let folder = tempfile::tempdir().unwrap();
    let weights = copy_of_folder(folder.path());
    let whole = fs::read(&weights).unwrap();
    for share in [100, 2] {
        fs::write(&weights, &whole[..whole.len() - whole.len() / share]).unwrap();
        load_error(&with_model(weights.clone()), "broken");
    }
}

#[test]
fn a_model_of_ctranslate2_needs_its_library() {
    for (library, told) in [
        (None, "CTranslate2, is not installed"),
        (
            Some(model_file("onnxruntime/libonnxruntime.so")),
            "is no CTranslate2",
        ),
    ] {
        let loader = WhisperLoader::new(WhisperFiles {
            ctranslate2: library,
            ..files()
        });
        let message = load_error(&loader, TINY_EN_CT2);
        assert!(message.contains(told), "{message}");
        // Those of the other format do without.
        assert!(load(&loader, TINY_EN, 1).is_ok());
    }
}

#[test]
fn an_unusable_voice_activity_file_is_a_load_error_that_tells_its_role() {
    for vad in [
        PathBuf::from("/nowhere/vad.bin"),
        model_file("whisper/ggml-tiny.en-q8_0.bin"),
    ] {
        let loader = WhisperLoader::new(WhisperFiles {
            voice_activity: vad,
            ..files()
        });
        let message = load_error(&loader, TINY_EN);
        assert!(message.contains("voice activity model"), "{message}");
        assert!(!message.contains("nowhere"), "{message}");
    }
}

#[test]
fn a_language_the_model_does_not_know_is_refused_by_name() {
    let audio = jfk();
    for (model, language) in [
        (TINY_EN, "de"),
        (BASE, "yue"),
        (BASE, "klingon"),
        (TINY_EN_CT2, "de"),
        (BASE_CT2, "yue"),
    ] {
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
