//! The weights of a model file in the 8 bits that a CPU computes with.
//!
//! CTranslate2 makes them of weights of 16 or 32 bits whenever it opens a model, which is most of what opening one takes. They
//! are the same to the last bit if they are made here, several times as fast, and once: the next time they are found beside the model.

mod file;
mod kept;
mod rounding;

use std::{fs, io, path::Path};

use ct2rs::sys::ModelMemoryReader;

pub(crate) use kept::Kept;

const WEIGHTS: &str = "model.bin";

/// Weights of 8 bits of the model in a folder.
pub(crate) enum Rounded {
    /// In a folder with the model's other files.
    Kept(Kept),
    /// Made now.
    Made(Vec<u8>),
}

/// The weights of the model in the folder `dir`, rounded, and kept for the next time if that can be done. `None`, with a line in
/// the log, if they cannot be rounded here: what is wrong with the folder is for CTranslate2 to say.
pub(crate) fn rounded(dir: &Path) -> Option<Rounded> {
    // Without one nothing is found or kept.
    let key = kept::key(dir);
    if let Some(kept) = key.as_ref().ok().and_then(|key| Kept::find(dir, key)) {
        return Some(Rounded::Kept(kept));
    }
    let made = file::in_eight_bits(&dir.join(WEIGHTS)).unwrap_or_else(|error| {
        tracing::info!(folder = %dir.display(), %error, "CTranslate2 rounds the weights itself");
        None
    })?;
    if let Err(error) = key.and_then(|key| Kept::keep(dir, &key, &made)) {
        tracing::info!(folder = %dir.display(), %error, "rounded weights are not kept: every start rounds them");
    }
    Some(Rounded::Made(made))
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
    for (name, content) in small_files(dir)? {
        files.register_file(&name, &content);
    }
    Ok(files)
}

/// The model's other files, by name.
fn small_files(dir: &Path) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_small = |name: &&str| *name == "config.json" || name.starts_with("vocabulary.");
        if let Some(name) = name.to_str().filter(is_small)
            && entry.path().is_file()
        {
            files.push((name.to_owned(), fs::read(entry.path())?));
        }
    }
    Ok(files)
}
