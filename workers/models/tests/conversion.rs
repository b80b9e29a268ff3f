//! `CTranslate2` to ggml: the real models byte for byte, and what is refused.

#![expect(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod support;

use std::{fs, io::Write};

use sha2::{Digest, Sha256};
use support::{Ct2Builder, Notes, Server, Workplace, asset, pull, sha256, url_source};
use voicefleet_models::{
    Manifest, PullOptions,
    convert::{ConvertError, Inputs, WeightFormat, whisper_to_ggml},
};
use voicefleet_testkit::model_file;

/// Converts the real tiny.en and compares with the sum of the file that whisper.cpp's authors publish.
fn assert_official(to: WeightFormat, path: &str) {
    let (weights, mel, vocabulary) = (
        model_file("ct2/tiny.en/model.bin"),
        model_file("ct2/assets/mel_filters.npz"),
        model_file("ct2/assets/gpt2.tiktoken"),
    );
    let inputs = Inputs {
        weights: &weights,
        mel: &mel,
        vocabulary: &vocabulary,
    };
    let mut hasher = Sha256::new();
    whisper_to_ggml(inputs, to, &mut hasher).unwrap();
    let (_, file) = Manifest::embedded().file(path).unwrap();
    assert_eq!(hex::encode(hasher.finalize()), file.sha256);
}

#[test]
fn tiny_en_in_f16_equals_the_published_file() {
    assert_official(WeightFormat::F16, "whisper/ggml-tiny.en.bin");
}

#[test]
fn tiny_en_in_q8_0_equals_the_published_file() {
    assert_official(WeightFormat::Q8_0, "whisper/ggml-tiny.en-q8_0.bin");
}

#[test]
fn tiny_en_in_q5_1_equals_the_published_file() {
    assert_official(WeightFormat::Q5_1, "whisper/ggml-tiny.en-q5_1.bin");
}

fn convert(model: &[u8], to: WeightFormat) -> Result<Vec<u8>, ConvertError> {
    let dir = tempfile::tempdir().unwrap();
    let weights = dir.path().join("model.bin");
    fs::write(&weights, model).unwrap();
    let (mel, vocabulary) = Ct2Builder::tables(dir.path());
    let inputs = Inputs {
        weights: &weights,
        mel: &mel,
        vocabulary: &vocabulary,
    };
    let mut out = Vec::new();
    whisper_to_ggml(inputs, to, &mut out)?;
    Ok(out)
}

#[test]
fn broken_models_are_refused_and_not_converted() {
    let model = Ct2Builder::new().build();
    assert!(convert(&model, WeightFormat::Q8_0).is_ok());

    let cut = &model[..model.len() / 2];
    assert!(convert(cut, WeightFormat::F16).is_err());
    let mut other = model.clone();
    other[0] = 5;
    assert!(convert(&other, WeightFormat::F16).is_err());
    let biased = Ct2Builder::new().key_bias(0.25).build();
    let error = convert(&biased, WeightFormat::F16).unwrap_err();
    assert!(error.to_string().contains("key bias"), "{error}");
}

#[test]
fn an_output_that_cannot_be_written_is_an_error() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let weights = dir.path().join("model.bin");
    fs::write(&weights, Ct2Builder::new().build()).unwrap();
    let (mel, vocabulary) = Ct2Builder::tables(dir.path());
    let inputs = Inputs {
        weights: &weights,
        mel: &mel,
        vocabulary: &vocabulary,
    };
    let error = whisper_to_ggml(inputs, WeightFormat::F16, &mut Full).unwrap_err();
    assert!(matches!(error, ConvertError::Io(_)));
}

#[tokio::test]
async fn a_pull_converts_and_leaves_no_inputs_behind_that_were_not_asked_for() {
    let tables = tempfile::tempdir().unwrap();
    let (mel, vocabulary) = Ct2Builder::tables(tables.path());
    let (mel, vocabulary) = (fs::read(mel).unwrap(), fs::read(vocabulary).unwrap());
    let model = Ct2Builder::new().build();
    let converted = convert(&model, WeightFormat::Q5_1).unwrap();
    let inputs: [(&str, &[u8]); 3] = [("model", &model), ("mel", &mel), ("tokens", &vocabulary)];
    let server = Server::start(&inputs, &[]);
    let place = Workplace::new();
    let source = r#"{ kind = "convert", weights = "in/model", mel = "in/mel", vocabulary = "in/tokens", to = "q5_1" }"#;
    let store = place.store(&[
        asset("out", &[source.to_owned()], &[("ggml", &converted)]),
        asset("in", &[url_source(&server)], &inputs),
    ]);

    let selection = store.manifest().select(&["out"]).unwrap();
    store
        .pull(&selection, Notes::new(), &PullOptions::default())
        .await
        .unwrap();

    assert_eq!(
        sha256(&fs::read(store.path("out/ggml")).unwrap()),
        sha256(&converted)
    );
    assert!(!store.path("in").exists());
    assert!(!store.path(".downloads").exists());

    // Selected as well, they are fetched once and kept.
    fs::remove_dir_all(store.path("out")).unwrap();
    pull(&store, &Notes::new(), &PullOptions::default())
        .await
        .unwrap();
    assert!(store.installed("in") && store.installed("out"));
    assert_eq!(server.requests().len(), 6);
}
