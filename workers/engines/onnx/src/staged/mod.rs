//! Networks that are kept in pieces, ready to be opened: a folder with their files.

mod contents;
mod weights;

pub use contents::{Part, Prepared};
pub use voicefleet_prepared::{Contents, Key, PreparedError, beside, prepared};
pub use weights::Weights;

use std::path::Path;

use crate::OnnxError;

/// The key of what `version` of whoever prepares it makes of the model file `model`, with the digest of its content if it is
/// known, for the loaded ONNX Runtime and this processor.
///
/// # Errors
/// If the model file is not there.
pub fn key(model: &Path, digest: &str, version: &str) -> Result<Key, OnnxError> {
    let version = format!("{version}, {}", ort::info());
    Ok(Key::new(model, digest, &version)?)
}
