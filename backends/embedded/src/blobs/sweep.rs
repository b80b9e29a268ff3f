//! Removing what is no longer kept, in steps that hold up nobody.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt;
use sqlx::SqliteConnection;
use tokio::sync::Notify;
use voicefleet_core::Timestamp;

use crate::writer::Worked;

/// Chunks that one step removes.
const CHUNKS_PER_STEP: i64 = 8;

/// Uploads that were cut off: their callers went away, or there was no room in the end.
pub(crate) struct Abandoned {
    /// Never more than uploads that were cut off since the last sweep, which each of them asks for.
    ids: Mutex<Vec<i64>>,
    tidy: Arc<Notify>,
}

impl Abandoned {
    pub(crate) fn new(tidy: Arc<Notify>) -> Self {
        Self {
            ids: Mutex::default(),
            tidy,
        }
    }

    pub(super) fn note(&self, id: i64) {
        self.ids().push(id);
        self.tidy.notify_one();
    }

    pub(crate) fn take(&self) -> Vec<i64> {
        std::mem::take(&mut self.ids())
    }

    fn ids(&self) -> MutexGuard<'_, Vec<i64>> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes one step. Whether there is more to do.
pub(crate) fn sweep(db: &mut SqliteConnection, abandoned: Vec<i64>) -> Worked<'_, bool> {
    async move {
        for id in abandoned {
            let condemn =
                "UPDATE blobs SET state = 'condemned' WHERE id = ?1 AND state = 'writing'";
            sqlx::query(condemn).bind(id).execute(&mut *db).await?;
        }
        let next = "SELECT id FROM blobs WHERE state = 'condemned' ORDER BY id LIMIT 1";
        let Some(id) = sqlx::query_scalar::<_, i64>(next)
            .fetch_optional(&mut *db)
            .await?
        else {
            return Ok(false);
        };
        let removed = sqlx::query(
            "DELETE FROM chunks WHERE blob = ?1
             AND n IN (SELECT n FROM chunks WHERE blob = ?1 ORDER BY n LIMIT ?2)",
        )
        .bind(id)
        .bind(CHUNKS_PER_STEP)
        .execute(&mut *db)
        .await?;
        if removed.rows_affected() == 0 {
            sqlx::query("DELETE FROM blobs WHERE id = ?1")
                .bind(id)
                .execute(db)
                .await?;
        }
        Ok(true)
    }
    .boxed()
}

/// Condemns the uploads that the last process did not finish.
pub(crate) async fn condemn_unfinished(db: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let statement = "UPDATE blobs SET state = 'condemned' WHERE state = 'writing'";
    sqlx::query(statement).execute(db).await.map(drop)
}

/// Makes uploads evictable that are older than `before` and that no job in flight needs: their clients
/// never came back. Returns how many.
pub(crate) fn unpin_forgotten(db: &mut SqliteConnection, before: Timestamp) -> Worked<'_, u64> {
    async move {
        let unpinned = sqlx::query(
            "UPDATE blobs SET pinned = 0
             WHERE state = 'kept' AND pinned = 1 AND created_at < ?1 AND key NOT IN (
                SELECT 'upload/' || json_extract(body, '$.job.spec.audio_key') FROM jobs
                WHERE state IN ('queued', 'running')
                  AND json_extract(body, '$.job.spec.audio_key') IS NOT NULL
             )",
        )
        .bind(before.0)
        .execute(db)
        .await?;
        Ok(unpinned.rows_affected())
    }
    .boxed()
}
