//! Small documents that all API servers of a fleet share: keys, batches, webhooks, and counters beside them.

use std::time::Duration;

use async_trait::async_trait;

/// What documents are kept of. Each is a name space of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Collection {
    /// API keys, by their id.
    Keys,
    /// Answers to requests with an `Idempotency-Key`.
    Idempotency,
    /// Uploaded files: whose they are, and what for.
    Files,
    /// Batches.
    Batches,
    /// The lines of batches and what became of each.
    BatchLines,
    /// Addresses that are told of events.
    Webhooks,
    /// Events that are to be told, by when.
    Deliveries,
    /// Events that have been told, or given up.
    DeliveryLog,
}

impl Collection {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Keys,
        Self::Idempotency,
        Self::Files,
        Self::Batches,
        Self::BatchLines,
        Self::Webhooks,
        Self::Deliveries,
        Self::DeliveryLog,
    ];

    /// The name in stores.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Idempotency => "idempotency",
            Self::Files => "files",
            Self::Batches => "batches",
            Self::BatchLines => "batch-lines",
            Self::Webhooks => "webhooks",
            Self::Deliveries => "deliveries",
            Self::DeliveryLog => "delivery-log",
        }
    }
}

/// Longest id, bytes.
pub const MAX_DOCUMENT_ID: usize = 512;

/// A document as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its id within the collection.
    pub id: String,
    /// Another one after every change, also after it was deleted and made anew.
    pub version: u64,
    /// Its text; JSON by convention.
    pub body: String,
}

/// What must hold for a change to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// Nothing.
    None,
    /// There is no such document.
    Absent,
    /// It still has this version.
    Version(u64),
}

/// A document to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentWrite {
    /// Where.
    pub collection: Collection,
    /// Its id: up to [`MAX_DOCUMENT_ID`] bytes without control characters.
    pub id: String,
    /// Its text.
    pub body: String,
    /// When it goes by itself; never if there is none.
    pub ttl: Option<Duration>,
    /// What must hold.
    pub only_if: Precondition,
}

/// Which documents to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DocumentRange {
    /// What their ids begin with.
    pub prefix: String,
    /// Only ids after this one.
    pub after: Option<String>,
    /// At most so many, and never more than 1 000.
    pub limit: usize,
}

/// Why a document was not read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// The store does not answer.
    #[error("the documents are unavailable: {0}")]
    Unavailable(String),
    /// The precondition does not hold.
    #[error("the document has been changed meanwhile")]
    Conflict,
}

/// The documents.
#[async_trait]
pub trait Documents: Send + Sync {
    /// The document; `None` if there is none, or it has expired.
    async fn get(
        &self,
        collection: Collection,
        id: &str,
    ) -> Result<Option<Document>, DocumentError>;

    /// Writes a document, atomically with its precondition, and gives its new version. On `Ok` it is durable.
    async fn put(&self, write: DocumentWrite) -> Result<u64, DocumentError>;

    /// Deletes a document under the same terms, and says whether there was one.
    async fn delete(
        &self,
        collection: Collection,
        id: &str,
        only_if: Precondition,
    ) -> Result<bool, DocumentError>;

    /// Documents in the order of their ids, compared byte by byte.
    async fn list(
        &self,
        collection: Collection,
        range: &DocumentRange,
    ) -> Result<Vec<Document>, DocumentError>;

    /// Adds `by` to a counter and gives its value. A counter begins at 0, and is gone `ttl` after it began.
    /// Counters have names of their own and may lose their last changes to a crash.
    async fn count(&self, counter: &str, by: i64, ttl: Duration) -> Result<i64, DocumentError>;
}
