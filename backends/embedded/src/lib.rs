//! Queue, job records and audio in one SQLite file: what `voicefleet serve` runs on, without servers.
//!
//! [`Embedded::open`] is the place to begin. It gives the three ports of [`voicefleet_core::ports`] over
//! one file, and finishes what the last process left undone.
//!
//! # What it promises
//! - One process per file; a second one is refused at once.
//! - A call that returned `Ok` outlives the end of the process, in whatever way (write-ahead log).
//!   What a client is promised, a submitted job and an uploaded file, outlives a power cut too: those
//!   commits are flushed to the disk. All other writes are ordered after them but may lose their last
//!   ones to a power cut, which repeats work and loses none: an envelope that is gone is made anew
//!   from its record, a move that is gone is made again. Flushing everything was measured to cost
//!   4 ms for each of the six steps of a job.
//! - A full or broken disk is an `Unavailable` to whoever is in that transaction, and changes nothing.
//!
//! # How it is made
//! `writer` owns the only connection that writes and puts whatever waits into one transaction, but
//! only a few chunks of audio; a small pool reads. `queue` hands envelopes out by one task per engine, which is rung for and does
//! not poll. `records` keeps single flight by a unique index. `blobs` are cut into chunks. `recovery`
//! is what happens to the work of lost workers and lost processes.

mod blobs;
mod config;
mod database;
mod documents;
mod error;
mod housekeeping;
mod ledger;
mod lock;
mod presence;
mod queue;
mod records;
mod recovery;
mod writer;

pub use config::{EmbeddedConfig, QueueLimits};
pub use error::{CloseError, OpenError, Unavailable};
pub use housekeeping::Tidied;

use std::{sync::Arc, time::Duration};

