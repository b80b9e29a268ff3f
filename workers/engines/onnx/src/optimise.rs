//! ONNX Runtime's own optimisation of a network, kept.

use std::path::Path;

use ort::session::{Session, builder::GraphOptimizationLevel};

use crate::{
    OnnxError,
    graph::Network,
    runtime,
    session::{SessionOptions, on_device},
};

/// `network` as ONNX Runtime would compute it on this machine: opened with
/// [`SessionOptions::optimised`](crate::SessionOptions), it opens without being optimised again.
///
/// The more lengths of its inputs are fixed, the more can be optimised. Whoever knows that nothing but
/// the layout hangs on them can [free](Network::free_dimensions) them again.
///
/// `folder` is for two files in between.
///
/// # Errors
/// What ONNX Runtime has against the network; files that cannot be written.
pub fn optimised(network: &Network, folder: &Path) -> Result<Network, OnnxError> {
    let (before, after) = (folder.join("before.onnx"), folder.join("after.onnx"));
    network.write(&before)?;
    let environment = runtime::environment()?;
    let optimise = || -> ort::Result<()> {
        let builder = Session::builder(&environment)?
            .with_optimization_level(GraphOptimizationLevel::All)?
            // It warns that what it writes is for this machine, which is known.
            .with_log_level(ort::logging::LogLevel::Error)?
            .with_optimized_model_path(&after)?;
        on_device(builder, SessionOptions::default())?
            .commit_from_file(&before)
            .map(drop)
    };
    optimise().map_err(|source| OnnxError::Model {
        path: before.clone(),
        source,
    })?;
    let mut optimised = Network::read(&after)?;
    optimised.keep_leaky_relu_blocked();
    Ok(optimised)
}
