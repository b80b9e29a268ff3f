//! Documents: a hash each, a sorted list of ids by collection, and what expires when.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use redis::{Script, ScriptInvocation};
use voicefleet_core::ports::{
    Collection, Document, DocumentError, DocumentRange, DocumentWrite, Documents, Precondition,
};

use crate::{
    config::millis,
    error::Unavailable,
    link::Link,
    script::{self, script},
};

/// The longest list.
const MAX_LIST: usize = 1_000;

/// The documents on Redis, beside the job records.
pub struct RedisDocuments {
    link: Arc<Link>,
    prefix: String,
    put: Script,
    delete: Script,
    list: Script,
    count: Script,
}

impl RedisDocuments {
    pub(crate) fn new(link: Arc<Link>, prefix: String) -> Self {
        Self {
            link,
            prefix,
            put: script!("put.lua"),
            delete: script!("delete.lua"),
            list: script!("list.lua"),
            count: script!("count.lua"),
        }
    }

    fn call<'a>(&self, script: &'a Script) -> ScriptInvocation<'a> {
        script::call(script, &self.prefix)
    }
}

#[async_trait]
impl Documents for RedisDocuments {
    async fn get(
        &self,
        collection: Collection,
        id: &str,
    ) -> Result<Option<Document>, DocumentError> {
        let mut command = redis::cmd("HMGET");
        command
            .arg(format!("{}doc:{}:{id}", self.prefix, collection.name()))
            .arg("v")
            .arg("body");
        match self.link.command(&command).await? {
            (Some(version), Some(body)) => Ok(Some(Document {
                id: id.to_owned(),
                version,
                body,
            })),
            (None::<u64>, _) | (_, None::<String>) => Ok(None),
        }
    }

    async fn put(&self, write: DocumentWrite) -> Result<u64, DocumentError> {
        let mut call = self.call(&self.put);
        call.arg(write.collection.name())
            .arg(&write.id)
            .arg(&write.body)
            .arg(write.ttl.map_or(0, millis))
            .arg(condition(write.only_if));
        let version: Option<u64> = self.link.script(&call).await?;
        version.ok_or(DocumentError::Conflict)
    }

    async fn delete(
        &self,
        collection: Collection,
        id: &str,
        only_if: Precondition,
    ) -> Result<bool, DocumentError> {
        let mut call = self.call(&self.delete);
        call.arg(collection.name()).arg(id).arg(condition(only_if));
        match self.link.script(&call).await? {
            -1_i64 => Err(DocumentError::Conflict),
            deleted => Ok(deleted > 0),
        }
    }

    async fn list(
        &self,
        collection: Collection,
        range: &DocumentRange,
    ) -> Result<Vec<Document>, DocumentError> {
        let after = range.after.as_ref().filter(|id| **id >= range.prefix);
        let first = match after {
            Some(after) => format!("({after}"),
            None => format!("[{}", range.prefix),
        };
        let mut last = format!("({}", range.prefix).into_bytes();
        // No byte of UTF-8 is as large.
        last.push(0xff);
        let limit = range.limit.min(MAX_LIST);
        if limit == 0 {
            return Ok(Vec::new());
        }
        let mut call = self.call(&self.list);
        call.arg(collection.name()).arg(first).arg(last).arg(limit);
        let parts: Vec<String> = self.link.script(&call).await?;
        parts.chunks_exact(3).map(document).collect()
    }

    async fn count(&self, counter: &str, by: i64, ttl: Duration) -> Result<i64, DocumentError> {
        let mut call = self.call(&self.count);
        call.arg(counter).arg(by).arg(millis(ttl));
        Ok(self.link.script(&call).await?)
    }
}

fn condition(only_if: Precondition) -> String {
    match only_if {
        Precondition::None => "any".to_owned(),
        Precondition::Absent => "absent".to_owned(),
        Precondition::Version(version) => version.to_string(),
    }
}

/// From id, version and body.
fn document(parts: &[String]) -> Result<Document, DocumentError> {
    let [id, version, body] = parts else {
        return Err(damaged());
    };
    Ok(Document {
        id: id.clone(),
        version: version.parse().map_err(|_| damaged())?,
        body: body.clone(),
    })
}

fn damaged() -> DocumentError {
    Unavailable("a document is damaged".to_owned()).into()
}
