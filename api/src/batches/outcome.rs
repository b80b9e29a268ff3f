//! What became of each line.

use std::{collections::BTreeSet, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use voicefleet_core::{
    Failure, JobId,
    ports::{Blob, BlobKey, Collection, DocumentWrite, Precondition, Retention},
};

use super::record::{BatchCounts, BatchRecord};
use crate::{app::App, files, problem::ApiError};

/// Lines in one document.
const BLOCK: usize = 500;
/// How long an outcome is kept at most; it goes with the end of its batch.
const KEPT: Duration = Duration::from_hours(30 * 24);
/// Largest answer that lies beside the others, bytes; a larger one is a blob of its own until the end.
const MAX_INLINE: usize = 4_096;

/// What became of a line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub(super) enum Outcome {
    /// It has its answer.
    Done { job: JobId, body: Body },
    /// It was refused, or its job failed.
    Failed {
        job: Option<JobId>,
        failure: Failure,
    },
    /// Its batch was withdrawn, or came to its end, before it was done.
    NotDone {
        job: Option<JobId>,
        failure: Failure,
    },
}

/// Where an answer is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", content = "value", rename_all = "snake_case")]
pub(super) enum Body {
    Here(Value),
    InABlob,
}

/// The outcomes of a batch: all in memory, and in documents of 500 for whoever has to go on.
pub(super) struct Outcomes {
    lines: Vec<Option<Outcome>>,
    counts: BatchCounts,
    unwritten: BTreeSet<usize>,
}

impl Outcomes {
    /// Of lines of which nothing is known yet.
    pub(super) fn none(lines: usize) -> Self {
        Self {
            lines: vec![None; lines],
            counts: BatchCounts {
                total: u32::try_from(lines).unwrap_or(u32::MAX),
                ..BatchCounts::default()
            },
            unwritten: BTreeSet::new(),
        }
    }

    /// What others have written of the first `begun` lines.
    pub(super) async fn load(
        app: &App,
        batch: &BatchRecord,
        lines: usize,
    ) -> Result<Self, ApiError> {
        let mut outcomes = Self::none(lines);
        let begun = usize::try_from(batch.begun)
            .unwrap_or(usize::MAX)
            .min(lines);
        for block in 0..begun.div_ceil(BLOCK) {
            let id = document_of(batch, block);
            let found = app.documents.get(Collection::BatchLines, &id).await?;
            let Some(document) = found else { continue };
            let known: Vec<Option<Outcome>> = serde_json::from_str(&document.body)
                .map_err(|error| ApiError::internal(&format!("outcomes: {error}")))?;
            for (line, outcome) in (block * BLOCK..lines).zip(known) {
                if let Some(outcome) = outcome {
                    outcomes.set(line, outcome);
                }
            }
        }
        outcomes.unwritten.clear();
        Ok(outcomes)
    }

    pub(super) fn get(&self, line: usize) -> Option<&Outcome> {
        self.lines.get(line)?.as_ref()
    }

    /// Lines without an outcome.
    pub(super) fn missing(&self) -> Vec<usize> {
        let lines = self.lines.iter().enumerate();
        lines
            .filter_map(|(line, outcome)| outcome.is_none().then_some(line))
            .collect()
    }

    /// Notes the outcome of a line that has none.
    pub(super) fn set(&mut self, line: usize, outcome: Outcome) {
        match outcome {
            Outcome::Done { .. } => self.counts.completed += 1,
            Outcome::Failed { .. } | Outcome::NotDone { .. } => self.counts.failed += 1,
        }
        if let Some(place) = self.lines.get_mut(line) {
            *place = Some(outcome);
            self.unwritten.insert(line / BLOCK);
        }
    }

    pub(super) fn counts(&self) -> BatchCounts {
        self.counts
    }

    /// Writes what has changed.
    pub(super) async fn write(&mut self, app: &App, batch: &BatchRecord) -> Result<(), ApiError> {
        while let Some(block) = self.unwritten.first().copied() {
            let lines = self.lines.iter().skip(block * BLOCK).take(BLOCK);
            let body = serde_json::to_string(&lines.collect::<Vec<_>>())
                .map_err(|error| ApiError::internal(&format!("outcomes: {error}")))?;
            let write = DocumentWrite {
                collection: Collection::BatchLines,
                id: document_of(batch, block),
                body,
                ttl: Some(KEPT),
                only_if: Precondition::None,
            };
            app.documents.put(write).await?;
            self.unwritten.remove(&block);
        }
        Ok(())
    }

    /// Removes all that is not needed once the batch has its files.
    pub(super) async fn clear(&self, app: &App, batch: &BatchRecord) -> Result<(), ApiError> {
        for (line, outcome) in self.lines.iter().enumerate() {
            let in_a_blob = Body::InABlob;
            if matches!(outcome, Some(Outcome::Done { body, .. }) if *body == in_a_blob) {
                app.blobs.delete(&body_key(batch, line)).await?;
            }
        }
        for block in 0..self.lines.len().div_ceil(BLOCK) {
            let id = document_of(batch, block);
            let gone = app
                .documents
                .delete(Collection::BatchLines, &id, Precondition::None);
            gone.await?;
        }
        Ok(())
    }
}

impl Body {
    /// Puts an answer where it belongs.
    pub(super) async fn keep(
        app: &App,
        batch: &BatchRecord,
        line: usize,
        answer: Value,
    ) -> Result<Self, ApiError> {
        let text = answer.to_string();
        if text.len() <= MAX_INLINE {
            return Ok(Self::Here(answer));
        }
        let blob = Blob {
            bytes: Bytes::from(text),
            content_type: "application/json".to_owned(),
        };
        let key = body_key(batch, line);
        app.blobs.put(&key, blob, Retention::Pinned).await?;
        Ok(Self::InABlob)
    }

    /// The answer; `None` where its blob is gone.
    pub(super) async fn read(
        &self,
        app: &App,
        batch: &BatchRecord,
        line: usize,
    ) -> Result<Option<Value>, ApiError> {
        match self {
            Self::Here(answer) => Ok(Some(answer.clone())),
            Self::InABlob => {
                let blob = app.blobs.get(&body_key(batch, line)).await?;
                Ok(blob.and_then(|blob| serde_json::from_slice(&blob.bytes).ok()))
            }
        }
    }
}

fn document_of(batch: &BatchRecord, block: usize) -> String {
    format!("{}/{}/{block:05}", batch.tenant, batch.id)
}

fn body_key(batch: &BatchRecord, line: usize) -> BlobKey {
    files::key_of(&batch.tenant, &format!("{}-{line}", batch.id))
}
