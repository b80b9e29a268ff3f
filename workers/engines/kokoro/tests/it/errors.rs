//! What is wrong is said, and named.

use std::{fs, path::PathBuf};

use voicefleet_core::{
    ErrorCode, Failure,
    ports::{Device, EngineError, EngineLoader, ModelRef, SpeechChunk},
};
use voicefleet_kokoro::{KokoroFiles, KokoroLoader, check_device};

use crate::{ENGINE, files, load, plan};

fn refusal(voice: &str, speed: f32, text: &str) -> Failure {
    match plan(voice, speed, text) {
        Err(EngineError::Refused(failure)) => failure,
        other => panic!("{voice} {speed} {text:?}: {other:?}"),
    }
}

#[test]
fn an_unknown_voice_is_named_also_in_a_mix() {
    for voice in [
        "af_hart",
        "af_heart+af_hart(2)",
        "../voices/af_heart",
        "AF_HEART",
        "",
    ] {
        let failure = refusal(voice, 1.0, "Hello.");
        assert_eq!(
            (failure.code, failure.field.as_deref()),
            (ErrorCode::UnknownVoice, Some("voice")),
            "{voice}"
        );
    }
    assert!(
        refusal("af_heart+af_hart(2)", 1.0, "Hello.")
            .message
            .contains("'af_hart'")
    );
    let many = ["af_heart"; 9].join("+");
    assert_eq!(refusal(&many, 1.0, "Hello.").code, ErrorCode::UnknownVoice);
}

#[test]
fn text_without_speech_is_refused() {
    for text in ["", "…!?", "\u{1f44d}", "— ( ) —"] {
        let failure = refusal("af_heart", 1.0, text);
        assert_eq!(
            (failure.code, failure.field.as_deref()),
            (ErrorCode::UnspeakableText, Some("input")),
            "{text:?}"
        );
    }
}

#[test]
fn speeds_out_of_range_are_refused() {
    for speed in [0.0, -1.0, 0.24, 4.1, f32::NAN, f32::INFINITY] {
        assert_eq!(
            refusal("af_heart", speed, "Hello.").code,
            ErrorCode::SpeedOutOfRange
        );
    }
}

#[test]
fn a_chunk_that_is_too_long_is_an_error_and_never_cut() {
    let chunk = |phonemes: String| SpeechChunk {
        phonemes,
        voice: "af_heart".to_owned(),
        speed: 1.0,
        pause_ms: 0,
    };
    for phonemes in [String::new(), "a".repeat(511)] {
        let error = ENGINE
            .speak(&chunk(phonemes))
            .expect_err("no run of this length");
        assert!(matches!(error, EngineError::Inference(_)), "{error}");
    }
}

#[test]
fn a_missing_or_broken_file_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("missing");
    let broken = folder.path().join("broken.json");
    fs::write(&broken, "{}").expect("a file");
    let voices = folder.path().join("voices");
    fs::create_dir(&voices).expect("a folder");
    let change = |change: &dyn Fn(&mut KokoroFiles)| {
        let mut files = files();
        change(&mut files);
        match load(files) {
            Err(EngineError::Load(message)) => message,
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("it loads"),
        }
    };
    let named = |message: String, path: &PathBuf| {
        assert!(message.contains(&*path.to_string_lossy()), "{message}");
    };
    named(change(&|files| files.vocab.clone_from(&missing)), &missing);
    named(change(&|files| files.vocab.clone_from(&broken)), &broken);
    named(change(&|files| files.voices.clone_from(&missing)), &missing);
    named(change(&|files| files.voices.clone_from(&voices)), &voices);
    named(
        change(&|files| files.espeak_data.clone_from(&missing)),
        &missing,
    );
    named(
        change(&|files| _ = files.models.insert("kokoro".to_owned(), missing.clone())),
        &missing,
    );
    assert!(change(&|files| files.models.clear()).contains("'kokoro'"));
}

#[test]
fn a_gpu_that_is_not_there_is_named_before_there_is_a_model() {
    let error = check_device(&files().onnx_runtime, Device::Cuda(2)).expect_err("no GPU here");
    let message = error.to_string();
    assert!(message.contains("cuda:2"), "{message}");
    assert!(message.contains("libonnxruntime.so"), "{message}");
    check_device(&files().onnx_runtime, Device::Cpu).expect("the CPU is there");
}

#[test]
fn a_model_for_a_gpu_never_gets_the_cpu() {
    let model = ModelRef {
        name: "kokoro".to_owned(),
        digest: String::new(),
    };
    let loader = KokoroLoader::new(files()).on(Device::Cuda(0));
    let Err(EngineError::Load(message)) = loader.load(&model, 1) else {
        panic!("it loads, or is refused in another way");
    };
    assert!(message.contains("CUDA"), "{message}");
}

#[test]
fn a_voice_file_of_the_wrong_size_is_named_when_it_is_used() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("af_short.bin"), [0; 16]).expect("a file");
    let mut files = files();
    files.voices = folder.path().to_owned();
    let engine = load(files).expect("voices are read when they are used");
    let chunk = SpeechChunk {
        phonemes: "a".to_owned(),
        voice: "af_short".to_owned(),
        speed: 1.0,
        pause_ms: 0,
    };
    let error = engine.speak(&chunk).expect_err("16 bytes are no voice");
    assert!(error.to_string().contains("16 bytes"), "{error}");
}
