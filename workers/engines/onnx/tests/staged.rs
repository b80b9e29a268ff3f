//! A real network, cut into pieces and kept.

use std::{collections::BTreeMap, fs, path::Path};

use ort::value::Tensor;
use voicefleet_onnx::{
    Memory, OnnxError, SessionOptions, Values,
    graph::Network,
    load_runtime,
    staged::{Contents, Part, Prepared, key, prepared},
};
use voicefleet_testkit::model_file;

fn network() -> Network {
    load_runtime(&model_file("onnxruntime/libonnxruntime.so")).expect("the real runtime");
    let joe = model_file("piper/en_US-joe-medium/en_US-joe-medium.onnx");
    Network::read(&joe).expect("a network")
}

fn write(folder: &Path, size: usize) -> Result<(), OnnxError> {
    let part = Part {
        name: "all".to_owned(),
        pieces: network().pieces(size),
    };
    Prepared::write(folder, vec![part], BTreeMap::from([("one".to_owned(), 1)]))
}

fn audio(prepared: &Prepared) -> Vec<f32> {
    let mut stages = prepared
        .open("all", &SessionOptions::default())
        .expect("it works");
    let ids = vec![1_i64, 0, 20, 0, 59, 0, 14, 0, 27, 0, 2];
    let length = i64::try_from(ids.len()).expect("it works");
    let inputs = Values::from([
        (
            "input".to_owned(),
            Tensor::from_array(([1, ids.len()], ids))
                .expect("it works")
                .into_dyn(),
        ),
        (
            "input_lengths".to_owned(),
            Tensor::from_array(([1], vec![length]))
                .expect("it works")
                .into_dyn(),
        ),
        (
            "scales".to_owned(),
            Tensor::from_array(([3], vec![0.0_f32, 1.0, 0.0]))
                .expect("it works")
                .into_dyn(),
        ),
    ]);
    let mut values = stages.run(inputs, Memory::Kept).expect("it works");
    assert_eq!(values.len(), 1, "{:?}", values.keys());
    let audio = values.remove("output").expect("it works");
    audio
        .try_extract_tensor::<f32>()
        .expect("it works")
        .1
        .to_vec()
}

#[test]
fn pieces_of_any_size_compute_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = [10_000, 700, 150].map(|size| {
        write(folder.path(), size).unwrap();
        audio(&Prepared::read(folder.path()).unwrap())
    });
    let whole = all[0].clone();
    assert!(whole.len() > 1_000);
    for pieces in &mut all {
        assert_eq!(*pieces, whole);
    }
}

#[test]
fn what_is_kept_is_found_and_what_is_broken_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let model = model_file("piper/en_US-joe-medium/en_US-joe-medium.onnx");
    network();
    let this = || key(&model, "digest", "1").unwrap();
    let made: Prepared = prepared(folder.path(), &this(), |folder| write(folder, 700)).unwrap();
    assert_eq!(made.fact("one"), Some(1));
    let not_again = |_: &Path| -> Result<(), OnnxError> { panic!("it was made again") };
    let found: Prepared = prepared(folder.path(), &this(), not_again).unwrap();
    assert_eq!(audio(&found), audio(&made));
    let other = key(&model, "another digest", "1").unwrap();
    let _: Prepared = prepared(folder.path(), &other, |folder| write(folder, 700)).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    for kept in fs::read_dir(folder.path()).unwrap() {
        fs::write(kept.unwrap().path().join("all-0.onnx"), "broken").unwrap();
    }
    let again: Prepared = prepared(folder.path(), &this(), |folder| write(folder, 700)).unwrap();
    assert_eq!(audio(&again), audio(&made));
}

#[test]
fn what_is_no_model_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.onnx");
    fs::write(&broken, "not a model").unwrap();
    for file in [broken, folder.path().join("missing.onnx")] {
        let error = Network::read(&file).unwrap_err().to_string();
        assert!(error.contains(&*file.to_string_lossy()), "{error}");
    }
}
