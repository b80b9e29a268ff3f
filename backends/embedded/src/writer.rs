//! The one connection that writes. Work that arrives while a transaction is on its way to the disk goes
//! into the next one together, so that the cost of a commit is shared.

use std::time::Duration;

use futures::future::BoxFuture;
use sqlx::SqliteConnection;
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{database, error::Unavailable, lock::ProcessLock};

/// Works that go into one transaction at most: bounds how long the first of them waits for the last.
const MAX_BATCH: usize = 256;

/// Bulk works that go into one transaction at most.
const MAX_BULK: usize = 4;

/// Works that may wait; more callers than this wait for a place.
const MAX_WAITING: usize = 1024;

/// How long a caller waits for its place, and then for its commit.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a commit outlives.
///
/// Commits are ordered: what survives a power cut is everything up to some commit, and never less than
/// the last one that was flushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// The end of this process, in whatever way. A power cut may take back the last of these.
    Process,
    /// A power cut too: what a client has been promised. Costs a flush of the disk's cache.
    Power,
}

/// What a work gives: an outcome to commit, or an error of the database, which fails everybody in the
/// same transaction.
pub(crate) type Worked<'c, T> = BoxFuture<'c, Result<T, sqlx::Error>>;

/// Hands work to the writing task. Clones hand to the same.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    inbox: mpsc::Sender<Box<dyn Work>>,
    bulk: mpsc::Sender<Box<dyn Work>>,
}

impl Writer {
    /// For works of up to a megabyte each. Only a few of them go into each transaction, so that uploads,
    /// however many, do not hold up the queue.
    pub(crate) fn for_bulk(&self) -> Self {
        let (inbox, bulk) = (self.bulk.clone(), self.bulk.clone());
        Self { inbox, bulk }
    }

    /// Does `work` in a transaction and returns when that is committed.
    pub(crate) async fn run<T, F>(&self, durability: Durability, work: F) -> Result<T, Unavailable>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> Worked<'c, T> + Send + 'static,
    {
        self.run_then(durability, work, |_| ()).await
    }

    /// The same; `then` is called once it is committed, even if the caller has gone away meanwhile.
    pub(crate) async fn run_then<T, F>(
        &self,
        durability: Durability,
        work: F,
        then: impl FnOnce(&T) + Send + 'static,
    ) -> Result<T, Unavailable>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> Worked<'c, T> + Send + 'static,
    {
        let (reply, outcome) = oneshot::channel();
        let work = Box::new(Pending {
            durability,
            work: Some(work),
            done: None,
            then,
            reply,
        });
        match timeout(PATIENCE, self.inbox.send(work)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(Unavailable::closed()),
            Err(_) => return Err(Unavailable("too many writes wait".to_owned())),
        }
        match timeout(PATIENCE, outcome).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(Unavailable::closed()),
            Err(_) => Err(Unavailable("a write takes too long".to_owned())),
        }
    }
}

/// Something to write, whatever its outcome's type.
trait Work: Send {
    fn durability(&self) -> Durability;

    /// Does it, inside the transaction.
    fn apply<'c>(&'c mut self, db: &'c mut SqliteConnection) -> Worked<'c, ()>;

    /// Tells the caller how it went.
    fn conclude(self: Box<Self>, committed: Result<(), Unavailable>);
}

struct Pending<T, F, N> {
    durability: Durability,
    work: Option<F>,
    done: Option<T>,
    then: N,
    reply: oneshot::Sender<Result<T, Unavailable>>,
}

impl<T, F, N> Work for Pending<T, F, N>
where
    T: Send + 'static,
    F: for<'c> FnOnce(&'c mut SqliteConnection) -> Worked<'c, T> + Send + 'static,
    N: FnOnce(&T) + Send + 'static,
{
    fn durability(&self) -> Durability {
        self.durability
    }

    fn apply<'c>(&'c mut self, db: &'c mut SqliteConnection) -> Worked<'c, ()> {
        Box::pin(async move {
            if let Some(work) = self.work.take() {
                self.done = Some(work(db).await?);
            }
            Ok(())
        })
    }

    fn conclude(self: Box<Self>, committed: Result<(), Unavailable>) {
        let Self {
            done, then, reply, ..
        } = *self;
        let outcome = committed.and_then(|()| done.ok_or_else(Unavailable::closed));
        if let Ok(done) = &outcome {
            then(done);
        }
        // Whoever asked may have gone away.
        let _ = reply.send(outcome);
    }
}

