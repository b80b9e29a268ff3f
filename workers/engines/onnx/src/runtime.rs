//! The one ONNX Runtime of this process, and its environment.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use ort::{environment::Environment, logging::LogLevel};

use crate::OnnxError;

/// The loaded library and its environment.
struct Runtime {
    library: PathBuf,
    environment: Environment,
}

/// `ort` allows one library and one environment per process, kept until the process ends.
static RUNTIME: Mutex<Option<Runtime>> = Mutex::new(None);

/// Loads the ONNX Runtime shared library `library` for the whole process.
///
/// A second call with the same file does nothing. Telemetry is off; warnings and errors of the
/// runtime go to `tracing` under the target `ort`.
///
/// # Errors
/// [`OnnxError::Library`] if the file is missing, is no ONNX Runtime or is older than 1.20;
/// [`OnnxError::OtherLibrary`] if another file was loaded before.
pub fn load_runtime(library: &Path) -> Result<(), OnnxError> {
    let refuse = |reason: String| OnnxError::Library {
        path: library.to_owned(),
        reason,
    };
    let file = library
        .canonicalize()
        .map_err(|error| refuse(error.to_string()))?;
    let mut runtime = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(loaded) = &*runtime {
        return if loaded.library == file {
            Ok(())
        } else {
            Err(OnnxError::OtherLibrary {
                asked: file,
                loaded: loaded.library.clone(),
            })
        };
    }
    let environment = ort::init_from(&file)
        .map_err(|error| refuse(error.to_string()))?
        .with_name("voicefleet")
        .with_telemetry(false)
        .build()
        .map_err(|error| refuse(error.to_string()))?;
    // ort opens the log at its most verbose level: every line would be formatted, then thrown away.
    environment.set_log_level(LogLevel::Warning);
    tracing::info!(library = %file.display(), "loaded ONNX Runtime");
    *runtime = Some(Runtime {
        library: file,
        environment,
    });
    Ok(())
}

/// The environment that every session is made in.
pub(crate) fn environment() -> Result<Environment, OnnxError> {
    of_loaded(|loaded| loaded.environment.clone())
}

/// The library in use.
pub(crate) fn library() -> Result<PathBuf, OnnxError> {
    of_loaded(|loaded| loaded.library.clone())
}

fn of_loaded<T>(part: impl FnOnce(&Runtime) -> T) -> Result<T, OnnxError> {
    let runtime = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    runtime
        .as_ref()
        .map(part)
        .ok_or(OnnxError::RuntimeNotLoaded)
}
