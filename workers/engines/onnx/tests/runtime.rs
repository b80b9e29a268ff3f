//! Loading the real runtime and opening real models. The runtime belongs to the process, so each test
//! takes it as it comes: loaded by itself or by another test.

use std::{fs, path::Path};

use voicefleet_core::ports::{Device, EngineError};
use voicefleet_onnx::{Lanes, OnnxError, SessionOptions, check_device, load_runtime, open_session};
use voicefleet_testkit::model_file;

fn load() {
    load_runtime(&model_file("onnxruntime/libonnxruntime.so")).expect("the real runtime");
}

fn load_error(result: Result<impl Sized, OnnxError>) -> String {
    let Err(error) = result else {
        panic!("it was accepted")
    };
    match EngineError::from(error) {
        EngineError::Load(message) => message,
        other => panic!("not a load error: {other:?}"),
    }
}

#[test]
fn a_missing_library_is_named() {
    let message = load_error(load_runtime(Path::new("/nowhere/libonnxruntime.so")));
    assert!(message.contains("/nowhere/libonnxruntime.so"), "{message}");
}

#[test]
fn one_library_per_process() {
    load();
    load();
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("libonnxruntime.so");
    fs::write(&other, "not a library").unwrap();
    let message = load_error(load_runtime(&other));
    assert!(message.contains("this process has loaded"), "{message}");
}

#[test]
fn unusable_models_are_named() {
    load();
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.onnx");
    fs::write(&broken, "not a model").unwrap();
    let options = SessionOptions::default();
    for file in [broken, folder.path().join("missing.onnx")] {
        let message = load_error(open_session(&file, &options));
        assert!(message.contains(&*file.to_string_lossy()), "{message}");
    }
}

#[test]
fn the_cpu_can_be_computed_on() {
    load();
    check_device(Device::Cpu).expect("it can");
}

#[test]
fn a_runtime_without_cuda_says_so_and_opens_nothing_on_the_cpu_instead() {
    load();
    let message = load_error(check_device(Device::Cuda(1)));
    for told in ["cuda:1", "libonnxruntime.so", "knows no CUDA"] {
        assert!(message.contains(told), "{message}");
    }
    let options = SessionOptions {
        device: Device::Cuda(0),
        ..SessionOptions::default()
    };
    let model = model_file("piper/en_US-joe-medium/en_US-joe-medium.onnx");
    let message = load_error(open_session(&model, &options));
    assert!(message.contains("CUDA"), "{message}");
}

#[test]
fn a_wrong_input_fails_the_run_but_not_the_lane() {
    load();
    let model = model_file("piper/en_US-joe-medium/en_US-joe-medium.onnx");
    let lanes = Lanes::new(1, move || open_session(&model, &SessionOptions::default())).unwrap();
    let wrong_run = |session: &mut ort::session::Session| -> Result<(), OnnxError> {
        let text = ort::value::Tensor::from_array(([1], vec![1.0_f32]))?;
        session.run(ort::inputs!["input" => text])?;
        Ok(())
    };
    let error = lanes.with(wrong_run).unwrap().unwrap_err();
    assert!(matches!(
        EngineError::from(error),
        EngineError::Inference(_)
    ));
    let inputs = lanes.with(|session| session.inputs().len()).unwrap();
    assert_eq!(inputs, 3);
}
