//! Where batches lie, and the signs by which servers find those to work on and those to clear away.

use std::time::Duration;

use bytes::Bytes;
use voicefleet_core::{
    Failure, Tenant, Timestamp,
    ports::{
        Blob, BlobKey, Collection, DocumentError, DocumentRange, DocumentWrite, Precondition,
        Retention,
    },
};

use super::record::{BatchId, BatchRecord, Report, UnknownBatch};
use crate::{app::App, files, problem::ApiError};

/// How long a batch is kept after its last change.
const KEPT: Duration = Duration::from_hours(30 * 24);
/// How often a change is tried while others change the same batch.
const TRIES: usize = 16;
/// Signs of batches to work on. No tenant's name begins like this.
const OPEN: &str = "!open/";
/// Signs of batches that are to be cleared away one day.
const ENDED: &str = "!ended/";
/// A batch that is not there this long after its sign never came to be.
const STILLBORN: Duration = Duration::from_mins(5);

/// A batch with the version of its document.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) batch: BatchRecord,
    pub(crate) version: u64,
}

/// A sign of a batch.
#[derive(Clone, Debug)]
pub(super) struct Sign {
    document: String,
    pub(super) tenant: Tenant,
    pub(super) id: BatchId,
}

fn document_of(tenant: &Tenant, id: BatchId) -> String {
    format!("{tenant}/{}", id.newest_first())
}

/// Makes a batch of these lines known, to its tenant and to whoever works on batches.
pub(crate) async fn create(app: &App, batch: &BatchRecord, lines: Bytes) -> Result<(), ApiError> {
    let put = |id: String, body: String, ttl: Option<Duration>| DocumentWrite {
        collection: Collection::Batches,
        id,
        body,
        ttl,
        only_if: Precondition::Absent,
    };
    // The sign first: a batch that nobody finds would never be done.
    let sign = format!("{OPEN}{}/{}", batch.tenant, batch.id);
    let made_at = batch.created_at.0.to_string();
    app.documents.put(put(sign, made_at, None)).await?;
    let lines = Blob {
        bytes: lines,
        content_type: files::JSONL.to_owned(),
    };
    let key = input_key(&batch.tenant, batch.id);
    app.blobs.put(&key, lines, Retention::Pinned).await?;
    let document = document_of(&batch.tenant, batch.id);
    let write = put(document, to_text(batch)?, Some(KEPT));
    app.documents.put(write).await?;
    Ok(())
}

/// The batch; that there is one of somebody else is not told.
pub(crate) async fn get(app: &App, tenant: &Tenant, id: BatchId) -> Result<Stored, ApiError> {
    let found = find(app, tenant, id).await?;
    found.ok_or_else(|| Failure::from(UnknownBatch(id.to_string())).into())
}

pub(super) async fn find(
    app: &App,
    tenant: &Tenant,
    id: BatchId,
) -> Result<Option<Stored>, ApiError> {
    let document = document_of(tenant, id);
    let Some(document) = app.documents.get(Collection::Batches, &document).await? else {
        return Ok(None);
    };
    Ok(Some(Stored {
        batch: from_text(&document.body)?,
        version: document.version,
    }))
}

/// Newest first, and whether there are more.
pub(crate) async fn list(
    app: &App,
    tenant: &Tenant,
    after: Option<BatchId>,
    limit: usize,
) -> Result<(Vec<BatchRecord>, bool), ApiError> {
    let range = DocumentRange {
        prefix: format!("{tenant}/"),
        after: after.map(|id| document_of(tenant, id)),
        limit: limit + 1,
    };
    let mut documents = app.documents.list(Collection::Batches, &range).await?;
    let has_more = documents.len() > limit;
    documents.truncate(limit);
    let batches = documents.iter().map(|found| from_text(&found.body));
    Ok((batches.collect::<Result<_, _>>()?, has_more))
}

/// Writes a batch if it is still the one that was read.
pub(super) async fn write(app: &App, stored: &mut Stored) -> Result<(), WriteError> {
    let body = to_text(&stored.batch).map_err(WriteError::Other)?;
    let write = DocumentWrite {
        collection: Collection::Batches,
        id: document_of(&stored.batch.tenant, stored.batch.id),
        body,
        ttl: Some(KEPT),
        only_if: Precondition::Version(stored.version),
    };
    match app.documents.put(write).await {
        Ok(version) => {
            stored.version = version;
            Ok(())
        }
        Err(DocumentError::Conflict) => Err(WriteError::Changed),
        Err(error) => Err(WriteError::Other(error.into())),
    }
}

