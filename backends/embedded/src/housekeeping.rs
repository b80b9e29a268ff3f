//! What has to be done now and then: sweeping up, writing down uses, forgetting what is old.

use std::{sync::Arc, time::Duration};

use futures::FutureExt;
use sqlx::SqliteConnection;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;
use voicefleet_core::{Clock, Timestamp};

use crate::{
    blobs::{self, Abandoned, Touches},
    documents,
    error::Unavailable,
    ledger,
    writer::{Durability, Worked, Writer},
};

/// How often old records are looked for.
const PRUNE_EVERY: Duration = Duration::from_mins(10);

/// Rows that one step forgets.
const PRUNE_STEP: u32 = 500;

/// Does it when rung for, and the rest every ten minutes.
pub(crate) struct Housekeeper {
    pub(crate) writer: Writer,
    pub(crate) touches: Arc<Touches>,
    pub(crate) abandoned: Arc<Abandoned>,
    pub(crate) bell: Arc<Notify>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) retention: Duration,
    pub(crate) pinned_retention: Duration,
}

/// What a round of housekeeping has removed or let go of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tidied {
    /// Finished jobs older than the retention.
    pub jobs: u64,
    /// Dead letters older than the retention.
    pub dead_letters: u64,
    /// Uploads older than the retention of what is pinned that still were.
    pub uploads: u64,
}

impl Housekeeper {
    /// Until `stop`.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut next_prune = Instant::now();
        while !stop.is_cancelled() {
            let round = async {
                self.sweep().await?;
                if Instant::now() >= next_prune {
                    next_prune = Instant::now() + PRUNE_EVERY;
                    self.forget_the_old().await?;
                }
                Ok::<_, Unavailable>(())
            };
            if let Err(error) = round.await {
                tracing::warn!(%error, "housekeeping has to wait");
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.bell.notified() => {}
                () = sleep_until(next_prune) => {}
            }
        }
        if let Err(error) = self.write_down_uses().await {
            tracing::warn!(%error, "which audio was used last could not be written down");
        }
    }

    /// Everything, now.
    pub(crate) async fn tidy(&self) -> Result<Tidied, Unavailable> {
        self.sweep().await?;
        self.forget_the_old().await
    }

    async fn sweep(&self) -> Result<(), Unavailable> {
        self.write_down_uses().await?;
        loop {
            let abandoned = self.abandoned.take();
            if !self
                .writer
                .for_bulk()
                .run(Durability::Process, move |db| blobs::sweep(db, abandoned))
                .await?
            {
                return Ok(());
            }
        }
    }

    async fn write_down_uses(&self) -> Result<(), Unavailable> {
        if self.touches.is_empty() {
            return Ok(());
        }
        let touches = Arc::clone(&self.touches);
        self.writer
            .run(Durability::Process, move |db| {
                async move { touches.write_down(db).await }.boxed()
            })
            .await
    }

    async fn forget_the_old(&self) -> Result<Tidied, Unavailable> {
        let now = self.clock.now();
        let (before, pinned_before) = (
            earlier(now, self.retention),
            earlier(now, self.pinned_retention),
        );
        self.writer
            .run(Durability::Process, move |db| {
                async move {
                    documents::forget(db, now).await?;
                    ledger::forget(db, now).await
                }
                .boxed()
            })
            .await?;
        let tidied = Tidied {
            jobs: self.forget(OLD_JOBS, before).await?,
            dead_letters: self.forget(OLD_DEAD_LETTERS, before).await?,
            uploads: self
                .writer
                .run(Durability::Process, move |db| {
                    blobs::unpin_forgotten(db, pinned_before)
                })
                .await?,
        };
        if tidied != Tidied::default() {
            tracing::info!(?tidied, "forgot what is older than the retention");
        }
        Ok(tidied)
    }

    async fn forget(&self, old: &'static str, before: Timestamp) -> Result<u64, Unavailable> {
        let mut forgotten = 0;
        loop {
            match self
                .writer
                .run(Durability::Process, move |db| forget_step(db, old, before))
                .await?
            {
                0 => return Ok(forgotten),
                rows => forgotten += rows,
            }
        }
    }
}

fn earlier(now: Timestamp, by: Duration) -> Timestamp {
    let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
    Timestamp(now.0.saturating_sub(millis))
}

const OLD_JOBS: &str = "DELETE FROM jobs WHERE rowid IN
    (SELECT rowid FROM jobs WHERE finished_at < ?1 ORDER BY finished_at LIMIT ?2)";

const OLD_DEAD_LETTERS: &str = "DELETE FROM envelopes WHERE seq IN
    (SELECT seq FROM envelopes WHERE state = 'dead' AND dead_at < ?1 ORDER BY dead_at LIMIT ?2)";

fn forget_step<'c>(
    db: &'c mut SqliteConnection,
    old: &'static str,
    before: Timestamp,
) -> Worked<'c, u64> {
    async move {
        let forgotten = sqlx::query(old)
            .bind(before.0)
            .bind(PRUNE_STEP)
            .execute(db)
            .await?;
        Ok(forgotten.rows_affected())
    }
    .boxed()
}
