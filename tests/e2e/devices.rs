//! Who asks for a GPU that is not there is told so at once, and gets no CPU instead.
//!
//! The machines that these tests run on may have a GPU: number 999 they have not.

use std::{fs, os::unix::fs::symlink, path::Path};

use voicefleet_tests::{Said, run_program};

/// What the program ends with where its settings cannot be (sysexits.h).
const EX_USAGE: i32 = 64;

/// A start that must fail before anything is served.
async fn refused(flags: &[&str]) -> String {
    let data = tempfile::tempdir().expect("a folder");
    let data = data.path().to_string_lossy().into_owned();
    let start = ["serve", "--listen", "127.0.0.1:0", "--data", &data];
    let Said { code, out, err } = run_program(&[&start[..], flags].concat())
        .await
        .expect("it ends");
    assert_eq!(code, Some(EX_USAGE), "{err}");
    assert_eq!(out, "", "it has begun to serve");
    err
}

/// The models that the tests have.
fn models() -> std::path::PathBuf {
    voicefleet_testkit::model_file("onnxruntime/libonnxruntime.so")
        .ancestors()
        .nth(2)
        .expect("the folder")
        .to_owned()
}

fn link(from: &Path, to: &Path) {
    symlink(from, to).expect("linked");
}

#[tokio::test]
async fn whisper_is_refused_a_gpu_that_is_not_there() {
    let said = refused(&["--whisper-device", "cuda:999"]).await;
    for told in [
        "whisper_device: cuda:999 cannot be used",
        "there is no CUDA device 999: CTranslate2 sees",
        "nvidia-smi",
        "set whisper_device to cpu",
    ] {
        assert!(said.contains(told), "{told} is missing in: {said}");
    }
}

#[tokio::test]
async fn whisper_is_refused_a_gpu_where_no_model_could_use_it() {
    let folder = tempfile::tempdir().expect("a folder");
    for part in ["ctranslate2", "vad", "whisper"] {
        link(&models().join(part), &folder.path().join(part));
    }
    let here = folder.path().to_string_lossy();
    let said = refused(&["--whisper-device", "cuda", "--models", &here]).await;
    assert!(said.contains("no Whisper model is installed"), "{said}");
    assert!(said.contains("whisper-base-ct2"), "{said}");
    assert!(!said.contains("whisper-base,"), "{said}");

    fs::remove_file(folder.path().join("ctranslate2")).expect("removed");
    let said = refused(&["--whisper-device", "cuda", "--models", &here]).await;
    assert!(
        said.contains("voicefleet models pull ctranslate2"),
        "{said}"
    );
}

#[tokio::test]
async fn kokoro_is_refused_a_gpu_without_a_runtime_for_it() {
    let folder = tempfile::tempdir().expect("a folder");
    for part in ["onnxruntime", "kokoro", "espeak-ng-data"] {
        link(&models().join(part), &folder.path().join(part));
    }
    let here = folder.path().to_string_lossy();
    let said = refused(&["--kokoro-device", "cuda:999", "--models", &here]).await;
    for told in [
        "kokoro_device: cuda:999 cannot be used",
        "voicefleet models pull onnxruntime-cuda",
        "set kokoro_device to cpu",
    ] {
        assert!(said.contains(told), "{told} is missing in: {said}");
    }
}

#[tokio::test]
async fn both_are_told_of_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path().to_string_lossy();
    let flags = ["--kokoro-device", "cuda", "--whisper-device", "cuda"];
    let said = refused(&[&flags[..], &["--models", &here]].concat()).await;
    assert!(said.contains("kokoro_device: cuda:0"), "{said}");
    assert!(said.contains("whisper_device: cuda:0"), "{said}");
}

#[tokio::test]
async fn a_misspelt_device_is_answered_with_those_that_there_are() {
    for flags in [
        ["serve", "--whisper-device", "gpu"],
        ["serve", "--kokoro-device", "cuda:x"],
    ] {
        let said = run_program(&flags).await.expect("it ends");
        assert_eq!(said.code, Some(2), "{}", said.err);
        assert!(said.err.contains("cpu, cuda or cuda:N"), "{}", said.err);
        assert!(said.err.contains(flags[1]), "{}", said.err);
    }
}

#[tokio::test]
async fn piper_is_offered_none() {
    let flags = ["serve", "--piper-device", "cuda"];
    let said = run_program(&flags).await.expect("it ends");
    assert_eq!(said.code, Some(2), "{}", said.err);
    assert!(said.err.contains("--piper-device"), "{}", said.err);
}
