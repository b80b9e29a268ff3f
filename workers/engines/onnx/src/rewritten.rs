//! Opening a model that was changed in memory, with operators of our own.

use std::path::PathBuf;

use ort::{
    operator::OperatorDomain,
    session::{Session, builder::GraphOptimizationLevel},
};

use crate::{OnnxError, SessionOptions, runtime, session::on_device};

/// Makes operators for a session.
pub type MakeOperators = Box<dyn Fn() -> ort::Result<OperatorDomain> + Send + Sync>;

/// A model in memory.
pub struct Rewritten {
    /// The file that it was made of, to be named in errors.
    pub path: PathBuf,
    /// As in a model file.
    pub model: Vec<u8>,
    /// Makes the operators that it has and ONNX Runtime has not, for one session.
    pub operators: Option<MakeOperators>,
}

/// Opens a model in memory.
///
/// # Errors
/// [`OnnxError::RuntimeNotLoaded`] before [`crate::load_runtime`]; [`OnnxError::Model`] naming the file.
pub fn open_rewritten(
    rewritten: &Rewritten,
    options: &SessionOptions,
) -> Result<Session, OnnxError> {
    let environment = runtime::environment()?;
    let open = || -> ort::Result<Session> {
        let mut builder =
            Session::builder(&environment)?.with_optimization_level(GraphOptimizationLevel::All)?;
        if let Some(operators) = &rewritten.operators {
            builder = builder.with_operators(operators()?)?;
        }
        on_device(builder, *options)?.commit_from_memory(&rewritten.model)
    };
    open().map_err(|source| OnnxError::Model {
        path: rewritten.path.clone(),
        source,
    })
}
