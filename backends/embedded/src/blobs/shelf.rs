//! The tables of blobs and chunks: reading, and taking away.

use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;
use sqlx::{Row, SqliteConnection, SqlitePool};
use voicefleet_core::ports::{Blob, BlobError};

/// Bytes per chunk, and the largest blob that is written and removed in one step.
pub(super) const CHUNK_BYTES: usize = 1 << 20;

/// All of a blob. One statement, so that it is of one piece whatever is written meanwhile.
pub(super) async fn read(
    readers: &SqlitePool,
    path: &str,
) -> Result<Result<Option<Blob>, BlobError>, sqlx::Error> {
    let mut rows = sqlx::query(
        "SELECT content_type, size, bytes FROM blobs LEFT JOIN chunks ON chunks.blob = blobs.id
         WHERE key = ?1 AND state = 'kept' ORDER BY n",
    )
    .bind(path)
    .fetch(readers);
    let Some(first) = rows.try_next().await? else {
        return Ok(Ok(None));
    };
    let content_type: String = first.try_get(0)?;
    let size = usize::try_from(first.try_get::<i64, _>(1)?).unwrap_or(0);
    let chunk: Option<Vec<u8>> = first.try_get(2)?;
    let mut bytes = BytesMut::from(Bytes::from(chunk.unwrap_or_default()));
    bytes.reserve(size.saturating_sub(bytes.len()));
    while let Some(row) = rows.try_next().await? {
        bytes.extend_from_slice(row.try_get(2)?);
    }
    if bytes.len() != size {
        tracing::error!(path, size, found = bytes.len(), "a blob is not complete");
        return Ok(Err(BlobError::Unavailable(
            "the blob is damaged".to_owned(),
        )));
    }
    Ok(Ok(Some(Blob {
        bytes: bytes.freeze(),
        content_type,
    })))
}

pub(super) async fn contains(readers: &SqlitePool, path: &str) -> Result<bool, sqlx::Error> {
    let statement = "SELECT 1 FROM blobs WHERE key = ?1 AND state = 'kept'";
    Ok(sqlx::query(statement)
        .bind(path)
        .fetch_optional(readers)
        .await?
        .is_some())
}

pub(super) async fn unpin(db: &mut SqliteConnection, path: String) -> Result<(), sqlx::Error> {
    let statement = "UPDATE blobs SET pinned = 0 WHERE key = ?1 AND state = 'kept' AND pinned = 1";
    sqlx::query(statement)
        .bind(path)
        .execute(db)
        .await
        .map(drop)
}

/// Removes whatever is kept under `path`.
pub(super) async fn delete(db: &mut SqliteConnection, path: String) -> Result<(), sqlx::Error> {
    let statement = "SELECT id, size FROM blobs WHERE key = ?1 AND state = 'kept'";
    match sqlx::query(statement)
        .bind(path)
        .fetch_optional(&mut *db)
        .await?
    {
        Some(row) => remove(db, row.try_get(0)?, row.try_get(1)?).await,
        None => Ok(()),
    }
}

/// Removes a blob. A small one at once; of a large one only the entry, and its chunks are swept away in
/// steps, for the queue would have to wait while they are removed.
pub(super) async fn remove(
    db: &mut SqliteConnection,
    id: i64,
    size: i64,
) -> Result<(), sqlx::Error> {
    if usize::try_from(size).is_ok_and(|size| size <= CHUNK_BYTES) {
        sqlx::query("DELETE FROM chunks WHERE blob = ?1")
            .bind(id)
            .execute(&mut *db)
            .await?;
        sqlx::query("DELETE FROM blobs WHERE id = ?1")
            .bind(id)
            .execute(db)
            .await?;
    } else {
        let condemn = "UPDATE blobs SET state = 'condemned' WHERE id = ?1";
        sqlx::query(condemn).bind(id).execute(db).await?;
    }
    Ok(())
}
