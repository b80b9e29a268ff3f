//! The weights of a model file in the 8 bits that a CPU computes with.
//!
//! CTranslate2 makes them of weights of 16 or 32 bits whenever it opens a model, which is most of what opening one takes. They
//! are the same to the last bit if they are made here, several times as fast.

mod file;
mod rounding;

use std::{fs, io, path::Path};

use ct2rs::sys::ModelMemoryReader;

const WEIGHTS: &str = "model.bin";

/// The weights of the model in the folder `dir`, rounded. `None`, with a line in the log, if that cannot be done here: what is
/// wrong with the folder is for CTranslate2 to say.
pub(crate) fn rounded(dir: &Path) -> Option<Vec<u8>> {
    file::in_eight_bits(&dir.join(WEIGHTS)).unwrap_or_else(|error| {
        tracing::info!(folder = %dir.display(), %error, "CTranslate2 rounds the weights itself");
        None
    })
}

/// The files of the model in `dir`, with `weights` in the place of its own. The library must be loaded.
///
/// # Errors
/// Of reading.
pub(crate) fn files_with(dir: &Path, weights: Vec<u8>) -> io::Result<ModelMemoryReader> {
    let mut files = ModelMemoryReader::new(&dir.to_string_lossy()).map_err(io::Error::other)?;
    files.register_file(WEIGHTS, &weights);
    // The reader has its copy.
    drop(weights);
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_small = |name: &str| name == "config.json" || name.starts_with("vocabulary.");
        if let Some(name) = name.to_str().filter(|name| is_small(name)) {
            files.register_file(name, &fs::read(entry.path())?);
        }
    }
    Ok(files)
}