/// Why a batch was not written.
#[derive(Debug)]
pub(super) enum WriteError {
    /// Somebody else has changed it since it was read.
    Changed,
    /// Something does not answer.
    Other(ApiError),
}

/// Changes a batch, whoever else does; `change` says whether there is anything to write.
pub(crate) async fn change(
    app: &App,
    tenant: &Tenant,
    id: BatchId,
    mut change: impl FnMut(&mut BatchRecord) -> bool,
) -> Result<BatchRecord, ApiError> {
    for _ in 0..TRIES {
        let mut stored = get(app, tenant, id).await?;
        if !change(&mut stored.batch) {
            return Ok(stored.batch);
        }
        match write(app, &mut stored).await {
            Ok(()) => return Ok(stored.batch),
            Err(WriteError::Changed) => {}
            Err(WriteError::Other(error)) => return Err(error),
        }
    }
    Err(DocumentError::Conflict.into())
}

/// Batches that have to be worked on, at most `limit`.
pub(super) async fn open(
    app: &App,
    after: Option<&Sign>,
    limit: usize,
) -> Result<Vec<Sign>, ApiError> {
    signs(app, OPEN, after, limit).await
}

async fn signs(
    app: &App,
    prefix: &str,
    after: Option<&Sign>,
    limit: usize,
) -> Result<Vec<Sign>, ApiError> {
    let range = DocumentRange {
        prefix: prefix.to_owned(),
        after: after.map(|sign| sign.document.clone()),
        limit,
    };
    let documents = app.documents.list(Collection::Batches, &range).await?;
    let sign = |document: String| {
        let mut parts = document.rsplit('/');
        let (id, tenant) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some(Sign {
            document,
            tenant,
            id,
        })
    };
    Ok(documents
        .into_iter()
        .filter_map(|found| sign(found.id))
        .collect())
}

/// Takes away the sign of a batch that never came to be, with its lines.
pub(super) async fn bury_stillborn(app: &App, sign: &Sign) -> Result<(), ApiError> {
    let found = app
        .documents
        .get(Collection::Batches, &sign.document)
        .await?;
    let Some(made_at) = found.and_then(|found| found.body.parse().ok()) else {
        return Ok(());
    };
    if app.clock.now().since(Timestamp(made_at)) < STILLBORN {
        return Ok(());
    }
    app.blobs.delete(&input_key(&sign.tenant, sign.id)).await?;
    remove(app, &sign.document).await
}

/// From now on nobody works on it, and one day it is cleared away.
pub(super) async fn close(app: &App, batch: &BatchRecord) -> Result<(), ApiError> {
    let until = app.clock.now().after(KEPT).0;
    let write = DocumentWrite {
        collection: Collection::Batches,
        id: format!("{ENDED}{until:015}/{}/{}", batch.tenant, batch.id),
        body: String::new(),
        ttl: None,
        only_if: Precondition::None,
    };
    app.documents.put(write).await?;
    app.blobs
        .delete(&input_key(&batch.tenant, batch.id))
        .await?;
    remove(app, &format!("{OPEN}{}/{}", batch.tenant, batch.id)).await
}

/// Clears away the files of batches that are not kept any more, at most `limit`.
pub(super) async fn clear_away(app: &App, limit: usize) -> Result<(), ApiError> {
    let now = format!("{ENDED}{:015}/", app.clock.now().0);
    for sign in signs(app, ENDED, None, limit).await? {
        if sign.document > now {
            break;
        }
        for report in Report::ALL {
            files::delete(app, &sign.tenant, &sign.id.file(report)).await?;
        }
        remove(app, &document_of(&sign.tenant, sign.id)).await?;
        remove(app, &sign.document).await?;
    }
    Ok(())
}

async fn remove(app: &App, document: &str) -> Result<(), ApiError> {
    let removed = app
        .documents
        .delete(Collection::Batches, document, Precondition::None);
    removed.await?;
    Ok(())
}

/// Where the batch has its copy of its lines: the client may delete the file.
pub(super) fn input_key(tenant: &Tenant, id: BatchId) -> BlobKey {
    files::key_of(tenant, &format!("{id}-input"))
}

fn to_text(batch: &BatchRecord) -> Result<String, ApiError> {
    serde_json::to_string(batch).map_err(|error| ApiError::internal(&format!("a batch: {error}")))
}

fn from_text(body: &str) -> Result<BatchRecord, ApiError> {
    serde_json::from_str(body).map_err(|error| ApiError::internal(&format!("a batch: {error}")))
}
