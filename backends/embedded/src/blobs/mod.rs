//! Bytes by key, in chunks, within a bound.
//!
//! In the database and not beside it, for one file is easier to copy, move and lose nothing of: bodies
//! of 150 kB are written about 1 000 times a second and read 10 000 times, which plain files would do
//! two to three times faster and nobody would notice.

mod room;
mod shelf;
mod sweep;
mod touches;
mod upload;

pub(crate) use room::shrink_to;
pub(crate) use sweep::{Abandoned, condemn_unfinished, sweep, unpin_forgotten};
pub(crate) use touches::Touches;

use std::sync::Arc;

use async_trait::async_trait;
use futures::FutureExt;
use sqlx::SqlitePool;
use tokio::sync::Notify;
use voicefleet_core::{
    Clock,
    ports::{Blob, BlobError, BlobKey, BlobStore, Retention},
};

use crate::{
    error::Unavailable,
    writer::{Durability, Writer},
};

/// The blobs in the database.
pub(crate) struct EmbeddedBlobs {
    pub(crate) writer: Writer,
    /// The same for chunks.
    pub(crate) bulk: Writer,
    pub(crate) readers: SqlitePool,
    pub(crate) limit_bytes: u64,
    pub(crate) touches: Arc<Touches>,
    pub(crate) abandoned: Arc<Abandoned>,
    /// Rung when there is something to sweep away, or many touches to write down.
    pub(crate) tidy: Arc<Notify>,
    pub(crate) clock: Arc<dyn Clock>,
}

#[async_trait]
impl BlobStore for EmbeddedBlobs {
    /// Pinned bytes outlive a power cut when it returns, cached ones this process.
    async fn put(&self, key: &BlobKey, blob: Blob, retention: Retention) -> Result<(), BlobError> {
        upload::put(self, key.path(), blob, retention).await
    }

    async fn get(&self, key: &BlobKey) -> Result<Option<Blob>, BlobError> {
        let path = key.path();
        let blob = shelf::read(&self.readers, &path)
            .await
            .map_err(Unavailable::from)??;
        if blob.is_some() {
            self.touch(path);
        }
        Ok(blob)
    }

    async fn contains(&self, key: &BlobKey) -> Result<bool, BlobError> {
        let path = key.path();
        let there = shelf::contains(&self.readers, &path)
            .await
            .map_err(Unavailable::from)?;
        if there {
            self.touch(path);
        }
        Ok(there)
    }

    async fn unpin(&self, key: &BlobKey) -> Result<(), BlobError> {
        let path = key.path();
        Ok(self
            .writer
            .run(Durability::Process, move |db| {
                shelf::unpin(db, path).boxed()
            })
            .await?)
    }

    async fn delete(&self, key: &BlobKey) -> Result<(), BlobError> {
        let path = key.path();
        let tidy = Arc::clone(&self.tidy);
        let ring = move |(): &()| tidy.notify_one();
        Ok(self
            .writer
            .run_then(
                Durability::Process,
                move |db| shelf::delete(db, path).boxed(),
                ring,
            )
            .await?)
    }
}

impl EmbeddedBlobs {
    fn touch(&self, path: String) {
        if self.touches.note(path) {
            self.tidy.notify_one();
        }
    }
}
