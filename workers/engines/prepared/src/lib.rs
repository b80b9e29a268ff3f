//! What is made of a model file once for each machine, and kept beside it: a folder that is found by the [`Key`] of what it was made
//! of and for.
//!
//! Begin with [`prepared`], or with [`find`] and [`keep`] where there is another way without a folder.

mod folder;
mod key;

pub use folder::{Contents, Temporary, beside, find, keep, prepared};
pub use key::Key;

use std::{
    io,
    path::{Path, PathBuf},
};

/// Files that cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct PreparedError {
    /// Where they lie.
    pub path: PathBuf,
    /// What is wrong.
    pub source: io::Error,
}

impl PreparedError {
    /// What becomes of an error there.
    pub fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { path, source }
    }
}
