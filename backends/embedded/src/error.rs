//! Why the database could not be opened or used.

use std::{io, path::PathBuf};

/// Why [`Embedded::open`](crate::Embedded::open) failed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process, or another part of this one, has it open.
    #[error(
        "{} is in use by {}; one process at a time can have it open",
        .file.display(),
        .pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
    )]
    InUse {
        /// The database.
        file: PathBuf,
        /// The process, if it has said so.
        pid: Option<u32>,
    },
    /// The file or its lock file cannot be made or read.
    #[error("{} cannot be opened: {source}", .file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is no database, is damaged, or cannot be written.
    #[error("{} cannot be used as a database: {source}", .file.display())]
    Database {
        /// The database.
        file: PathBuf,
        /// What SQLite says.
        source: sqlx::Error,
    },
    /// The tables are not ours, or were made by a newer build.
    #[error("the tables in {} cannot be brought up to date: {source}", .file.display())]
    Schema {
        /// The database.
        file: PathBuf,
        /// What is wrong with them.
        source: sqlx::migrate::MigrateError,
    },
}

/// Why [`Embedded::close`](crate::Embedded::close) was not orderly. Nothing that was acknowledged is
/// lost: the next open finishes what was left.
#[derive(Debug, thiserror::Error)]
pub enum CloseError {
    /// A task did not end in time.
    #[error("{0} did not stop in time")]
    Late(&'static str),
    /// The last writes could not be carried over into the database file.
    #[error("the database could not be closed: {0}")]
    Database(#[from] sqlx::Error),
}

/// The database did not do it: disk full, disk broken, too busy, or closed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub(crate) String);

impl Unavailable {
    pub(crate) fn closed() -> Self {
        Self("the database is closed".to_owned())
    }
}

impl From<sqlx::Error> for Unavailable {
    fn from(error: sqlx::Error) -> Self {
        Self(error.to_string())
    }
}

macro_rules! unavailable_is_unavailable {
    ($($error:ty),+) => {$(
        impl From<Unavailable> for $error {
            fn from(error: Unavailable) -> Self {
                Self::Unavailable(error.0)
            }
        }
    )+};
}

unavailable_is_unavailable!(
    voicefleet_core::ports::QueueError,
    voicefleet_core::ports::RecordError,
    voicefleet_core::ports::BlobError,
    voicefleet_core::ports::DocumentError
);