/// The task that owns the connection.
pub(crate) struct WriterTask {
    connection: SqliteConnection,
    inbox: mpsc::Receiver<Box<dyn Work>>,
    bulk: mpsc::Receiver<Box<dyn Work>>,
    flushing: Durability,
    /// Given up last, when nothing can be written any more.
    _lock: ProcessLock,
}

impl WriterTask {
    pub(crate) fn new(connection: SqliteConnection, lock: ProcessLock) -> (Writer, Self) {
        let (to_inbox, inbox) = mpsc::channel(MAX_WAITING);
        let (to_bulk, bulk) = mpsc::channel(MAX_WAITING);
        let task = Self {
            connection,
            inbox,
            bulk,
            flushing: Durability::Process,
            _lock: lock,
        };
        let writer = Writer {
            inbox: to_inbox,
            bulk: to_bulk,
        };
        (writer, task)
    }

    /// Writes until `stop`, then what still waits, and closes the file.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> Result<(), sqlx::Error> {
        loop {
            let batch = tokio::select! {
                biased;
                () = stop.cancelled(), if !self.inbox.is_closed() => {
                    self.inbox.close();
                    self.bulk.close();
                    continue;
                }
                Some(work) = self.inbox.recv() => vec![work],
                Some(work) = self.bulk.recv() => vec![work],
                else => break,
            };
            let batch = self.fill_up(batch);
            self.commit(batch).await;
        }
        database::close_writer(self.connection).await
    }

    fn fill_up(&mut self, mut batch: Vec<Box<dyn Work>>) -> Vec<Box<dyn Work>> {
        let small = std::iter::from_fn(|| self.inbox.try_recv().ok());
        batch.extend(small.take(MAX_BATCH));
        let large = std::iter::from_fn(|| self.bulk.try_recv().ok());
        batch.extend(large.take(MAX_BULK));
        batch
    }

    async fn commit(&mut self, mut batch: Vec<Box<dyn Work>>) {
        let outcome = match self.transact(&mut batch).await {
            Ok(()) => Ok(()),
            Err(error) => {
                tracing::error!(%error, works = batch.len(), "a transaction failed");
                // After some errors SQLite has rolled back by itself; then this one does nothing.
                let _ = execute(&mut self.connection, "ROLLBACK").await;
                Err(Unavailable::from(error))
            }
        };
        for work in batch {
            work.conclude(outcome.clone());
        }
    }

    async fn transact(&mut self, batch: &mut [Box<dyn Work>]) -> Result<(), sqlx::Error> {
        let flush = batch
            .iter()
            .any(|work| work.durability() == Durability::Power);
        self.flush_if(flush).await?;
        let db = &mut self.connection;
        execute(db, "BEGIN IMMEDIATE").await?;
        for work in batch {
            work.apply(db).await?;
        }
        execute(db, "COMMIT").await
    }

    /// Sets whether the next commit waits for the disk.
    async fn flush_if(&mut self, power: bool) -> Result<(), sqlx::Error> {
        let wanted = if power {
            Durability::Power
        } else {
            Durability::Process
        };
        if wanted != self.flushing {
            let pragma = match wanted {
                Durability::Power => "PRAGMA synchronous = FULL",
                Durability::Process => "PRAGMA synchronous = NORMAL",
            };
            execute(&mut self.connection, pragma).await?;
            self.flushing = wanted;
        }
        Ok(())
    }
}

