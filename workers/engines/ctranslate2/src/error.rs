//! What can go wrong between an engine and CTranslate2.

use std::path::PathBuf;

/// Why the library, a model or a computation failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ct2Error {
    /// The library is not there, or is no CTranslate2 of the right version.
    #[error("the CTranslate2 library {} cannot be loaded: {reason}", path.display())]
    Library {
        /// The library that was asked for.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A process can hold one library, and it holds another one already.
    #[error("the CTranslate2 library {} cannot be loaded: this process has loaded {}", asked.display(), loaded.display())]
    OtherLibrary {
        /// The library that was asked for.
        asked: PathBuf,
        /// The library in use.
        loaded: PathBuf,
    },
    /// A model was opened before the library was loaded.
    #[error("no CTranslate2 library is loaded yet")]
    LibraryNotLoaded,
    /// The machine has no such GPU.
    #[error("there is no CUDA device {index}: CTranslate2 sees {count}")]
    NoSuchGpu {
        /// The device that was asked for.
        index: u16,
        /// How many there are.
        count: i32,
    },
    /// CTranslate2 computes on GPUs with a library of CUDA that is not there.
    #[error("CTranslate2 computes on GPUs with {library}, which cannot be loaded: {reason}")]
    NoCudaLibrary {
        /// The library's name.
        library: &'static str,
        /// What the system's loader says.
        reason: String,
    },
    /// No model can be made of what is in the folder.
    #[error("the CTranslate2 model {} cannot be opened: {reason}", path.display())]
    Model {
        /// The model's folder.
        path: PathBuf,
        /// What CTranslate2 said.
        reason: String,
    },
    /// A computation failed.
    #[error("CTranslate2: {0}")]
    Computation(String),
}
