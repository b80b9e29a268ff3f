//! Documents and counters: a table each.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::FutureExt;
use sqlx::{Row, SqliteConnection, SqlitePool, sqlite::SqliteRow};
use voicefleet_core::{
    Clock, Timestamp,
    ports::{
        Collection, Document, DocumentError, DocumentRange, DocumentWrite, Documents, Precondition,
    },
};

use crate::{
    error::Unavailable,
    writer::{Durability, Worked, Writer},
};

/// The longest list.
const MAX_LIST: usize = 1_000;

/// The documents in the database.
pub(crate) struct EmbeddedDocuments {
    pub(crate) writer: Writer,
    pub(crate) readers: SqlitePool,
    pub(crate) clock: Arc<dyn Clock>,
}

#[async_trait]
impl Documents for EmbeddedDocuments {
    async fn get(
        &self,
        collection: Collection,
        id: &str,
    ) -> Result<Option<Document>, DocumentError> {
        let row = sqlx::query(
            "SELECT id, version, body FROM documents
             WHERE collection = ?1 AND id = ?2 AND (expires_at IS NULL OR expires_at > ?3)",
        )
        .bind(collection.name())
        .bind(id)
        .bind(self.clock.now().0)
        .fetch_optional(&self.readers)
        .await
        .map_err(Unavailable::from)?;
        Ok(row
            .map(|row| document(&row))
            .transpose()
            .map_err(Unavailable::from)?)
    }

    /// Outlives a power cut when it returns.
    async fn put(&self, write: DocumentWrite) -> Result<u64, DocumentError> {
        let now = self.clock.now();
        self.writer
            .run(Durability::Power, move |db| put(db, write, now))
            .await?
    }

    async fn delete(
        &self,
        collection: Collection,
        id: &str,
        only_if: Precondition,
    ) -> Result<bool, DocumentError> {
        let (now, id) = (self.clock.now(), id.to_owned());
        self.writer
            .run(Durability::Power, move |db| {
                delete(db, collection, id, only_if, now)
            })
            .await?
    }

    async fn list(
        &self,
        collection: Collection,
        range: &DocumentRange,
    ) -> Result<Vec<Document>, DocumentError> {
        let limit = i64::try_from(range.limit.min(MAX_LIST)).unwrap_or(0);
        let rows = sqlx::query(
            "SELECT id, version, body FROM documents
             WHERE collection = ?1 AND id >= ?2 AND id > ?3 AND substr(id, 1, length(?2)) = ?2
               AND (expires_at IS NULL OR expires_at > ?4) ORDER BY id LIMIT ?5",
        )
        .bind(collection.name())
        .bind(&range.prefix)
        .bind(range.after.as_deref().unwrap_or_default())
        .bind(self.clock.now().0)
        .bind(limit)
        .fetch_all(&self.readers)
        .await
        .map_err(Unavailable::from)?;
        let documents: Result<Vec<_>, sqlx::Error> = rows.iter().map(document).collect();
        Ok(documents.map_err(Unavailable::from)?)
    }

    /// A power cut may take back the last of these.
    async fn count(&self, counter: &str, by: i64, ttl: Duration) -> Result<i64, DocumentError> {
        let (now, counter) = (self.clock.now(), counter.to_owned());
        let until = now.after(ttl);
        Ok(self
            .writer
            .run(Durability::Process, move |db| {
                count(db, counter, by, until, now)
            })
            .await?)
    }
}

fn document(row: &SqliteRow) -> Result<Document, sqlx::Error> {
    let version: i64 = row.try_get(1)?;
    Ok(Document {
        id: row.try_get(0)?,
        version: u64::try_from(version).unwrap_or(0),
        body: row.try_get(2)?,
    })
}

fn put(
    db: &mut SqliteConnection,
    write: DocumentWrite,
    now: Timestamp,
) -> Worked<'_, Result<u64, DocumentError>> {
    async move {
        if !holds(db, write.collection, &write.id, write.only_if, now).await? {
            return Ok(Err(DocumentError::Conflict));
        }
        let version = next_version(db).await?;
        sqlx::query(
            "INSERT OR REPLACE INTO documents (collection, id, version, body, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .bind(write.collection.name())
        .bind(&write.id)
        .bind(version)
        .bind(&write.body)
        .bind(write.ttl.map(|ttl| now.after(ttl).0))
        .execute(db)
        .await?;
        Ok(Ok(u64::try_from(version).unwrap_or(0)))
    }
    .boxed()
}

fn delete(
    db: &mut SqliteConnection,
    collection: Collection,
    id: String,
    only_if: Precondition,
    now: Timestamp,
) -> Worked<'_, Result<bool, DocumentError>> {
    async move {
        if !holds(db, collection, &id, only_if, now).await? {
            return Ok(Err(DocumentError::Conflict));
        }
        let there = version_of(db, collection, &id, now).await?.is_some();
        sqlx::query("DELETE FROM documents WHERE collection = ?1 AND id = ?2")
            .bind(collection.name())
            .bind(&id)
            .execute(db)
            .await?;
        Ok(Ok(there))
    }
    .boxed()
}

async fn holds(
    db: &mut SqliteConnection,
    collection: Collection,
    id: &str,
    only_if: Precondition,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let wanted = match only_if {
        Precondition::None => return Ok(true),
        Precondition::Absent => None,
        Precondition::Version(version) => Some(i64::try_from(version).unwrap_or(i64::MAX)),
    };
    Ok(version_of(db, collection, id, now).await? == wanted)
}

async fn version_of(
    db: &mut SqliteConnection,
    collection: Collection,
    id: &str,
    now: Timestamp,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT version FROM documents
         WHERE collection = ?1 AND id = ?2 AND (expires_at IS NULL OR expires_at > ?3)",
    )
    .bind(collection.name())
    .bind(id)
    .bind(now.0)
    .fetch_optional(db)
    .await
}

async fn next_version(db: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "UPDATE settings SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT)
         WHERE name = 'document_version' RETURNING CAST(value AS INTEGER)",
    )
    .fetch_one(db)
    .await
}

fn count(
    db: &mut SqliteConnection,
    counter: String,
    by: i64,
    until: Timestamp,
    now: Timestamp,
) -> Worked<'_, i64> {
    async move {
        sqlx::query_scalar(
            "INSERT INTO counters (name, value, expires_at) VALUES (?1, ?2, ?3)
             ON CONFLICT (name) DO UPDATE SET
                 value = iif(expires_at > ?4, value, 0) + ?2,
                 expires_at = iif(expires_at > ?4, expires_at, ?3)
             RETURNING value",
        )
        .bind(counter)
        .bind(by)
        .bind(until.0)
        .bind(now.0)
        .fetch_one(db)
        .await
    }
    .boxed()
}

/// Removes what has expired.
pub(crate) async fn forget(db: &mut SqliteConnection, now: Timestamp) -> Result<(), sqlx::Error> {
    for statement in [
        "DELETE FROM documents WHERE expires_at <= ?1",
        "DELETE FROM counters WHERE expires_at <= ?1",
    ] {
        sqlx::query(statement).bind(now.0).execute(&mut *db).await?;
    }
    Ok(())
}