async fn execute(db: &mut SqliteConnection, statement: &'static str) -> Result<(), sqlx::Error> {
    sqlx::query(statement).execute(db).await.map(drop)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use futures::FutureExt;

    use super::*;

    struct Bench {
        writer: Writer,
        task: tokio::task::JoinSet<Result<(), sqlx::Error>>,
        stop: CancellationToken,
        _folder: tempfile::TempDir,
    }

    /// A writer whose disk is full after `pages` pages.
    async fn bench(pages: u32) -> Bench {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("db");
        let lock = ProcessLock::take(&file).expect("free");
        let mut connection = database::open_writer(file).await.expect("opens");
        let full = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"));
        sqlx::query(full)
            .execute(&mut connection)
            .await
            .expect("set");
        let (writer, written) = WriterTask::new(connection, lock);
        let stop = CancellationToken::new();
        let mut task = tokio::task::JoinSet::new();
        task.spawn(written.run(stop.clone()));
        Bench {
            writer,
            task,
            stop,
            _folder: folder,
        }
    }

    impl Bench {
        async fn add(&self, blob: i64, bytes: usize) -> Result<(), Unavailable> {
            let insert = "INSERT INTO chunks (blob, n, bytes) VALUES (?1, 0, zeroblob(?2))";
            let bytes = i64::try_from(bytes).expect("small");
            let add = self.writer.run(Durability::Process, move |db| {
                async move {
                    sqlx::query(insert)
                        .bind(blob)
                        .bind(bytes)
                        .execute(db)
                        .await
                        .map(drop)
                }
                .boxed()
            });
            add.await
        }

        async fn blobs(&self) -> Vec<i64> {
            let read = self.writer.run(Durability::Process, |db| {
                sqlx::query_scalar("SELECT blob FROM chunks ORDER BY blob")
                    .fetch_all(db)
                    .boxed()
            });
            read.await.expect("readable")
        }
    }

    #[tokio::test]
    async fn a_full_disk_refuses_the_whole_transaction_and_nothing_else() {
        let bench = bench(100).await;
        bench.add(1, 1000).await.expect("room");
        // Both are handed over before the writer has its turn: one transaction.
        let (small, large) = futures::join!(bench.add(2, 1000), bench.add(3, 10_000_000));
        assert!(large.expect_err("full").to_string().contains("full"));
        assert!(small.is_err(), "it was in the transaction that failed");
        assert_eq!(bench.blobs().await, [1]);
        bench.add(4, 1000).await.expect("small things still fit");
        assert_eq!(bench.blobs().await, [1, 4]);
    }

    #[tokio::test]
    async fn an_error_takes_back_everything_in_its_transaction() {
        let bench = bench(1000).await;
        bench.add(1, 10).await.expect("new");
        // SQLite rolls back by itself when the disk is full, but not for a key that is taken.
        let (fine, taken) = futures::join!(bench.add(2, 10), bench.add(1, 10));
        assert!(taken.is_err() && fine.is_err());
        assert_eq!(bench.blobs().await, [1]);
        bench
            .add(3, 10)
            .await
            .expect("the next transaction is a new one");
        assert_eq!(bench.blobs().await, [1, 3]);
    }

    /// Whether the transaction that a work is in will wait for the disk.
    async fn flushed(bench: &Bench, durability: Durability) -> bool {
        let level = bench.writer.run(durability, |db| {
            async move {
                let level = sqlx::query_scalar::<_, i64>("PRAGMA synchronous");
                level.fetch_one(db).await
            }
            .boxed()
        });
        level.await.expect("a level") == 2
    }

    #[tokio::test]
    async fn what_is_promised_is_flushed_every_time_and_other_writes_are_not() {
        let bench = bench(1000).await;
        for _ in 0..3 {
            assert!(!flushed(&bench, Durability::Process).await);
            assert!(flushed(&bench, Durability::Power).await);
        }
        let together = futures::join!(
            flushed(&bench, Durability::Process),
            flushed(&bench, Durability::Power)
        );
        assert_eq!(together, (true, true));
    }

    #[tokio::test]
    async fn bulk_does_not_hold_up_what_came_after_it() {
        let bench = bench(10_000).await;
        let (bulk, order) = (bench.writer.for_bulk(), Arc::new(Mutex::new(Vec::new())));
        let work = |writer: &Writer, what: &'static str| {
            let (writer, order) = (writer.clone(), Arc::clone(&order));
            async move {
                let note = move |(): &()| order.lock().expect("unpoisoned").push(what);
                let nothing =
                    writer.run_then(Durability::Process, |_| async { Ok(()) }.boxed(), note);
                nothing.await.expect("done");
            }
        };
        let uploads = futures::future::join_all((0..50).map(|_| work(&bulk, "bulk")));
        futures::join!(uploads, work(&bench.writer, "small"));
        let order = order.lock().expect("unpoisoned");
        let before = order
            .iter()
            .position(|what| *what == "small")
            .expect("done");
        assert!(before <= MAX_BULK, "{before} bulk works came first");
        assert_eq!(order.len(), 51);
    }

    #[tokio::test]
    async fn what_was_accepted_before_the_stop_is_written() {
        let mut bench = bench(1000).await;
        let (first, second, ()) = futures::join!(bench.add(1, 10), bench.add(2, 10), async {
            bench.stop.cancel();
        });
        assert_eq!((first, second), (Ok(()), Ok(())));
        assert!(
            bench
                .task
                .join_next()
                .await
                .expect("one task")
                .expect("no panic")
                .is_ok()
        );
        assert!(bench.add(3, 10).await.is_err());
    }
}
