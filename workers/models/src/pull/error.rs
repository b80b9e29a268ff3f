//! What can go wrong, in words that help.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::store::Condition;

/// Why a pull did not bring everything.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// Another process is pulling into the folder and did not end in time.
    #[error(
        "another process{} is pulling into {}; waited {} s for it", holder.map(|pid| format!(" ({pid})")).unwrap_or_default(),
        dir.display(), waited.as_secs()
    )]
    Busy {
        /// The models folder.
        dir: PathBuf,
        /// The other process, if it has left its id.
        holder: Option<u32>,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The models folder cannot be used.
    #[error("the models folder {}: {source}", dir.display())]
    Folder {
        /// The folder.
        dir: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is nothing of this asset for this kind of machine.
    #[error("'{asset}' does not exist for this machine ({target})")]
    Unsupported {
        /// The asset.
        asset: String,
        /// The machine.
        target: &'static str,
    },
    /// These files could not be fetched.
    #[error("{}", join(.0))]
    Files(Vec<FileFailure>),
}

impl PullError {
    pub(super) fn folder(dir: &Path, source: io::Error) -> Self {
        Self::Folder {
            dir: dir.to_owned(),
            source,
        }
    }
}

/// The first few: the others mostly failed for the same reason.
fn join(failures: &[FileFailure]) -> String {
    const SHOWN: usize = 5;
    let mut lines: Vec<_> = failures
        .iter()
        .take(SHOWN)
        .map(FileFailure::to_string)
        .collect();
    if failures.len() > SHOWN {
        lines.push(format!("and {} more files", failures.len() - SHOWN));
    }
    lines.join("\n")
}

/// A file that no source could give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFailure {
    /// The file's path below the models folder.
    pub file: String,
    /// The sources in the order tried, each with what was wrong.
    pub attempts: Vec<(String, SourceFailure)>,
}

impl fmt::Display for FileFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} could not be fetched:", self.file)?;
        for (source, failure) in &self.attempts {
            write!(f, "\n  {source}: {failure}")?;
        }
        Ok(())
    }
}

/// Why one source did not give a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceFailure {
    /// No connection, now or earlier in this pull.
    #[error("{host} cannot be reached: {why}")]
    Unreachable {
        /// Host name.
        host: String,
        /// Why.
        why: String,
    },
    /// The server does not give the file.
    #[error("the server answered {0}")]
    Status(u16),
    /// The connection broke too often; what has arrived is kept.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// A file of another size.
    #[error("expected {expected} bytes, found {found}")]
    WrongSize {
        /// What the manifest says.
        expected: u64,
        /// What the source has.
        found: u64,
    },
    /// A file with other content.
    #[error("expected sha256 {expected}, found {found}")]
    WrongSum {
        /// What the manifest says.
        expected: String,
        /// What the source has.
        found: String,
    },
    /// A package client is not there, failed, or took too long.
    #[error("{client}: {why}")]
    Client {
        /// The program.
        client: String,
        /// Its last words.
        why: String,
    },
    /// The package does not have the file, or cannot be unpacked.
    #[error("{0}")]
    Package(String),
    /// The conversion failed, or one of its inputs could not be had.
    #[error("{0}")]
    Conversion(String),
    /// The models folder does not take the file: no other source would help.
    #[error("{}", describe_disk(*.kind, .why))]
    Disk {
        /// What kind of error.
        kind: io::ErrorKind,
        /// In words.
        why: String,
    },
}

impl SourceFailure {
    /// An error of the models folder's own disk.
    pub(super) fn disk(error: &io::Error) -> Self {
        Self::Disk {
            kind: error.kind(),
            why: error.to_string(),
        }
    }

    /// What is wrong with a file that a source gave, if anything is.
    pub(super) fn of(condition: Condition) -> Option<Self> {
        match condition {
            Condition::Good => None,
            Condition::WrongSize { expected, found } => Some(Self::WrongSize { expected, found }),
            Condition::WrongSum { expected, found } => Some(Self::WrongSum { expected, found }),
            Condition::Missing => Some(Self::Package("nothing arrived".to_owned())),
            Condition::Unreadable(why) => Some(Self::Disk {
                kind: io::ErrorKind::Other,
                why,
            }),
        }
    }

    /// Whether the fault lies here, so that other sources need not be tried.
    pub(super) fn is_local(&self) -> bool {
        matches!(self, Self::Disk { .. })
    }
}

fn describe_disk(kind: io::ErrorKind, why: &str) -> String {
    match kind {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("the disk is full ({why}); free some space and pull again")
        }
        _ => format!("it cannot be written: {why}"),
    }
}
