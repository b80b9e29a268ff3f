//! A record as it lies in Redis.

use redis::{Cmd, Pipeline};
use voicefleet_core::{Job, JobId, ports::JobRecord};

use crate::{error::Unavailable, link::Link};

/// How many records are read in one trip.
const BATCH: usize = 200;

/// A record, and which one of it: the number grows with every change.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stored {
    pub(super) record: JobRecord,
    pub(super) version: u64,
}

/// What [`fields`] asks for, absent if there is no such job.
type Fields = (Option<u64>, Option<String>, Option<String>);

fn fields(prefix: &str, id: JobId) -> Cmd {
    let mut command = redis::cmd("HMGET");
    command
        .arg(format!("{prefix}job:{id}"))
        .arg(&["v", "body", "follows"]);
    command
}

/// The record; `None` if there is none.
pub(super) async fn read(
    link: &Link,
    prefix: &str,
    id: JobId,
) -> Result<Option<Stored>, Unavailable> {
    decode(id, link.command(&fields(prefix, id)).await?)
}

/// The records of those of `ids` that there are, in their order.
pub(super) async fn read_all(
    link: &Link,
    prefix: &str,
    ids: &[JobId],
) -> Result<Vec<Stored>, Unavailable> {
    let mut found = Vec::with_capacity(ids.len());
    for batch in ids.chunks(BATCH) {
        let mut pipeline = Pipeline::with_capacity(batch.len());
        for id in batch {
            pipeline.add_command(fields(prefix, *id));
        }
        let answers: Vec<Fields> = link.pipeline(&pipeline).await?;
        for (id, answer) in batch.iter().zip(answers) {
            found.extend(decode(*id, answer)?);
        }
    }
    Ok(found)
}

/// A record as the news of its end have it.
pub(super) fn from_news(version: &str, body: &str) -> Option<Stored> {
    Some(Stored {
        version: version.parse().ok()?,
        record: serde_json::from_str(body).ok()?,
    })
}

fn decode(id: JobId, (version, body, follows): Fields) -> Result<Option<Stored>, Unavailable> {
    let (Some(version), Some(body)) = (version, body) else {
        return Ok(None);
    };
    let damaged = |error: &dyn std::fmt::Display| {
        tracing::error!(job_id = %id, %error, "a job record cannot be read");
        Unavailable(format!("the record of job {id} is damaged"))
    };
    let record: JobRecord = serde_json::from_str(&body).map_err(|error| damaged(&error))?;
    let follows = follows.as_deref().map(str::parse).transpose();
    // Whom it follows changes without the rest, for many at once, and stands beside it.
    let follows = follows.map_err(|error| damaged(&error))?;
    let job = Job {
        follows,
        ..record.job
    };
    let record = JobRecord { job, ..record };
    Ok(Some(Stored { record, version }))
}

pub(super) fn body_of(record: &JobRecord) -> Result<String, Unavailable> {
    serde_json::to_string(record).map_err(|error| Unavailable(error.to_string()))
}
