//! What a pull tells whoever watches it.

mod bars;
mod lines;

use std::{
    fmt,
    io::{self, IsTerminal},
    sync::Arc,
};

use crate::manifest::Package;

pub use bars::Bars;
pub use lines::Lines;

/// Something that happened during a pull. Files are named by their path below the models folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// Work on a file begins.
    FileStarted {
        /// The file.
        file: &'a str,
        /// Its size, bytes.
        size: u64,
    },
    /// More of a file has arrived.
    FileAdvanced {
        /// The file.
        file: &'a str,
        /// Bytes that are there now, earlier pulls' included.
        bytes: u64,
    },
    /// A step without a count of bytes begins.
    FileStep {
        /// The file.
        file: &'a str,
        /// The step.
        step: Step<'a>,
    },
    /// Work on a file has ended, well or not.
    FileEnded {
        /// The file.
        file: &'a str,
    },
    /// All files of an asset are in place.
    AssetFinished {
        /// The asset.
        asset: &'a str,
        /// How many of its files were fetched now.
        files: usize,
        /// Bytes of those files.
        bytes: u64,
    },
    /// A line for the reader: a source that failed, a lock that is waited for.
    Note {
        /// The line.
        text: &'a str,
    },
}

/// What is done to a file where bytes are not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// A package client fetches this package.
    FetchingPackage(&'a Package),
    /// A conversion waits for this file.
    WaitingFor(&'a str),
    /// It is made from this file.
    Converting(&'a str),
    /// Its sum is computed.
    Checking,
}

impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FetchingPackage(package) => write!(f, "fetching {package}"),
            Self::WaitingFor(file) => write!(f, "waiting for {file}"),
            Self::Converting(file) => write!(f, "converting {file}"),
            Self::Checking => f.write_str("checking"),
        }
    }
}

/// Watches a pull. Called from several threads.
pub trait Progress: Send + Sync {
    /// Something happened.
    fn on(&self, event: Event<'_>);
}

/// Watches without a word.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn on(&self, _event: Event<'_>) {}
}

/// Bars on a terminal, plain lines elsewhere; both on standard error.
pub fn for_stderr() -> Arc<dyn Progress> {
    if io::stderr().is_terminal() {
        Arc::new(Bars::new())
    } else {
        Arc::new(Lines::new(io::stderr()))
    }
}
