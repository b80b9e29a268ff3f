//! The blobs of one server: a hash per blob, and books of who was used when and how much room is taken.
//!
//! The books are ours because Redis, when it evicts, looks at a few keys and takes the least recently
//! used of those, knows nothing of pins, and bounds all that the server holds together.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use redis::{Cmd, Pipeline, RedisResult, Script, ScriptInvocation, Value};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};
use voicefleet_core::{
    Clock,
    ports::{Blob, BlobError, BlobKey, BlobStore, Retention},
};

use super::touches::Touches;
use crate::{
    config::{RedisConfig, millis},
    error::{ConfigError, Unavailable},
    link::{Link, Patience},
    script::{self, script},
};

/// What keeping a blob takes beside its bytes, type and path: its entries in the server's tables.
const OVERHEAD: u64 = 512;

/// A blob store on one server.
pub(super) struct ServerBlobs {
    link: Link,
    prefix: String,
    limit_bytes: u64,
    cache_ttl: Duration,
    pinned_ttl: Duration,
    reads: Semaphore,
    writes: Semaphore,
    patience: Duration,
    touches: Touches,
    clock: std::sync::Arc<dyn Clock>,
    put: Script,
    unpin: Script,
    delete: Script,
}

impl ServerBlobs {
    /// Does not wait for the server.
    pub(super) fn open(
        store: &'static str,
        url: &str,
        config: &RedisConfig,
    ) -> Result<Self, ConfigError> {
        let patience = Patience {
            connect: config.connect_timeout,
            response: config.response_timeout,
        };
        let link = Link::new(store, url, patience)?;
        let prefix = link.prefix(&config.key_prefix)?;
        Ok(Self {
            link,
            prefix,
            limit_bytes: config.blob_limit_bytes,
            cache_ttl: config.cache_ttl,
            pinned_ttl: config.pinned_ttl,
            reads: Semaphore::new(config.max_blob_reads),
            writes: Semaphore::new(config.max_blob_writes),
            patience: config.response_timeout,
            touches: Touches::default(),
            clock: std::sync::Arc::clone(&config.clock),
            // With this line, a server without memory refuses the script before it begins. Else it asks
            // only before the first step, which frees some, and lets the rest take more than there is.
            put: script!("put.lua", "#!lua"),
            unpin: script!("unpin.lua"),
            delete: script!("delete.lua"),
        })
    }

    async fn turn<'a>(&self, turns: &'a Semaphore) -> Result<SemaphorePermit<'a>, Unavailable> {
        match timeout(self.patience, turns.acquire()).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(self.link.complaint("too many blobs are on their way")),
        }
    }

    fn now(&self) -> i64 {
        self.touches.next(&*self.clock)
    }

    /// `question` about a blob, and the note that it was used. Of a blob that is pinned or not there,
    /// nothing is noted.
    async fn use_blob(&self, path: &str, question: Cmd) -> Result<Value, Unavailable> {
        let mut pipeline = Pipeline::with_capacity(3);
        pipeline.add_command(question);
        self.note_use(&mut pipeline, path);
        // A server without memory answers questions, but notes nothing.
        pipeline.ignore_errors();
        let answers: Vec<RedisResult<Value>> = self.link.pipeline(&pipeline).await?;
        match answers.into_iter().next() {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(error)) => Err(self.link.complaint(&error.to_string())),
            None => Err(self.link.complaint("no answer")),
        }
    }

    fn note_use(&self, pipeline: &mut Pipeline, path: &str) {
        pipeline
            .cmd("ZADD")
            .arg(format!("{}blobs:lru", self.prefix))
            .arg("XX")
            .arg(self.now())
            .arg(path);
        pipeline
            .cmd("PEXPIRE")
            .arg(self.key(path))
            .arg(millis(self.cache_ttl))
            .arg("XX");
    }

    fn call<'a>(&self, script: &'a Script) -> ScriptInvocation<'a> {
        script::call(script, &self.prefix)
    }

    fn key(&self, path: &str) -> String {
        format!("{}blob:{path}", self.prefix)
    }
}

#[async_trait]
impl BlobStore for ServerBlobs {
    async fn put(&self, key: &BlobKey, blob: Blob, retention: Retention) -> Result<(), BlobError> {
        let path = key.path();
        let (needed, limit) = (charge(&path, &blob), self.limit_bytes);
        if needed > limit {
            return Err(BlobError::Full { needed, limit });
        }
        let _turn = self.turn(&self.writes).await?;
        let mut put = self.call(&self.put);
        put.arg(&path)
            .arg(limit)
            .arg(needed)
            .arg(self.now())
            .arg(millis(self.cache_ttl))
            .arg(millis(self.pinned_ttl))
            .arg(match retention {
                Retention::Cache => "cached",
                Retention::Pinned => "pinned",
            })
            .arg(&blob.content_type)
            .arg(&blob.bytes[..]);
        let stored: bool = self.link.script(&put).await?;
        if stored {
            Ok(())
        } else {
            Err(BlobError::Full { needed, limit })
        }
    }

    async fn get(&self, key: &BlobKey) -> Result<Option<Blob>, BlobError> {
        let path = key.path();
        let _turn = self.turn(&self.reads).await?;
        let mut question = redis::cmd("HMGET");
        question.arg(self.key(&path)).arg(&["type", "bytes"]);
        let answer = self.use_blob(&path, question).await?;
        decode(answer).map_err(|()| self.link.complaint("a blob is damaged").into())
    }

    async fn contains(&self, key: &BlobKey) -> Result<bool, BlobError> {
        let path = key.path();
        let mut question = redis::cmd("EXISTS");
        question.arg(self.key(&path));
        // Most of what is asked for is not there: then there is no use to note.
        if !self.link.command(&question).await? {
            return Ok(false);
        }
        Ok(self.use_blob(&path, question).await? == Value::Int(1))
    }

    async fn unpin(&self, key: &BlobKey) -> Result<(), BlobError> {
        let mut unpin = self.call(&self.unpin);
        unpin
            .arg(key.path())
            .arg(self.now())
            .arg(millis(self.cache_ttl));
        Ok(self.link.script(&unpin).await?)
    }

    async fn delete(&self, key: &BlobKey) -> Result<(), BlobError> {
        let mut delete = self.call(&self.delete);
        delete.arg(key.path());
        Ok(self.link.script(&delete).await?)
    }
}

/// What a blob counts against the bound, bytes. Its path stands in three tables.
fn charge(path: &str, blob: &Blob) -> u64 {
    let bytes = blob.bytes.len() + blob.content_type.len() + 3 * path.len();
    bytes as u64 + OVERHEAD
}

/// The bytes are those that came from the connection, not copied.
fn decode(answer: Value) -> Result<Option<Blob>, ()> {
    let Value::Array(fields) = answer else {
        return Err(());
    };
    match <[Value; 2]>::try_from(fields) {
        Ok([Value::BulkString(content_type), Value::BulkString(bytes)]) => Ok(Some(Blob {
            bytes: Bytes::from(bytes),
            content_type: String::from_utf8(content_type).map_err(drop)?,
        })),
        Ok([Value::Nil, Value::Nil]) => Ok(None),
        _ => Err(()),
    }
}
