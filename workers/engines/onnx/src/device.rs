//! Whether a device can be computed on, found out before there is a model.

use ort::{
    ep::{CUDA, ExecutionProvider},
    session::Session,
    value::Tensor,
};
use prost::Message;
use voicefleet_core::ports::Device;

use crate::{
    OnnxError,
    graph::{
        ElementType, Node,
        proto::{Graph, Model, OperatorSet, ValueInfo},
    },
    runtime,
    session::{SessionOptions, on_device},
};

/// Computes a little on `device`, so that what is missing there shows now and not in the middle of a job: a build of
/// ONNX Runtime for it, the libraries of CUDA, the GPU itself.
///
/// # Errors
/// [`OnnxError::RuntimeNotLoaded`] before [`crate::load_runtime`]; [`OnnxError::Device`] with what ONNX Runtime says.
pub fn check_device(device: Device) -> Result<(), OnnxError> {
    let library = runtime::library()?;
    let refuse = |reason: String| OnnxError::Device {
        device,
        library: library.clone(),
        reason,
    };
    if device.is_gpu() && !CUDA::is_available().map_err(|error| refuse(error.to_string()))? {
        return Err(refuse("this build of it knows no CUDA".to_owned()));
    }
    compute(device).map_err(|error| match error {
        OnnxError::Run(error) => refuse(error.to_string()),
        other => other,
    })
}

/// Takes the larger of a number and zero there.
fn compute(device: Device) -> Result<(), OnnxError> {
    let options = SessionOptions {
        device,
        ..SessionOptions::default()
    };
    let builder = Session::builder(&runtime::environment()?)?;
    let mut session = on_device(builder, options)?.commit_from_memory(&smallest_model())?;
    let number = Tensor::from_array(([1], vec![-1.0_f32]))?;
    session.run(ort::inputs!["number" => number])?;
    Ok(())
}

/// One node.
fn smallest_model() -> Vec<u8> {
    let number = |name| ValueInfo::tensor(name, ElementType::FLOAT, Some(&[Some(1)]));
    let graph = Graph {
        name: Some("smallest".to_owned()),
        input: vec![number("number")],
        output: vec![number("larger")],
        node: vec![Node {
            input: vec!["number".to_owned()],
            output: vec!["larger".to_owned()],
            op_type: "Relu".to_owned(),
            ..Node::default()
        }],
        ..Graph::default()
    };
    // What the oldest runtime that is accepted reads.
    let model = Model {
        ir_version: Some(8),
        graph: Some(graph),
        opset_import: vec![OperatorSet {
            domain: Some(String::new()),
            version: Some(15),
        }],
        ..Model::default()
    };
    model.encode_to_vec()
}
