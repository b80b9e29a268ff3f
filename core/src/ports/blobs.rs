//! Bytes by key: uploads, finished audio, transcripts.

use async_trait::async_trait;
use bytes::Bytes;

use crate::{audio::AudioFormat, fingerprint::Fingerprint};

/// Where a blob lives. Keys are made here only, so that no client text reaches a store.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum BlobKey {
    /// An uploaded file, by its id.
    Upload(String),
    /// The result of a job in canonical form: FLAC for speech, JSON for transcripts.
    Result(Fingerprint),
    /// What one chunk of unfinished work came to: for whoever goes on with it.
    Checkpoint {
        /// The work.
        fingerprint: Fingerprint,
        /// The digest of how it was cut into chunks: another cut has other chunks.
        plan: String,
        /// Which chunk, counted from 0.
        chunk: usize,
    },
    /// The digest of how unfinished work is cut into chunks, as text: by it, whoever listens along finds
    /// its checkpoints. Not there for work of one chunk.
    Plan(Fingerprint),
    /// The same speech in a delivery format, made from the canonical form.
    Rendering(Fingerprint, AudioFormat),
}

impl BlobKey {
    /// The key as text.
    pub fn path(&self) -> String {
        match self {
            Self::Upload(id) => format!("upload/{id}"),
            Self::Result(print) => format!("result/{print}"),
            Self::Checkpoint {
                fingerprint,
                plan,
                chunk,
            } => format!("checkpoint/{fingerprint}/{plan}/{chunk}"),
            Self::Plan(print) => format!("plan/{print}"),
            Self::Rendering(print, format) => format!("rendering/{print}.{format}"),
        }
    }
}

/// How long bytes are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// May be evicted, least recently used first, when the store is full.
    Cache,
    /// Must stay until it is deleted: work that waits depends on it.
    Pinned,
}

/// Stored bytes with their type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// The bytes.
    pub bytes: Bytes,
    /// Media type.
    pub content_type: String,
}

/// Why a store did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlobError {
    /// The store does not answer or refuses.
    #[error("the blob store is unavailable: {0}")]
    Unavailable(String),
    /// Pinned bytes fill the store; nothing can be evicted.
    #[error("the blob store is full: {needed} bytes needed, {limit} in all, the rest is in use")]
    Full {
        /// Bytes asked for.
        needed: u64,
        /// The store's bound, bytes.
        limit: u64,
    },
}

/// A bounded store of bytes by key.
#[async_trait]
pub trait BlobStore: Send + Sync {
    /// Stores `blob`, replacing what was there, evicting the least recently used cache entries if
    /// the bound demands it.
    async fn put(&self, key: &BlobKey, blob: Blob, retention: Retention) -> Result<(), BlobError>;

    /// The blob, now the most recently used one; `None` if it was never there or has been evicted.
    async fn get(&self, key: &BlobKey) -> Result<Option<Blob>, BlobError>;

    /// Whether it is there, without reading it; also counts as use.
    async fn contains(&self, key: &BlobKey) -> Result<bool, BlobError>;

    /// Makes a pinned blob evictable; no effect if it is not there.
    async fn unpin(&self, key: &BlobKey) -> Result<(), BlobError>;

    /// Removes it; no effect if it is not there.
    async fn delete(&self, key: &BlobKey) -> Result<(), BlobError>;
}
