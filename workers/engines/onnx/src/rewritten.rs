//! Opening a model that was changed in memory, with operators of our own.

use std::path::PathBuf;

use ort::session::{Session, builder::GraphOptimizationLevel};

use crate::{MakeOperators, OnnxError, SessionOptions, Stages, runtime, session::on_device};

/// A model in memory, in [pieces](crate::graph::Network::pieces).
pub struct Rewritten {
    /// The file that it was made of, to be named in errors.
    pub path: PathBuf,
    /// Each as in a model file.
    pub pieces: Vec<Vec<u8>>,
    /// Makes the operators that they have and ONNX Runtime has not, for one session.
    pub operators: Option<Box<MakeOperators>>,
}

/// Opens a model in memory.
///
/// # Errors
/// [`OnnxError::RuntimeNotLoaded`] before [`crate::load_runtime`]; [`OnnxError::Model`] naming the file.
pub fn open_rewritten(
    rewritten: &Rewritten,
    options: &SessionOptions,
) -> Result<Stages, OnnxError> {
    let environment = runtime::environment()?;
    let open = |piece: &Vec<u8>| -> ort::Result<Session> {
        let mut builder =
            Session::builder(&environment)?.with_optimization_level(GraphOptimizationLevel::All)?;
        if let Some(operators) = &rewritten.operators {
            builder = builder.with_operators(operators()?)?;
        }
        on_device(builder, *options)?.commit_from_memory(piece)
    };
    let sessions: ort::Result<_> = rewritten.pieces.iter().map(open).collect();
    let sessions = sessions.map_err(|source| OnnxError::Model {
        path: rewritten.path.clone(),
        source,
    })?;
    Ok(Stages::of(sessions))
}
