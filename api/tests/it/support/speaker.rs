//! A worker that speaks chunk by chunk, when the test tells it to. It keeps and says what the real one does.

use bytes::Bytes;
use voicefleet_audio::Codec;
use voicefleet_core::{
    AudioFormat, ErrorCode, Failure, Job, JobState, Pcm, Progress, Timestamp, Timings,
    ports::{AudioCodec, Blob, BlobKey, BlobStore, JobChange, JobRecords, RecordError, Retention},
};
use voicefleet_testkit::{
    memory::{MemoryBlobs, MemoryRecords},
    start_at,
};

use super::{Api, worker::VOICE_RATE};

/// Chunks of every speech.
pub(crate) const CHUNKS: usize = 3;

/// Samples of a chunk: no whole number of any encoder's frames.
pub(crate) const CHUNK: usize = VOICE_RATE as usize + 77;

/// When everything happens.
const AT: Timestamp = Timestamp(1_767_225_601_000);

pub(crate) struct Speaker {
    records: MemoryRecords,
    blobs: MemoryBlobs,
    pub(crate) job: Job,
    made: usize,
}

impl Speaker {
    /// Takes the next envelope and begins.
    pub(crate) async fn take(api: &Api) -> Self {
        let envelope = api.next_envelope("piper").await;
        let started = api.records.change(envelope.job_id, start_at(AT)).await;
        let speaker = Self {
            records: api.records.clone(),
            blobs: api.blobs.clone(),
            job: started.expect("started"),
            made: 0,
        };
        let plan = BlobKey::Plan(speaker.job.fingerprint.clone());
        speaker.put(&plan, PLAN.as_bytes().to_vec()).await;
        speaker.advance().await.expect("announced");
        speaker
    }

    /// Makes a chunk that is not the last.
    pub(crate) async fn chunk(&mut self) {
        assert!(self.made + 1 < CHUNKS, "the last one comes with the result");
        let chunk = chunk(self.made);
        self.put(&self.checkpoint(self.made), chunk.to_bytes())
            .await;
        self.chunk_without_keeping()
            .await
            .expect("it is still ours");
    }

    /// Makes a chunk that the store has no room for.
    pub(crate) async fn chunk_without_keeping(&mut self) -> Result<Job, RecordError> {
        self.made += 1;
        self.advance().await
    }

    /// Makes what is missing, stores the whole and ends the job.
    pub(crate) async fn finish(self) {
        self.finish_as(&whole()).await;
    }

    /// As if another speech had come of it.
    pub(crate) async fn finish_as(self, speech: &Pcm) {
        let flac = Codec.encode(speech, AudioFormat::Flac).expect("FLAC");
        let result = BlobKey::Result(self.job.fingerprint.clone());
        self.put(&result, flac).await;
        let succeed = |from_cache| JobChange::Succeed {
            at: AT,
            timings: Timings::default(),
            progress: progress(CHUNKS),
            from_cache,
        };
        self.end(succeed(false), succeed(true)).await;
        for made in 0..CHUNKS {
            self.delete(&self.checkpoint(made)).await;
        }
        self.delete(&BlobKey::Plan(self.job.fingerprint.clone()))
            .await;
    }

    /// The engine fails for good.
    pub(crate) async fn fail(self) {
        let failed = JobChange::End {
            state: JobState::Failed,
            at: AT,
            failure: Failure::new(ErrorCode::EngineFailed, "the engine failed on this input"),
        };
        self.end(failed.clone(), failed).await;
    }

    async fn end(&self, change: JobChange, of_followers: JobChange) {
        let ended = self.records.change(self.job.id, change).await;
        ended.expect("ended");
        for follower in self.records.followers(self.job.id).await.expect("told") {
            let change = of_followers.clone();
            let ended = self.records.change(follower.id, change).await;
            ended.expect("ended");
        }
    }

    async fn advance(&self) -> Result<Job, RecordError> {
        let change = JobChange::Advance {
            progress: progress(self.made),
            timings: Timings::default(),
        };
        self.records.change(self.job.id, change).await
    }

    fn checkpoint(&self, chunk: usize) -> BlobKey {
        BlobKey::Checkpoint {
            fingerprint: self.job.fingerprint.clone(),
            plan: PLAN.to_owned(),
            chunk,
        }
    }

    async fn put(&self, key: &BlobKey, bytes: Vec<u8>) {
        let blob = Blob {
            bytes: Bytes::from(bytes),
            content_type: "application/octet-stream".to_owned(),
        };
        let stored = self.blobs.put(key, blob, Retention::Cache).await;
        stored.expect("stored");
    }

    async fn delete(&self, key: &BlobKey) {
        self.blobs.delete(key).await.expect("deleted");
    }
}

const PLAN: &str = "0123456789abcdef";

fn progress(done: usize) -> Progress {
    let count = |chunks: usize| u32::try_from(chunks).expect("few");
    Progress {
        chunks_done: count(done),
        chunks_total: count(CHUNKS),
    }
}

/// A tone that differs from chunk to chunk, sample to sample, and is loud enough to be clipped.
fn chunk(number: usize) -> Pcm {
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let sample = |n: usize| {
        let n = (number * CHUNK + n) as f32;
        (n * 0.05).sin() * 1.1 * (n * 0.000_07).cos()
    };
    Pcm {
        samples: (0..CHUNK).map(sample).collect(),
        rate: VOICE_RATE,
    }
}

/// All chunks together.
pub(crate) fn whole() -> Pcm {
    Pcm {
        samples: (0..CHUNKS).flat_map(|made| chunk(made).samples).collect(),
        rate: VOICE_RATE,
    }
}
