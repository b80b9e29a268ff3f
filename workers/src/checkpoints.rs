//! What finished chunks came to, kept until the whole is stored: for whoever goes on with the job when
//! this worker cannot.

use std::{fmt::Debug, sync::Arc};

use bytes::Bytes;
use voicefleet_core::{
    Fingerprint, Pcm,
    fingerprint::digest_of,
    ports::{Blob, BlobKey, BlobStore, Retention, WindowTranscript},
};

use crate::run_job::Attempt;

/// As many hex digits as make two plans of the same work differ.
const PLAN_DIGITS: usize = 16;

/// The places of one job's chunks. Whatever goes wrong with them costs computing, nothing else.
#[derive(Clone)]
pub(crate) struct Checkpoints {
    blobs: Arc<dyn BlobStore>,
    fingerprint: Fingerprint,
    plan: String,
    pub(crate) total: usize,
}

/// What a chunk comes to, as bytes and back without any loss: going on must give what going through would.
pub(crate) trait Checkpoint: Sized {
    fn to_bytes(&self) -> Option<Vec<u8>>;
    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

impl Checkpoints {
    /// For work that is cut into `chunks`. Another cut of it, by another build, has other places.
    pub(crate) fn of(attempt: &Attempt<'_>, chunks: &[impl Debug]) -> Self {
        let mut plan = digest_of(format!("{chunks:?}").as_bytes());
        plan.truncate(PLAN_DIGITS);
        Self {
            blobs: Arc::clone(&attempt.resources.parts.blobs),
            fingerprint: attempt.fingerprint.clone(),
            plan,
            total: chunks.len(),
        }
    }

    /// What is there, from the first chunk to the first one that is missing.
    pub(crate) async fn restore<T: Checkpoint>(&self) -> Vec<T> {
        let mut restored = Vec::new();
        while restored.len() < self.last() {
            let found = self.blobs.get(&self.key(restored.len())).await;
            let Some(chunk) = found
                .ok()
                .flatten()
                .and_then(|blob| T::from_bytes(&blob.bytes))
            else {
                break;
            };
            restored.push(chunk);
        }
        restored
    }

    /// Keeps a chunk; not the last one, after which the whole is stored at once.
    pub(crate) async fn keep(&self, chunk: usize, made: &impl Checkpoint) {
        if chunk >= self.last() {
            return;
        }
        let Some(bytes) = made.to_bytes() else { return };
        let blob = Blob {
            bytes: Bytes::from(bytes),
            content_type: "application/octet-stream".to_owned(),
        };
        let kept = self
            .blobs
            .put(&self.key(chunk), blob, Retention::Cache)
            .await;
        if let Err(error) = kept {
            tracing::debug!(%error, chunk, "a chunk is not kept");
        }
    }

    /// Says where the chunks are, to whoever wants to hear them before the whole is there.
    pub(crate) async fn announce(&self) {
        if self.last() == 0 {
            return;
        }
        let blob = Blob {
            bytes: Bytes::from(self.plan.clone()),
            content_type: "text/plain".to_owned(),
        };
        let key = BlobKey::Plan(self.fingerprint.clone());
        if let Err(error) = self.blobs.put(&key, blob, Retention::Cache).await {
            tracing::debug!(%error, "nobody can listen along");
        }
    }

    /// The whole is stored.
    pub(crate) async fn discard(&self) {
        if self.last() > 0 {
            let plan = BlobKey::Plan(self.fingerprint.clone());
            if let Err(error) = self.blobs.delete(&plan).await {
                tracing::debug!(%error, "the plan is left to be evicted");
                return;
            }
        }
        for chunk in 0..self.last() {
            if let Err(error) = self.blobs.delete(&self.key(chunk)).await {
                tracing::debug!(%error, "the chunks are left to be evicted");
                return;
            }
        }
    }

    fn last(&self) -> usize {
        self.total.saturating_sub(1)
    }

    fn key(&self, chunk: usize) -> BlobKey {
        BlobKey::Checkpoint {
            fingerprint: self.fingerprint.clone(),
            plan: self.plan.clone(),
            chunk,
        }
    }
}

impl Checkpoint for Pcm {
    fn to_bytes(&self) -> Option<Vec<u8>> {
        Some(self.to_bytes())
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Self::from_bytes(bytes)
    }
}

impl Checkpoint for WindowTranscript {
    fn to_bytes(&self) -> Option<Vec<u8>> {
        serde_json::to_vec(self).ok()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use voicefleet_core::Segment;

    use super::*;

    #[test]
    fn a_chunk_comes_back_bit_by_bit() {
        let pcm = Pcm {
            samples: vec![0.1, -1.0, f32::MIN_POSITIVE, 1.0 / 3.0],
            rate: 22_050,
        };
        let bytes = Checkpoint::to_bytes(&pcm).expect("bytes");
        assert_eq!(<Pcm as Checkpoint>::from_bytes(&bytes), Some(pcm));
        assert_eq!(<Pcm as Checkpoint>::from_bytes(&bytes[..7]), None);
        let heard = WindowTranscript {
            language: "en".to_owned(),
            segments: vec![Segment {
                start: 0.1 + 0.2,
                end: 1.0 / 3.0,
                text: "Hello".to_owned(),
                avg_logprob: -0.123_456_79,
                no_speech_prob: 1e-9,
                words: Vec::new(),
            }],
        };
        let bytes = heard.to_bytes().expect("bytes");
        assert_eq!(WindowTranscript::from_bytes(&bytes), Some(heard));
        assert_eq!(WindowTranscript::from_bytes(b"{"), None);
    }
}
