//! The bound on what is kept.

use sqlx::{Row, SqliteConnection};

use super::shelf;
use crate::database::PAGE_BYTES;

/// What a blob's entry and its index entries take, bytes; generous.
const ENTRY_BYTES: u64 = 512;

/// What a blob of `size` bytes counts for: its bytes, its entry, and the page that it only begins.
pub(super) fn charge(size: usize) -> u64 {
    let size = size as u64;
    let begun_page = if size < u64::from(PAGE_BYTES) / 2 {
        0
    } else {
        u64::from(PAGE_BYTES)
    };
    size + begun_page + ENTRY_BYTES
}

/// Whether `needed` bytes, in place of what is kept under `path`, fit at all: pinned blobs do not give way.
pub(super) async fn fits(
    db: &mut SqliteConnection,
    path: &str,
    needed: u64,
    limit: u64,
) -> Result<bool, sqlx::Error> {
    let statement = "SELECT pinned - ifnull(
        (SELECT charge FROM blobs WHERE key = ?1 AND state = 'kept' AND pinned = 1), 0) FROM shelf";
    let pinned: i64 = sqlx::query_scalar(statement)
        .bind(path)
        .fetch_one(db)
        .await?;
    Ok(unsigned(pinned).saturating_add(needed) <= limit)
}

/// Removes the least recently used cache entries until what is kept counts for `limit` bytes at most.
/// Whether anything had to go.
pub(crate) async fn shrink_to(db: &mut SqliteConnection, limit: u64) -> Result<bool, sqlx::Error> {
    let mut excess = unsigned(kept(db).await?).saturating_sub(limit);
    let any = excess > 0;
    while excess > 0 {
        let oldest = "SELECT id, size, charge FROM blobs INDEXED BY blobs_evictable
            WHERE state = 'kept' AND pinned = 0 ORDER BY last_use LIMIT 1";
        let Some(row) = sqlx::query(oldest).fetch_optional(&mut *db).await? else {
            break;
        };
        shelf::remove(db, row.try_get(0)?, row.try_get(1)?).await?;
        excess = excess.saturating_sub(unsigned(row.try_get(2)?));
    }
    Ok(any)
}

/// What everything that is kept counts for, bytes.
pub(super) async fn kept(db: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("SELECT pinned + cached FROM shelf")
        .fetch_one(db)
        .await
}

fn unsigned(bytes: i64) -> u64 {
    u64::try_from(bytes).unwrap_or(0)
}
