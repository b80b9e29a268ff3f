//! Opening a model.

use std::{path::Path, sync::Arc};

use ort::session::{
    Session,
    builder::{GraphOptimizationLevel, SessionBuilder},
};
use ort::{
    ep::{ArenaExtendStrategy, CPU, CUDA, cuda::ConvAlgorithmSearch},
    operator::OperatorDomain,
    value::DynValue,
};
use voicefleet_core::ports::Device;

use crate::{OnnxError, runtime};

/// How a session is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SessionOptions {
    /// What it computes on.
    pub device: Device,
    /// Whether the model comes from [`optimised`](crate::optimised), and is opened as it is.
    pub optimised: bool,
    /// Whether memory is freed as soon as a run does not need it, instead of being kept for the next one
    /// in an arena of the session. For sessions whose runs differ much in size, and for small ones, since an
    /// arena takes a megabyte at once.
    pub frees: bool,
}

/// Opens the model file `model` (`.onnx` or `.ort`). Takes a good part of a second.
///
/// # Errors
/// [`OnnxError::RuntimeNotLoaded`] before [`crate::load_runtime`], [`OnnxError::ModelFile`] and
/// [`OnnxError::Model`] naming the file.
pub fn open_session(model: &Path, options: &SessionOptions) -> Result<Session, OnnxError> {
    open_with(model, *options, &[], None)
}

/// Makes operators of our own for a session.
pub type MakeOperators = dyn Fn() -> ort::Result<OperatorDomain> + Send + Sync;

/// Opens a model of which some constants are in memory already.
pub(crate) fn open_with(
    model: &Path,
    options: SessionOptions,
    constants: &[(&str, Arc<DynValue>)],
    operators: Option<&MakeOperators>,
) -> Result<Session, OnnxError> {
    let environment = runtime::environment()?;
    let unreadable = |source| OnnxError::ModelFile {
        path: model.to_owned(),
        source,
    };
    std::fs::File::open(model).map_err(unreadable)?;
    let open = || -> ort::Result<Session> {
        let level = if options.optimised {
            GraphOptimizationLevel::Disable
        } else {
            GraphOptimizationLevel::All
        };
        let mut builder = Session::builder(&environment)?.with_optimization_level(level)?;
        for (name, value) in constants {
            builder = builder.with_initializer(name, Arc::clone(value))?;
        }
        if let Some(operators) = operators {
            builder = builder.with_operators(operators()?)?;
        }
        on_device(builder, options)?.commit_from_file(model)
    };
    open().map_err(|source| OnnxError::Model {
        path: model.to_owned(),
        source,
    })
}

/// Everything that depends on the device.
pub(crate) fn on_device(
    builder: SessionBuilder,
    options: SessionOptions,
) -> ort::Result<SessionBuilder> {
    let builder = builder
        // One thread per job and several jobs: a second thread gains 1.1-1.5 times for twice the
        // CPU, and threads that spin while they wait take the cores from the other jobs.
        .with_intra_threads(1)?
        .with_inter_threads(1)?
        .with_intra_op_spinning(false)?
        .with_inter_op_spinning(false)?
        // Every text has another length, so a memory plan made for one shape is never used again.
        .with_memory_pattern(false)?;
    let provider = match options.device {
        Device::Cpu => CPU::default().with_arena_allocator(!options.frees).build(),
        Device::Cuda(number) => on_gpu(number).build().error_on_failure(),
    };
    Ok(builder.with_execution_providers([provider])?)
}

fn on_gpu(number: u16) -> CUDA {
    CUDA::default()
        .with_device_id(i32::from(number))
        // The default tries all ways to convolve for every new shape, and every text has another length.
        .with_conv_algorithm_search(ConvAlgorithmSearch::Heuristic)
        // Sessions share the GPU's memory with others; the default doubles what it holds at each step.
        .with_arena_extend_strategy(ArenaExtendStrategy::SameAsRequested)
}
