//! The file and the connections to it.

use std::{
    fs::File,
    path::{Path, PathBuf},
    time::Duration,
};

use futures::{FutureExt, future::BoxFuture};
use sqlx::{
    ConnectOptions, Connection, SqliteConnection, SqlitePool,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::error::OpenError;

static TABLES: Migrator = sqlx::migrate!("./migrations");

/// Bytes per page. Twice SQLite's default: measured on 150 kB bodies, writing is 1.5 times and reading
/// twice as fast, and small rows cost about the same.
pub(crate) const PAGE_BYTES: u32 = 8192;

/// KiB of pages that the writer keeps, as SQLite wants it told: as much as a commit has. The system keeps them too.
const PAGES_OF_WRITER: &str = "-2048";

/// The same of a reader, through which audio passes that would only push other pages out.
const PAGES_OF_READER: &str = "-512";

/// How long a connection waits for a lock. Nobody but a person with a SQLite shell ever holds one.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads that go on at the same time.
const READERS: u32 = 4;

/// How long a read waits for its turn.
const READER_TIMEOUT: Duration = Duration::from_secs(10);

/// Opens `file` for writing, making it and its tables if they are not there.
pub(crate) fn open_writer(
    file: PathBuf,
) -> BoxFuture<'static, Result<SqliteConnection, OpenError>> {
    async move {
        create_private(&file)?;
        let opened = options(&file, PAGES_OF_WRITER).connect().await;
        let mut connection = match opened {
            Ok(connection) => connection,
            Err(source) => return Err(OpenError::Database { file, source }),
        };
        // Not `run`: its future is not seen to be `Send` from inside another one.
        match TABLES.run_direct(None, &mut connection, false).await {
            Ok(()) => Ok(connection),
            Err(source) => Err(OpenError::Schema { file, source }),
        }
    }
    .boxed()
}

/// Connections that only read. A read sees everything that was committed before it began.
pub(crate) fn open_readers(file: PathBuf) -> BoxFuture<'static, Result<SqlitePool, OpenError>> {
    async move {
        SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(READER_TIMEOUT)
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options(&file, PAGES_OF_READER).read_only(true))
            .await
            .map_err(|source| OpenError::Database { file, source })
    }
    .boxed()
}

/// Carries the write-ahead log over into the file and closes it.
pub(crate) async fn close_writer(mut connection: SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
        .execute(&mut connection)
        .await?;
    connection.close().await
}

fn options(file: &Path, pages: &'static str) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .page_size(PAGE_BYTES)
        .journal_mode(SqliteJournalMode::Wal)
        // The writer raises this for single commits; see `writer::Durability`.
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(BUSY_TIMEOUT)
        .pragma("cache_size", pages)
        .pragma("journal_size_limit", "67108864")
        .disable_statement_logging()
}

/// An empty file is an empty database. Made here so that speech and texts are not readable by everybody
/// on the machine; SQLite gives the files beside it the same mode.
fn create_private(file: &Path) -> Result<(), OpenError> {
    let mut options = File::options();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let opened = options.open(file).map(drop);
    opened.map_err(|source| OpenError::Io {
        file: file.to_owned(),
        source,
    })
}
