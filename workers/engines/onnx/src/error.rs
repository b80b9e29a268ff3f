//! What can go wrong between an engine and ONNX Runtime.

use std::path::PathBuf;

use voicefleet_core::ports::{Device, EngineError};

use crate::graph::NetworkError;
use voicefleet_prepared::PreparedError;

/// Why the runtime, a session or a run failed.
#[derive(Debug, thiserror::Error)]
pub enum OnnxError {
    /// The shared library is not there, or is not an ONNX Runtime that is new enough.
    #[error("the ONNX Runtime library {} cannot be loaded: {reason}", path.display())]
    Library {
        /// The library that was asked for.
        path: PathBuf,
        /// What the loader said.
        reason: String,
    },
    /// A process can hold one ONNX Runtime, and it holds another one already.
    #[error(
        "the ONNX Runtime library {} cannot be loaded: this process has loaded {}",
        asked.display(),
        loaded.display()
    )]
    OtherLibrary {
        /// The library that was asked for.
        asked: PathBuf,
        /// The library in use.
        loaded: PathBuf,
    },
    /// A session was opened before the runtime was loaded.
    #[error("no ONNX Runtime library is loaded yet")]
    RuntimeNotLoaded,
    /// Nothing can be computed on the device.
    #[error("ONNX Runtime ({}) cannot compute on {device}: {reason}", library.display())]
    Device {
        /// The device that was asked for.
        device: Device,
        /// The library in use.
        library: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The model file is not there or cannot be read.
    #[error("the model file {} cannot be read: {source}", path.display())]
    ModelFile {
        /// The model file.
        path: PathBuf,
        /// Why it cannot be read.
        source: std::io::Error,
    },
    /// The model file is there, but no session can be made of it.
    #[error("the model {} cannot be opened: {source}", path.display())]
    Model {
        /// The model file.
        path: PathBuf,
        /// What ONNX Runtime said.
        source: ort::Error,
    },
    /// A model cannot be taken apart or put together.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The files of a prepared model cannot be read or written.
    #[error("the prepared model in {0}")]
    Prepared(#[from] PreparedError),
    /// A run failed, or an input or output was not as the model has it.
    #[error("ONNX Runtime: {0}")]
    Run(#[from] ort::Error),
}

impl From<OnnxError> for EngineError {
    fn from(error: OnnxError) -> Self {
        match error {
            OnnxError::Run(_) => Self::Inference(error.to_string()),
            _ => Self::Load(error.to_string()),
        }
    }
}
