//! What is known of files beside their bytes, and where those lie.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use voicefleet_core::{
    Tenant, Timestamp,
    ports::{BlobKey, Collection, DocumentRange, DocumentWrite, Precondition},
};

use crate::{
    app::App,
    problem::ApiError,
    transcription::upload::{FileId, not_found},
};

/// The purpose of the input of a batch.
pub(crate) const BATCH: &str = "batch";
/// The purpose of what a batch came to.
pub(crate) const BATCH_OUTPUT: &str = "batch_output";
/// What the ids of such files begin with. Those of audio are made of their content.
const BATCH_FILE: &str = "file-batch-";
/// Media type of both.
pub(crate) const JSONL: &str = "application/jsonl";

/// How long is known of a file what its bytes do not say.
const KNOWN_FOR: Duration = Duration::from_hours(31 * 24);
/// Longest name and longest purpose that are kept, characters.
const MAX_NAME: usize = 255;

/// A file of a tenant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct FileRecord {
    pub(crate) id: String,
    pub(crate) bytes: usize,
    pub(crate) created_at: Timestamp,
    pub(crate) filename: String,
    pub(crate) purpose: String,
    /// Length of the audio in it.
    pub(crate) audio_seconds: Option<f64>,
}

impl FileRecord {
    /// Of audio that may have been uploaded before.
    pub(crate) fn of_audio(id: &FileId, bytes: usize) -> Self {
        Self {
            id: id.to_string(),
            bytes,
            created_at: Timestamp(0),
            filename: "audio".to_owned(),
            purpose: "user_data".to_owned(),
            audio_seconds: Some(id.seconds()),
        }
    }

    /// With the name and purpose that the client gave, cut to what is kept.
    pub(crate) fn called(mut self, filename: Option<&str>, purpose: Option<&str>) -> Self {
        let cut = |text: &str| text.chars().take(MAX_NAME).collect();
        if let Some(filename) = filename.filter(|name| !name.is_empty()) {
            self.filename = cut(filename);
        }
        if let Some(purpose) = purpose {
            self.purpose = cut(purpose);
        }
        self
    }

    fn is_audio(&self) -> bool {
        self.audio_seconds.is_some()
    }
}

/// The id of a file for or from a batch. `unique` is 32 hex digits.
pub(crate) fn batch_file_id(unique: &str) -> String {
    format!("{BATCH_FILE}{unique}")
}

/// The path of a file's bytes: its id, after its owner where they are told apart.
pub(crate) fn path_of(owner: &Tenant, id: &str) -> String {
    if owner.is_sole() {
        return id.to_owned();
    }
    format!("{owner}/{id}")
}

/// Where the bytes of a file lie.
pub(crate) fn key_of(owner: &Tenant, id: &str) -> BlobKey {
    BlobKey::Upload(path_of(owner, id))
}

/// Notes a file whose bytes are stored; audio that was uploaded before keeps its date.
pub(crate) async fn note(
    app: &App,
    owner: &Tenant,
    mut file: FileRecord,
) -> Result<FileRecord, ApiError> {
    if file.is_audio() {
        let known = known(app, owner, &file.id).await?;
        file.created_at = known.map_or(file.created_at, |known| known.created_at);
    }
    let write = DocumentWrite {
        collection: Collection::Files,
        id: document_id(owner, &file.id),
        body: to_text(&file)?,
        ttl: Some(KNOWN_FOR),
        only_if: Precondition::None,
    };
    app.documents.put(write).await?;
    Ok(file)
}

/// The file, if its bytes are there.
pub(crate) async fn find(app: &App, owner: &Tenant, id: &str) -> Result<FileRecord, ApiError> {
    let audio = FileId::parse(id, owner);
    if audio.is_none() && !is_batch_file(id) {
        return Err(not_found(id).into());
    }
    let known = known(app, owner, id).await?;
    if known.is_some() && app.blobs.contains(&key_of(owner, id)).await? {
        return known.ok_or_else(|| not_found(id).into());
    }
    if known.is_some() {
        forget(app, owner, id).await?;
        return Err(not_found(id).into());
    }
    // Its bytes may have outlived what was known of them, and an audio's id says the most of it.
    let audio = audio.ok_or_else(|| not_found(id))?;
    let blob = app.blobs.get(&audio.key()).await?;
    let blob = blob.ok_or_else(|| not_found(id))?;
    Ok(FileRecord::of_audio(&audio, blob.bytes.len()))
}

/// Files in the order of their ids, those evicted left out, and whether there are more.
pub(crate) async fn list(
    app: &App,
    owner: &Tenant,
    after: Option<&str>,
    limit: usize,
) -> Result<(Vec<FileRecord>, bool), ApiError> {
    let range = DocumentRange {
        prefix: document_id(owner, ""),
        after: after.map(|id| document_id(owner, id)),
        limit: limit + 1,
    };
    let mut documents = app.documents.list(Collection::Files, &range).await?;
    let has_more = documents.len() > limit;
    documents.truncate(limit);
    let mut files = Vec::new();
    for document in documents {
        let file: FileRecord = from_text(&document.body)?;
        if app.blobs.contains(&key_of(owner, &file.id)).await? {
            files.push(file);
        }
    }
    Ok((files, has_more))
}

/// Removes the file with its bytes.
pub(crate) async fn delete(app: &App, owner: &Tenant, id: &str) -> Result<(), ApiError> {
    app.blobs.delete(&key_of(owner, id)).await?;
    forget(app, owner, id).await
}

async fn forget(app: &App, owner: &Tenant, id: &str) -> Result<(), ApiError> {
    let id = document_id(owner, id);
    let gone = app
        .documents
        .delete(Collection::Files, &id, Precondition::None);
    gone.await?;
    Ok(())
}

async fn known(app: &App, owner: &Tenant, id: &str) -> Result<Option<FileRecord>, ApiError> {
    let id = document_id(owner, id);
    let found = app.documents.get(Collection::Files, &id).await?;
    found.map(|document| from_text(&document.body)).transpose()
}

/// Whether it could be the id of a file for or from a batch: no client text reaches a store.
pub(crate) fn is_batch_file(id: &str) -> bool {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    id.strip_prefix(BATCH_FILE)
        .is_some_and(|unique| unique.len() == 32 && unique.bytes().all(hex))
}

fn document_id(owner: &Tenant, id: &str) -> String {
    format!("{owner}/{id}")
}

fn to_text(file: &FileRecord) -> Result<String, ApiError> {
    serde_json::to_string(file).map_err(|error| ApiError::internal(&format!("a file: {error}")))
}

fn from_text(body: &str) -> Result<FileRecord, ApiError> {
    serde_json::from_str(body).map_err(|error| ApiError::internal(&format!("a file: {error}")))
}
