//! The library and a real model.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::path::Path;

use voicefleet_ctranslate2::{
    Ct2Error, Device, Encoded, Features, Generation, WhisperModel, check_device, load_library,
};
use voicefleet_testkit::model_file;

fn library() -> std::path::PathBuf {
    model_file("ctranslate2/libctranslate2.so")
}

fn open() -> WhisperModel {
    WhisperModel::open(&library(), &model_file("ct2/tiny.en"), Device::Cpu, 2).expect("the model")
}

fn silence(rows: usize, frames: usize) -> Features {
    Features {
        rows,
        bands: 80,
        frames,
        // What OpenAI's scale makes of digital silence.
        values: vec![-1.5; rows * 80 * frames],
    }
}

const WORDS: Generation = Generation {
    beam_size: 2,
    temperature: 0.0,
    candidates: 1,
    max_length: 40,
};

#[test]
fn what_is_no_library_is_named() {
    let missing = load_library(Path::new("/nowhere/libctranslate2.so")).unwrap_err();
    assert!(
        missing.to_string().contains("/nowhere/libctranslate2.so"),
        "{missing}"
    );
    let other = load_library(&model_file("onnxruntime/libonnxruntime.so")).unwrap_err();
    assert!(
        other.to_string().contains("it is no CTranslate2 4.8.4"),
        "{other}"
    );
}

#[test]
fn a_model_needs_the_library_and_a_folder_that_holds_one() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = Path::new("/nowhere/libctranslate2.so");
    let without = WhisperModel::open(nowhere, folder.path(), Device::Cpu, 1);
    assert!(matches!(without.err(), Some(Ct2Error::Library { .. })));
    assert_eq!(check_device(Device::Cpu), Err(Ct2Error::LibraryNotLoaded));
    load_library(&library()).unwrap();
    load_library(&library()).unwrap();
    let opened = WhisperModel::open(&library(), folder.path(), Device::Cpu, 1);
    let Err(Ct2Error::Model { path, reason }) = opened else {
        panic!("an empty folder is no model");
    };
    assert_eq!(path, folder.path());
    assert!(reason.contains("model.bin"), "{reason}");
}

#[test]
fn silence_is_known_as_such_in_every_row() {
    let model = open();
    assert!(!model.is_multilingual());
    assert_eq!(model.bands(), 80);
    let encoded = model.encode(silence(2, 3_000)).unwrap();
    let prompt = vec!["<|startoftranscript|>".to_owned()];
    let heard = model
        .generate(&encoded, &[prompt.clone(), prompt], &WORDS)
        .unwrap();
    assert_eq!(heard.len(), 2);
    for row in heard {
        assert!(row.no_speech > 0.5, "{row:?}");
        assert!(row.score < 0.0);
    }
}

#[test]
fn it_makes_no_difference_who_encodes() {
    let model = open();
    let prompt = [vec!["<|startoftranscript|>".to_owned()]];
    let encoded = model.encode(silence(1, 1_152)).unwrap();
    let first = model.generate(&encoded, &prompt, &WORDS).unwrap();
    let mut features = silence(1, 1_152);
    let by_each = Encoded::by_each(&mut features).unwrap();
    assert_eq!(model.generate(&by_each, &prompt, &WORDS).unwrap(), first);
}

#[test]
fn fewer_values_than_rows_are_an_error() {
    let mut short = silence(2, 100);
    short.values.truncate(8_000);
    let error = Encoded::by_each(&mut short).err();
    assert!(matches!(error, Some(Ct2Error::Computation(_))), "{error:?}");
}

#[test]
fn what_does_not_fit_the_model_is_an_error_and_no_end_of_the_process() {
    let model = open();
    let features = Features {
        bands: 40,
        ..silence(1, 100)
    };
    let wrong = Features {
        values: vec![0.0; 4_000],
        ..features
    };
    assert!(matches!(model.encode(wrong), Err(Ct2Error::Computation(_))));
    let encoded = model.encode(silence(1, 100)).unwrap();
    let nonsense = model.generate(&encoded, &[vec!["no start".to_owned()]], &WORDS);
    assert!(matches!(nonsense, Err(Ct2Error::Computation(_))));
}

#[test]
fn a_gpu_that_is_not_there_is_an_error() {
    load_library(&library()).unwrap();
    check_device(Device::Cpu).unwrap();
    let error = check_device(Device::Cuda(99)).unwrap_err();
    assert!(error.to_string().contains("no CUDA device 99"), "{error}");
    let asked = WhisperModel::open(&library(), &model_file("ct2/tiny.en"), Device::Cuda(99), 1);
    assert!(matches!(
        asked.err(),
        Some(Ct2Error::NoSuchGpu { index: 99, .. })
    ));
}