use sqlx::{SqliteConnection, SqlitePool};
use tokio::{sync::Notify, task::JoinSet, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use voicefleet_core::ports::{BlobStore, Documents, FleetLedger, JobQueue, JobRecords};

use blobs::{Abandoned, EmbeddedBlobs, Touches};
use documents::EmbeddedDocuments;
use housekeeping::Housekeeper;
use lock::ProcessLock;
use presence::Present;
use queue::{EmbeddedQueue, QueueParts};
use records::{EmbeddedRecords, Watchers};
use writer::{Writer, WriterTask};

/// How long each part may take to stop.
const STOP_PATIENCE: Duration = Duration::from_secs(30);

/// An open database. Keep it for as long as its ports are used: dropped, it stops without order.
pub struct Embedded {
    ports: Ports,
    readers: SqlitePool,
    writing: JoinSet<Result<(), sqlx::Error>>,
    stop_writer: CancellationToken,
}

impl Embedded {
    /// Opens the database, making it if it is not there, and finishes what the last process left undone:
    /// what it was working on is queued again with the attempt counted (and failed as `worker_lost`
    /// after the last one), and steps that a crash cut off are completed.
    ///
    /// # Errors
    /// [`OpenError::InUse`] at once if another process has it open.
    pub async fn open(config: EmbeddedConfig) -> Result<Self, OpenError> {
        let lock = ProcessLock::take(&config.file)?;
        let mut connection = database::open_writer(config.file.clone()).await?;
        let last_use = match recover(&mut connection, &config).await {
            Ok(last_use) => last_use,
            Err(source) => {
                return Err(OpenError::Database {
                    file: config.file,
                    source,
                });
            }
        };
        let readers = database::open_readers(config.file.clone()).await?;
        let (writer, task) = WriterTask::new(connection, lock);
        let stop_writer = CancellationToken::new();
        let mut writing = JoinSet::new();
        writing.spawn(task.run(stop_writer.clone()));
        let ports = Ports::start(&config, &writer, &readers, last_use);
        Ok(Self {
            ports,
            readers,
            writing,
            stop_writer,
        })
    }

    /// The queue.
    pub fn queue(&self) -> Arc<dyn JobQueue> {
        Arc::clone(&self.ports.queue)
    }

    /// The job records.
    pub fn records(&self) -> Arc<dyn JobRecords> {
        Arc::clone(&self.ports.records)
    }

    /// What has been computed, and how compute is divided.
    pub fn ledger(&self) -> Arc<dyn FleetLedger> {
        Arc::clone(&self.ports.ledger)
    }

    /// Small documents and counters.
    pub fn documents(&self) -> Arc<dyn Documents> {
        Arc::clone(&self.ports.documents)
    }

    /// Uploads and results.
    pub fn blobs(&self) -> Arc<dyn BlobStore> {
        Arc::clone(&self.ports.blobs)
    }

    /// Does now what is otherwise done every ten minutes: forgets finished jobs and dead letters that
    /// are older than the retention, and unpins uploads that nobody came back for.
    pub async fn tidy(&self) -> Result<Tidied, Unavailable> {
        self.ports.housekeeper.tidy().await
    }

    /// Stops in order: consumers hear that the queue is closed, what has been accepted is written, the
    /// log is carried over into the file, and the next process may open it. Stop the workers first:
    /// deliveries that are out by now count as those of a lost worker.
    pub async fn close(mut self) -> Result<(), CloseError> {
        self.ports.stop.cancel();
        self.ports.tasks.close();
        let stopped = timeout(STOP_PATIENCE, self.ports.tasks.wait()).await;
        stopped.map_err(|_| CloseError::Late("the queue"))?;
        let closed = timeout(STOP_PATIENCE, self.readers.close()).await;
        closed.map_err(|_| CloseError::Late("a read"))?;
        self.stop_writer.cancel();
        match timeout(STOP_PATIENCE, self.writing.join_next()).await {
            Ok(Some(Ok(written))) => Ok(written?),
            _ => Err(CloseError::Late("the writer")),
        }
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.ports.stop.cancel();
        self.stop_writer.cancel();
        // The writing task ends by itself, once it has written what it has accepted.
        self.writing.detach_all();
    }
}

/// The ports and the tasks behind them, all of which write through one writer.
struct Ports {
    queue: Arc<dyn JobQueue>,
    records: Arc<dyn JobRecords>,
    ledger: Arc<dyn FleetLedger>,
    documents: Arc<dyn Documents>,
    blobs: Arc<dyn BlobStore>,
    housekeeper: Arc<Housekeeper>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Ports {
    fn start(
        config: &EmbeddedConfig,
        writer: &Writer,
        readers: &SqlitePool,
        last_use: i64,
    ) -> Self {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let watchers = Arc::new(Watchers::new(config.max_waiters));
        let bell = Arc::new(Notify::new());
        let housekeeper = Arc::new(Housekeeper {
            writer: writer.clone(),
            touches: Arc::new(Touches::new(last_use)),
            abandoned: Arc::new(Abandoned::new(Arc::clone(&bell))),
            bell,
            clock: Arc::clone(&config.clock),
            retention: config.record_retention,
            pinned_retention: config.pinned_retention,
        });
        tasks.spawn(Arc::clone(&housekeeper).run(stop.clone()));
        let queue = EmbeddedQueue::new(QueueParts {
            writer: writer.clone(),
            readers: readers.clone(),
            limits: config.max_queued,
            shares: config.shares,
            max_attempts: config.max_attempts,
            clock: Arc::clone(&config.clock),
            watchers: Arc::clone(&watchers),
            tasks: tasks.clone(),
            stop: stop.clone(),
        });
        let records = Arc::new(EmbeddedRecords {
            writer: writer.clone(),
            readers: readers.clone(),
            watchers,
            present: Present::default(),
            clock: Arc::clone(&config.clock),
        });
        let documents = EmbeddedDocuments {
            writer: writer.clone(),
            readers: readers.clone(),
            clock: Arc::clone(&config.clock),
        };
        let blobs = EmbeddedBlobs {
            writer: writer.clone(),
            bulk: writer.for_bulk(),
            readers: readers.clone(),
            limit_bytes: config.blob_limit_bytes,
            touches: Arc::clone(&housekeeper.touches),
            abandoned: Arc::clone(&housekeeper.abandoned),
            tidy: Arc::clone(&housekeeper.bell),
            clock: Arc::clone(&config.clock),
        };
        Self {
            queue: Arc::new(queue),
            ledger: Arc::clone(&records) as _,
            records,
            documents: Arc::new(documents),
            blobs: Arc::new(blobs),
            housekeeper,
            tasks,
            stop,
        }
    }
}

/// Brings what the last process left into order; returns the number of the last use of a blob.
async fn recover(db: &mut SqliteConnection, config: &EmbeddedConfig) -> Result<i64, sqlx::Error> {
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *db).await?;
    blobs::condemn_unfinished(db).await?;
    blobs::shrink_to(db, config.blob_limit_bytes).await?;
    let found = recovery::reconcile(db, config.max_attempts, config.clock.now()).await?;
    let last_use = "SELECT ifnull(max(last_use), 0) FROM blobs";
    let last_use = sqlx::query_scalar(last_use).fetch_one(&mut *db).await?;
    sqlx::query("COMMIT").execute(db).await?;
    tracing::info!(?found, "the database is open");
    Ok(last_use)
}
