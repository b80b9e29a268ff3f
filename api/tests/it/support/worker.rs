//! A worker of a few lines: takes deliveries, makes something up, stores it, finishes the job and
//! its followers.

use bytes::Bytes;
use tokio::task::JoinSet;
use voicefleet_audio::Codec;
use voicefleet_core::{
    AudioFormat, EngineId, Envelope, ErrorCode, Failure, Job, JobSpec, JobState, Pcm, Progress,
    Segment, Timestamp, Timings, Transcript, Word,
    ports::{
        AudioCodec, Blob, BlobKey, BlobStore, JobChange, JobQueue, JobRecords, RecordError,
        Retention, Settlement,
    },
};
use voicefleet_testkit::{
    memory::{MemoryBlobs, MemoryQueue, MemoryRecords},
    start_at,
};

/// Sample rate of what is spoken, Hz: Piper's.
pub(crate) const VOICE_RATE: u32 = 22_050;

/// A text, or a prompt, with this in it fails.
pub(crate) const FAILS: &str = "please fail";

/// A text with this in it takes longer than an engine may.
pub(crate) const STALLS: &str = "please stall";

/// What is heard in every recording.
pub(crate) const HEARD: &str = "Hello there.";

/// Runs until dropped.
pub(crate) struct Worker {
    _lanes: JoinSet<()>,
}

impl Worker {
    pub(crate) fn start(queue: &MemoryQueue, records: &MemoryRecords, blobs: &MemoryBlobs) -> Self {
        let mut lanes = JoinSet::new();
        for engine in ["piper", "kokoro", "whisper"] {
            let lane = Lane {
                queue: queue.clone(),
                records: records.clone(),
                blobs: blobs.clone(),
            };
            lanes.spawn(lane.run(EngineId::new(engine)));
        }
        Self { _lanes: lanes }
    }
}

struct Lane {
    queue: MemoryQueue,
    records: MemoryRecords,
    blobs: MemoryBlobs,
}

impl Lane {
    async fn run(self, engine: EngineId) {
        let mut consumer = self.queue.consume(&engine).await.expect("a consumer");
        // An outage of the queue ends the lane; tests that switch it off have no use for a worker.
        while let Ok(delivery) = consumer.next().await {
            let envelope = delivery.envelope().clone();
            self.work(&envelope).await;
            delivery.settle(Settlement::Done).await.expect("settled");
        }
    }

    async fn work(&self, envelope: &Envelope) {
        let at = Timestamp(1_767_225_601_000);
        let started = self.records.change(envelope.job_id, start_at(at)).await;
        let job = match started {
            Ok(job) => job,
            // Cancelled, or the second envelope of a hastened job.
            Err(RecordError::IllegalMove { .. }) => return,
            Err(error) => panic!("{error}"),
        };
        let change = match outcome(&job.spec) {
            Ok(blob) => {
                let key = BlobKey::Result(job.fingerprint.clone());
                self.blobs
                    .put(&key, blob, Retention::Cache)
                    .await
                    .expect("stored");
                succeed(at, false)
            }
            Err(failure) => JobChange::End {
                state: JobState::Failed,
                at,
                failure,
            },
        };
        self.finish(&job, change).await;
        if let JobSpec::Transcription(spec) = &job.spec {
            let upload = BlobKey::Upload(spec.audio_key.clone());
            self.blobs.unpin(&upload).await.expect("unpinned");
        }
    }

    async fn finish(&self, job: &Job, change: JobChange) {
        for follower in self.records.followers(job.id).await.expect("followers") {
            let shared = match change.clone() {
                JobChange::Succeed { at, .. } => succeed(at, true),
                change => change,
            };
            self.records
                .change(follower.id, shared)
                .await
                .expect("ended");
        }
        self.records.change(job.id, change).await.expect("ended");
    }
}

fn succeed(at: Timestamp, from_cache: bool) -> JobChange {
    let timings = Timings {
        load_ms: 1.0,
        plan_ms: 2.0,
        compute_ms: 300.0,
        store_ms: 4.0,
        audio_seconds: 1.5,
        ..Timings::default()
    };
    let progress = Progress {
        chunks_done: 3,
        chunks_total: 3,
    };
    JobChange::Succeed {
        at,
        timings,
        progress,
        from_cache,
    }
}

fn outcome(spec: &JobSpec) -> Result<Blob, Failure> {
    match spec {
        JobSpec::Speech(spec) if spec.text.contains(FAILS) => Err(Failure::new(
            ErrorCode::EngineFailed,
            "the engine failed on this input",
        )),
        JobSpec::Speech(spec) if spec.text.contains(STALLS) => Err(Failure::new(
            ErrorCode::EngineTimeout,
            "a chunk took longer than its limit",
        )),
        JobSpec::Speech(_) => Ok(spoken()),
        JobSpec::Transcription(spec) => match &spec.prompt {
            Some(prompt) if prompt.contains(FAILS) => Err(Failure::new(
                ErrorCode::EngineFailed,
                "the engine failed on this input",
            )),
            Some(prompt) if prompt.contains(STALLS) => Err(Failure::new(
                ErrorCode::EngineTimeout,
                "a chunk took longer than its limit",
            )),
            _ => Ok(heard(spec.audio_seconds)),
        },
    }
}

/// A second and a half of a tone.
fn spoken() -> Blob {
    let samples = (0..VOICE_RATE * 3 / 2).map(|n| if n / 50 % 2 == 0 { 0.25 } else { -0.25 });
    let pcm = Pcm {
        samples: samples.collect(),
        rate: VOICE_RATE,
    };
    let flac = Codec.encode(&pcm, AudioFormat::Flac).expect("FLAC");
    Blob {
        bytes: Bytes::from(flac),
        content_type: "audio/flac".to_owned(),
    }
}

fn heard(duration: f64) -> Blob {
    let word = |word: &str, start: f64, end: f64| Word {
        word: word.to_owned(),
        start,
        end,
        probability: 0.9,
    };
    let transcript = Transcript {
        language: "en".to_owned(),
        duration,
        segments: vec![Segment {
            start: 0.1,
            end: 0.9,
            text: HEARD.to_owned(),
            avg_logprob: -0.1,
            no_speech_prob: 0.01,
            words: vec![word("Hello", 0.1, 0.4), word("there.", 0.5, 0.9)],
        }],
    };
    let json = serde_json::to_vec(&transcript).expect("JSON");
    Blob {
        bytes: Bytes::from(json),
        content_type: "application/json".to_owned(),
    }
}
