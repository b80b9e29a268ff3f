//! Putting a blob in: chunk by chunk, seen by nobody until it is complete.

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use sqlx::SqliteConnection;
use voicefleet_core::ports::{Blob, BlobError, Retention};

use super::{
    Abandoned, EmbeddedBlobs, Touches, room,
    shelf::{self, CHUNK_BYTES},
};
use crate::{
    error::Unavailable,
    writer::{Durability, Worked},
};

/// A blob on its way in.
#[derive(Clone)]
struct Upload {
    path: String,
    content_type: String,
    size: usize,
    pinned: bool,
    created_at: i64,
    /// What it counts for, bytes.
    charge: u64,
    limit: u64,
}

/// There is no room.
struct Full;

pub(super) async fn put(
    store: &EmbeddedBlobs,
    path: String,
    blob: Blob,
    retention: Retention,
) -> Result<(), BlobError> {
    let upload = Upload {
        path,
        content_type: blob.content_type,
        size: blob.bytes.len(),
        pinned: retention == Retention::Pinned,
        created_at: store.clock.now().0,
        charge: room::charge(blob.bytes.len()),
        limit: store.limit_bytes,
    };
    let full = BlobError::Full {
        needed: upload.charge,
        limit: upload.limit,
    };
    let written = if upload.size <= CHUNK_BYTES {
        put_at_once(store, upload, blob.bytes).await?
    } else {
        put_in_chunks(store, upload, &blob.bytes).await?
    };
    written.map_err(|Full| full)
}

/// One transaction: what most blobs take.
async fn put_at_once(
    store: &EmbeddedBlobs,
    upload: Upload,
    bytes: Bytes,
) -> Result<Result<(), Full>, Unavailable> {
    let (durability, touches) = (upload.durability(), Arc::clone(&store.touches));
    store
        .bulk
        .run_then(
            durability,
            |db| upload.write(db, bytes, touches),
            ring(store),
        )
        .await
}

/// A transaction per chunk, between which the queue has its turns.
async fn put_in_chunks(
    store: &EmbeddedBlobs,
    upload: Upload,
    bytes: &Bytes,
) -> Result<Result<(), Full>, Unavailable> {
    let (writer, opening) = (&store.bulk, upload.clone());
    let abandoned = Arc::clone(&store.abandoned);
    let opened = writer
        .run(Durability::Process, |db| opening.open(db, abandoned))
        .await?;
    let mut draft = match opened {
        Ok(draft) => draft,
        Err(full) => return Ok(Err(full)),
    };
    let id = draft.id;
    for (n, chunk) in (0..).zip(bytes.chunks(CHUNK_BYTES)) {
        let chunk = chunk.to_vec();
        writer
            .run(Durability::Process, move |db| {
                add_chunk(db, id, n, chunk).boxed()
            })
            .await?;
    }
    let (durability, touches) = (upload.durability(), Arc::clone(&store.touches));
    let finished = writer
        .run_then(
            durability,
            move |db| upload.finish(db, id, touches),
            ring(store),
        )
        .await?;
    if finished.is_ok() {
        draft.abandoned = None;
    }
    Ok(finished)
}

impl Upload {
    fn durability(&self) -> Durability {
        if self.pinned {
            Durability::Power
        } else {
            Durability::Process
        }
    }

    async fn fits(&self, db: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
        room::fits(db, &self.path, self.charge, self.limit).await
    }

    async fn begin(&self, db: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
        sqlx::query_scalar(
            "INSERT INTO blobs
                (key, content_type, size, charge, pinned, state, last_use, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, 'writing', 0, ?6) RETURNING id",
        )
        .bind(&self.path)
        .bind(&self.content_type)
        .bind(signed(self.size))
        .bind(signed(self.charge))
        .bind(self.pinned)
        .bind(self.created_at)
        .fetch_one(db)
        .await
    }

    /// Takes the place of what was there, and makes room.
    async fn keep(
        &self,
        db: &mut SqliteConnection,
        id: i64,
        touches: &Touches,
    ) -> Result<(), sqlx::Error> {
        shelf::delete(db, self.path.clone()).await?;
        let room = self.limit.saturating_sub(self.charge);
        if room::kept(db).await? > signed(room) {
            touches.write_down(db).await?;
            room::shrink_to(db, room).await?;
        }
        let keep = "UPDATE blobs SET state = 'kept', last_use = ?2 WHERE id = ?1";
        sqlx::query(keep)
            .bind(id)
            .bind(touches.next_use())
            .execute(db)
            .await
            .map(drop)
    }

    /// All steps at once.
    fn write(
        self,
        db: &mut SqliteConnection,
        bytes: Bytes,
        touches: Arc<Touches>,
    ) -> Worked<'_, Result<(), Full>> {
        async move {
            if !self.fits(db).await? {
                return Ok(Err(Full));
            }
            let id = self.begin(db).await?;
            add_chunk(db, id, 0, bytes.into()).await?;
            self.keep(db, id, &touches).await.map(Ok)
        }
        .boxed()
    }

    /// The first step of many.
    fn open(
        self,
        db: &mut SqliteConnection,
        abandoned: Arc<Abandoned>,
    ) -> Worked<'_, Result<Draft, Full>> {
        async move {
            if !self.fits(db).await? {
                return Ok(Err(Full));
            }
            let id = self.begin(db).await?;
            Ok(Ok(Draft {
                id,
                abandoned: Some(abandoned),
            }))
        }
        .boxed()
    }

    /// The last step of many. What is pinned may have become more since the first.
    fn finish(
        self,
        db: &mut SqliteConnection,
        id: i64,
        touches: Arc<Touches>,
    ) -> Worked<'_, Result<(), Full>> {
        async move {
            if !self.fits(db).await? {
                return Ok(Err(Full));
            }
            self.keep(db, id, &touches).await.map(Ok)
        }
        .boxed()
    }
}

async fn add_chunk(
    db: &mut SqliteConnection,
    id: i64,
    n: i64,
    bytes: Vec<u8>,
) -> Result<(), sqlx::Error> {
    let statement = "INSERT INTO chunks (blob, n, bytes) VALUES (?1, ?2, ?3)";
    sqlx::query(statement)
        .bind(id)
        .bind(n)
        .bind(bytes)
        .execute(db)
        .await
        .map(drop)
}

/// The entry of an upload whose chunks are arriving. Dropped before it is finished, it is abandoned.
struct Draft {
    id: i64,
    abandoned: Option<Arc<Abandoned>>,
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Some(abandoned) = &self.abandoned {
            abandoned.note(self.id);
        }
    }
}

fn ring(store: &EmbeddedBlobs) -> impl FnOnce(&Result<(), Full>) + Send + 'static {
    let tidy = Arc::clone(&store.tidy);
    move |_| tidy.notify_one()
}

fn signed<T: TryInto<i64>>(bytes: T) -> i64 {
    bytes.try_into().unwrap_or(i64::MAX)
}
