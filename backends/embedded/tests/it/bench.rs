//! A database in a folder of its own, that is removed in the end.

use std::{sync::Arc, time::Duration};

use sqlx::{ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;
use voicefleet_core::{
    EngineId, Envelope, Failure, Job, JobId, JobState, Progress, Tier, Timings,
    ports::{
        BlobStore, Delivery, JobChange, JobConsumer, JobQueue, JobRecords, Submission, TierGauge,
    },
};
use voicefleet_embedded::{Embedded, EmbeddedConfig};
use voicefleet_testkit::{FakeClock, conformance::within_patience, speech_job, start_at};

pub(crate) struct Database {
    pub(crate) embedded: Embedded,
    pub(crate) config: EmbeddedConfig,
    folder: TempDir,
}

impl Database {
    /// As the configuration has it, by the system's clock.
    pub(crate) async fn fresh() -> Self {
        Self::with(|_| ()).await
    }

    /// By a clock that the test moves.
    pub(crate) async fn at(clock: &FakeClock) -> Self {
        Self::with(|config| config.clock = Arc::new(clock.clone())).await
    }

    pub(crate) async fn with(adjust: impl FnOnce(&mut EmbeddedConfig)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut config = EmbeddedConfig::new(folder.path().join("voicefleet.db"));
        adjust(&mut config);
        let embedded = Embedded::open(config.clone()).await.expect("opens");
        Self {
            embedded,
            config,
            folder,
        }
    }

    pub(crate) fn queue(&self) -> Arc<dyn JobQueue> {
        self.embedded.queue()
    }

    pub(crate) fn records(&self) -> Arc<dyn JobRecords> {
        self.embedded.records()
    }

    pub(crate) fn blobs(&self) -> Arc<dyn BlobStore> {
        self.embedded.blobs()
    }

    /// Closes it; the folder stays.
    pub(crate) async fn close(self) -> Closed {
        self.embedded.close().await.expect("closes in order");
        Closed {
            config: self.config,
            folder: self.folder,
        }
    }

    pub(crate) async fn reopen(self) -> Self {
        self.close().await.open().await
    }

    /// Submits a job that nobody else has, without publishing it.
    pub(crate) async fn submit(&self) -> Job {
        self.submit_text(&JobId::generate().to_string()).await.0
    }

    /// Submits a job with the fingerprint of all others with this `text`, without publishing it.
    pub(crate) async fn submit_text(&self, text: &str) -> (Job, Submission) {
        let job = speech_job(text, Tier::Standard, self.config.clock.now());
        let submission = self.records().submit(&job).await.expect("submitted");
        (job, submission)
    }

    pub(crate) async fn publish(&self, job: &Job) {
        self.queue()
            .publish(&Envelope::for_job(job))
            .await
            .expect("published");
    }

    /// Submits and publishes a job that nobody else has.
    pub(crate) async fn accept(&self) -> Job {
        let job = self.submit().await;
        self.publish(&job).await;
        job
    }

    pub(crate) async fn consumer(&self) -> Box<dyn JobConsumer> {
        self.queue()
            .consume(&EngineId::new("piper"))
            .await
            .expect("a consumer")
    }

    pub(crate) async fn next(&self) -> Box<dyn Delivery> {
        let mut consumer = self.consumer().await;
        within_patience(consumer.next()).await.expect("a delivery")
    }

    /// The next delivery, its job marked as running.
    pub(crate) async fn start_next(&self) -> Box<dyn Delivery> {
        let delivery = self.next().await;
        self.change(delivery.envelope().job_id, self.start()).await;
        delivery
    }

    pub(crate) async fn job(&self, id: JobId) -> Job {
        self.records().get(id).await.expect("recorded")
    }

    pub(crate) async fn change(&self, id: JobId, change: JobChange) -> Job {
        self.records()
            .change(id, change)
            .await
            .expect("a legal change")
    }

    /// The gauge of the standard tier, where the jobs of these tests go.
    pub(crate) async fn gauge(&self) -> TierGauge {
        let gauge = self
            .queue()
            .gauge(&EngineId::new("piper"))
            .await
            .expect("a gauge");
        gauge.tiers[Tier::Standard.rank()]
    }

    pub(crate) fn start(&self) -> JobChange {
        start_at(self.config.clock.now())
    }

    pub(crate) fn succeed(&self) -> JobChange {
        JobChange::Succeed {
            at: self.config.clock.now(),
            timings: Timings::default(),
            progress: Progress::default(),
            from_cache: false,
        }
    }

    pub(crate) fn end(&self, state: JobState, failure: &Failure) -> JobChange {
        JobChange::End {
            state,
            at: self.config.clock.now(),
            failure: failure.clone(),
        }
    }

    /// A connection of the test's own, beside those of the backend.
    pub(crate) async fn sql(&self) -> SqliteConnection {
        connect(&self.config).await
    }

    /// Whether what triggers have counted is what there is.
    pub(crate) async fn assert_counts_are_true(&self) {
        let mut sql = self.sql().await;
        // One snapshot: the backend may be writing.
        let begun = sqlx::query("BEGIN").execute(&mut sql).await;
        begun.expect("begun");
        let lanes: Vec<(String, i64, i64, i64, i64, i64, i64)> = sqlx::query_as(
            "SELECT engine, tier, ready, delayed, leased, dead, cost_us FROM lanes
             WHERE ready + delayed + leased + dead > 0 ORDER BY engine, tier",
        )
        .fetch_all(&mut sql)
        .await
        .expect("lanes");
        let counted: Vec<(String, i64, i64, i64, i64, i64, i64)> = sqlx::query_as(
            "SELECT engine, tier, sum(state = 'ready'), sum(state = 'delayed'), sum(state = 'leased'),
                sum(state = 'dead'), sum(iif(state = 'dead', 0, cost_us))
             FROM envelopes GROUP BY engine, tier ORDER BY engine, tier",
        )
        .fetch_all(&mut sql)
        .await
        .expect("envelopes");
        assert_eq!(lanes, counted);
        let counts: (i64, i64) = sqlx::query_as("SELECT pinned, cached FROM shelf")
            .fetch_one(&mut sql)
            .await
            .expect("shelf");
        let kept: (i64, i64) = sqlx::query_as(
            "SELECT ifnull(sum(pinned * charge), 0), ifnull(sum((1 - pinned) * charge), 0)
             FROM blobs WHERE state = 'kept'",
        )
        .fetch_one(&mut sql)
        .await
        .expect("blobs");
        assert_eq!(counts, kept);
        sql.close().await.expect("closes");
    }
}

/// A database that nobody has open.
pub(crate) struct Closed {
    pub(crate) config: EmbeddedConfig,
    folder: TempDir,
}

impl Closed {
    pub(crate) async fn open(self) -> Database {
        let embedded = Embedded::open(self.config.clone()).await.expect("opens");
        Database {
            embedded,
            config: self.config,
            folder: self.folder,
        }
    }

    /// Changes the file behind the backend's back.
    pub(crate) async fn tamper(&self, statement: &'static str) {
        let mut sql = connect(&self.config).await;
        let changed = sqlx::query(statement)
            .execute(&mut sql)
            .await
            .expect("a valid statement");
        assert!(
            changed.rows_affected() > 0,
            "there is nothing to tamper with"
        );
        sql.close().await.expect("closes");
    }
}

async fn connect(config: &EmbeddedConfig) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(&config.file);
    options
        .busy_timeout(Duration::from_secs(10))
        .connect()
        .await
        .expect("connects")
}
