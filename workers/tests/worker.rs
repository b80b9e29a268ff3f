//! The consuming loop over in-memory backends and scripted engines: every way a job can go.

mod fleet;

use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

use fleet::Fleet;
use voicefleet_audio::Codec;
use voicefleet_core::{
    AudioFormat, Clock, EngineId, Envelope, ErrorCode, Job, JobSpec, JobState, Pcm, Tier,
    Timestamp, TranscriptionSpec,
    ports::{
        AudioCodec as _, AudioLimits, Blob, BlobError, BlobKey, BlobStore, EngineError,
        EngineLoader, JobQueue, JobRecords, LoadedEngine, ModelRef, Retention, SpeechChunk,
        SpeechEngine, SpeechRequest,
    },
};
use voicefleet_testkit::{
    engines::{FakeLoader, FakeSpeechEngine, FakeTranscriber, Script},
    speech_job, start_at,
};
use voicefleet_workers::WorkerConfig;

#[tokio::test]
async fn a_job_is_computed_stored_and_settled() {
    let fleet = Fleet::start(1);
    let job = fleet.submit("One. Two. Three.", Tier::Standard).await;
    let job = fleet.ended(job.id).await;
    assert_eq!(job.state, JobState::Succeeded);
    assert_eq!(
        (job.progress.chunks_done, job.progress.chunks_total),
        (3, 3)
    );
    assert!(job.timings.audio_seconds > 0.0 && job.timings.compute_ms > 0.0);
    let blob = fleet
        .blobs
        .get(&BlobKey::Result(job.fingerprint))
        .await
        .expect("store")
        .expect("a result");
    assert_eq!(&blob.bytes[..4], b"fLaC");
    fleet.drained().await;
}

/// Whoever listens along finds what is done, and nothing is left behind in the end.
#[tokio::test]
async fn chunks_are_found_by_their_plan_until_the_whole_is_there() {
    let fleet = Fleet::start(1);
    fleet.script.gate().close();
    let job = fleet.submit("One. Two. Three.", Tier::Standard).await;
    fleet.script.gate().admit(2);
    fleet.script.gate().arrived(3).await;
    let stored = async |key: &BlobKey| fleet.blobs.get(key).await.expect("the store");
    let plan_key = BlobKey::Plan(job.fingerprint.clone());
    let plan = stored(&plan_key).await.expect("a plan").bytes;
    let chunk_key = |chunk| BlobKey::Checkpoint {
        fingerprint: job.fingerprint.clone(),
        plan: String::from_utf8(plan.to_vec()).expect("text"),
        chunk,
    };
    let mut chunks = Vec::new();
    for chunk in 0..2 {
        let bytes = stored(&chunk_key(chunk)).await.expect("a chunk").bytes;
        chunks.extend(Pcm::from_bytes(&bytes).expect("samples").samples);
    }
    fleet.script.gate().open();
    fleet.ended(job.id).await;
    fleet.drained().await;
    assert!(stored(&plan_key).await.is_none());
    assert!(stored(&chunk_key(0)).await.is_none());
    let result = stored(&BlobKey::Result(job.fingerprint.clone())).await;
    let speech = Codec.decode(
        &result.expect("a result").bytes,
        None,
        AudioLimits::default(),
    );
    let speech = speech.expect("FLAC");
    let as_stored = Codec.as_stored(&Pcm {
        samples: chunks,
        rate: speech.rate,
    });
    let heard = as_stored.expect("a rate of FLAC's").samples;
    assert!(!heard.is_empty() && speech.samples.starts_with(&heard));
}

#[tokio::test]
async fn a_failed_attempt_is_repeated_after_its_back_off() {
    let fleet = Fleet::start(1);
    fleet.script.fail_next(1);
    let job = fleet.submit("Again.", Tier::Standard).await;
    let waiting = fleet.requeued(job.id, 1).await;
    assert_eq!(
        waiting.failure.map(|failure| failure.code),
        Some(ErrorCode::EngineFailed)
    );
    fleet.clock.advance(Duration::from_secs(1));
    let job = fleet.ended(job.id).await;
    assert_eq!((job.state, job.attempt), (JobState::Succeeded, 2));
    fleet.drained().await;
}

#[tokio::test]
async fn the_last_attempt_ends_in_the_dead_letters_and_fails_its_followers() {
    let fleet = Fleet::start(1);
    fleet.script.gate().close();
    fleet.script.fail_next(9);
    let leader = fleet.submit("Hopeless.", Tier::Standard).await;
    let follower = fleet.submit("Hopeless.", Tier::Standard).await;
    fleet.script.gate().open();
    for (attempt, wait) in [(1, 1), (2, 10)] {
        fleet.requeued(leader.id, attempt).await;
        fleet.clock.advance(Duration::from_secs(wait));
    }
    for id in [leader.id, follower.id] {
        let job = fleet.ended(id).await;
        assert_eq!(job.state, JobState::Failed);
        assert_eq!(job.failure.expect("a reason").code, ErrorCode::EngineFailed);
    }
    fleet.drained().await;
    let dead = fleet.queue.dead_letters(&fleet.engine);
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].0.job_id, leader.id);
}

#[tokio::test]
async fn a_panic_costs_one_attempt_and_the_model_is_loaded_anew() {
    let fleet = Fleet::start(1);
    fleet.script.panic_next(1);
    let job = fleet.submit("Crash.", Tier::Standard).await;
    let waiting = fleet.requeued(job.id, 1).await;
    assert_eq!(
        waiting.failure.map(|failure| failure.code),
        Some(ErrorCode::EnginePanicked)
    );
    fleet.clock.advance(Duration::from_secs(1));
    assert_eq!(fleet.ended(job.id).await.state, JobState::Succeeded);
    assert_eq!(fleet.loads.calls(), 2);
}

#[tokio::test]
async fn a_fault_of_the_input_is_not_tried_again() {
    let fleet = Fleet::start(1);
    let job = fleet
        .submit_as("nobody", "Hello.", Tier::Standard, None)
        .await;
    let job = fleet.ended(job.id).await;
    assert_eq!((job.state, job.attempt), (JobState::Failed, 1));
    assert_eq!(job.failure.expect("a reason").code, ErrorCode::UnknownVoice);
}

/// Whoever submits a failed transcription again, or one that followed it, needs its upload.
#[tokio::test]
async fn the_upload_of_a_failed_transcription_stays() {
    let transcriber = LoadedEngine::Transcription(Arc::new(FakeTranscriber::new(
        Script::default(),
        "never heard",
    )));
    let loader = FakeLoader::new("whisper", transcriber, Script::default());
    let fleet = Fleet::with(Arc::new(loader), WorkerConfig::default(), Script::default());
    let upload = BlobKey::Upload("no audio".to_owned());
    let blob = |bytes: Vec<u8>| Blob {
        bytes: bytes.into(),
        content_type: "application/octet-stream".to_owned(),
    };
    let stored = fleet
        .blobs
        .put(&upload, blob(b"?".to_vec()), Retention::Pinned);
    stored.await.expect("stored");
    let [first, follower] = [(); 2].map(|()| transcription_job("no audio", fleet.clock.now()));
    for job in [&first, &follower] {
        fleet.records.submit(job).await.expect("recorded");
    }
    let envelope = Envelope::for_job(&first);
    fleet.queue.publish(&envelope).await.expect("published");
    for id in [first.id, follower.id] {
        let failure = fleet.ended(id).await.failure.expect("a reason");
        assert_eq!(failure.code, ErrorCode::NotAudio);
    }
    fleet.drained().await;
    let all_the_room = blob(vec![0; 100 << 20]);
    let result = BlobKey::Result(first.fingerprint.clone());
    let stored = fleet
        .blobs
        .put(&result, all_the_room, Retention::Cache)
        .await;
    assert!(matches!(stored, Err(BlobError::Full { .. })), "{stored:?}");
}

fn transcription_job(audio_key: &str, created_at: Timestamp) -> Job {
    let spec = JobSpec::Transcription(TranscriptionSpec {
        walled: None,
        engine: EngineId::new("whisper"),
        model: "fake".to_owned(),
        model_digest: "0".repeat(64),
        audio_key: audio_key.to_owned(),
        audio_digest: audio_key.to_owned(),
        audio_seconds: 1.0,
        language: None,
        temperature: 0.0,
        prompt: None,
        translate: false,
    });
    Job {
        fingerprint: spec.fingerprint(),
        spec,
        ..speech_job("", Tier::Standard, created_at)
    }
}

#[tokio::test]
async fn a_cancelled_job_stops_at_the_next_chunk() {
    let fleet = Fleet::start(1);
    fleet.script.gate().close();
    let job = fleet.submit("One. Two. Three. Four.", Tier::Standard).await;
    fleet.script.gate().arrived(1).await;
    fleet.cancel(job.id).await;
    fleet.script.gate().open();
    fleet.drained().await;
    assert_eq!(fleet.ended(job.id).await.state, JobState::Cancelled);
    assert_eq!(fleet.script.calls(), 1, "the other three were not spoken");
}

#[tokio::test]
async fn a_stop_gives_back_what_runs_without_counting_the_attempt() {
    let mut fleet = Fleet::start(1);
    fleet.script.gate().close();
    let job = fleet.submit("One. Two. Three.", Tier::Standard).await;
    fleet.script.gate().arrived(1).await;
    fleet.stop.drain.cancel();
    fleet.stop.give_back.cancel();
    fleet.script.gate().open();
    fleet.stopped().await;
    let job = fleet.records.get(job.id).await.expect("recorded");
    assert_eq!((job.state, job.attempt), (JobState::Queued, 0));
    assert_eq!(fleet.waiting().await, 1);
}

#[tokio::test]
async fn a_drain_ends_the_taking_while_jobs_run() {
    let fleet = Fleet::start(1);
    fleet.script.gate().close();
    let job = fleet.submit("Busy.", Tier::Batch).await;
    fleet.script.gate().arrived(1).await;
    fleet.stop.drain.cancel();
    fleet.not_consumed().await;
    fleet.script.gate().open();
    assert_eq!(fleet.ended(job.id).await.state, JobState::Succeeded);
}

#[tokio::test]
async fn a_drain_finishes_what_runs_and_takes_nothing_new() {
    let mut fleet = Fleet::start(1);
    fleet.script.gate().close();
    let running = fleet.submit("One. Two.", Tier::Standard).await;
    fleet.script.gate().arrived(1).await;
    let waiting = fleet.submit("Later.", Tier::Standard).await;
    fleet.stop.drain.cancel();
    fleet.script.gate().open();
    fleet.stopped().await;
    assert_eq!(
        fleet.records.get(running.id).await.expect("recorded").state,
        JobState::Succeeded
    );
    assert_eq!(
        fleet.records.get(waiting.id).await.expect("recorded").state,
        JobState::Queued
    );
    assert_eq!(fleet.waiting().await, 1);
}

#[tokio::test]
async fn as_many_jobs_run_at_a_time_as_there_are_slots_and_no_more_are_taken() {
    let fleet = Fleet::start(2);
    fleet.script.gate().close();
    for text in ["First.", "Second.", "Third."] {
        fleet.submit(text, Tier::Standard).await;
    }
    fleet.script.gate().arrived(2).await;
    assert_eq!(fleet.waiting().await, 1, "the third is not hoarded");
    fleet.script.gate().open();
    fleet.drained().await;
    assert_eq!(fleet.script.calls(), 3);
}

#[tokio::test]
async fn urgent_work_is_next() {
    let fleet = Fleet::start(1);
    fleet.script.gate().close();
    for number in 0..20 {
        fleet
            .submit(&format!("Archive {number}."), Tier::Batch)
            .await;
    }
    fleet.script.gate().arrived(1).await;
    let urgent = fleet.submit("Now.", Tier::Realtime).await;
    fleet.script.gate().admit(2);
    assert_eq!(fleet.ended(urgent.id).await.state, JobState::Succeeded);
    fleet.script.gate().open();
    fleet.drained().await;
}

#[tokio::test]
async fn a_second_delivery_of_the_same_job_is_dropped() {
    let fleet = Fleet::start(2);
    fleet.script.gate().close();
    let job = fleet.submit("Once.", Tier::Batch).await;
    fleet.publish_again(&job, Tier::Realtime).await;
    fleet.script.gate().open();
    fleet.drained().await;
    assert_eq!(fleet.ended(job.id).await.state, JobState::Succeeded);
    assert_eq!(fleet.script.calls(), 1);
}

#[tokio::test]
async fn followers_get_the_leaders_result() {
    let fleet = Fleet::start(1);
    fleet.script.gate().close();
    let leader = fleet.submit("Same.", Tier::Standard).await;
    let follower = fleet.submit("Same.", Tier::Standard).await;
    fleet.script.gate().open();
    let (leader, follower) = (fleet.ended(leader.id).await, fleet.ended(follower.id).await);
    assert_eq!(
        (leader.state, leader.from_cache),
        (JobState::Succeeded, false)
    );
    assert_eq!(
        (follower.state, follower.from_cache),
        (JobState::Succeeded, true)
    );
    assert_eq!(fleet.script.calls(), 1);
}

#[tokio::test]
async fn what_a_lost_worker_stored_is_not_computed_again_and_has_its_length() {
    let fleet = Fleet::start(1);
    fleet.script.gate().close();
    fleet.submit("Busy.", Tier::Standard).await;
    fleet.script.gate().arrived(1).await;
    let job = fleet.submit("Same.", Tier::Standard).await;
    let follower = fleet.submit("Same.", Tier::Standard).await;
    let speech = Pcm {
        samples: vec![0.1; 3_000],
        rate: 2_000,
    };
    let stored = Blob {
        bytes: Codec
            .encode(&speech, AudioFormat::Flac)
            .expect("encoded")
            .into(),
        content_type: "audio/flac".to_owned(),
    };
    let key = BlobKey::Result(job.fingerprint.clone());
    let put = fleet.blobs.put(&key, stored, Retention::Cache).await;
    put.expect("stored");
    fleet.script.gate().open();
    for id in [job.id, follower.id] {
        let job = fleet.ended(id).await;
        assert!(job.from_cache);
        assert!((job.timings.audio_seconds - 1.5).abs() < 1e-9, "{job:?}");
    }
    assert_eq!(fleet.script.calls(), 1);
}

#[tokio::test]
async fn a_job_that_is_too_late_expires_and_its_follower_takes_over() {
    let fleet = Fleet::start(1);
    fleet.script.gate().close();
    fleet.submit("Busy.", Tier::Standard).await;
    fleet.script.gate().arrived(1).await;
    let soon = fleet.clock.now().after(Duration::from_secs(5));
    let late = fleet
        .submit_as("v", "Both want this.", Tier::Standard, Some(soon))
        .await;
    let patient = fleet.submit("Both want this.", Tier::Standard).await;
    fleet.clock.advance(Duration::from_secs(6));
    fleet.script.gate().open();
    let late = fleet.ended(late.id).await;
    assert_eq!(late.state, JobState::Expired);
    assert_eq!(
        late.failure.expect("a reason").code,
        ErrorCode::DeadlineExceeded
    );
    assert_eq!(fleet.ended(patient.id).await.state, JobState::Succeeded);
}

#[tokio::test]
async fn an_outage_of_the_store_costs_an_attempt_but_no_job() {
    let fleet = Fleet::start(1);
    fleet.blobs.outage().set_down(true);
    let job = fleet.submit("Keep me.", Tier::Standard).await;
    let waiting = fleet.requeued(job.id, 1).await;
    assert_eq!(
        waiting.failure.map(|failure| failure.code),
        Some(ErrorCode::Unavailable)
    );
    fleet.blobs.outage().set_down(false);
    fleet.clock.advance(Duration::from_secs(1));
    assert_eq!(fleet.ended(job.id).await.state, JobState::Succeeded);
}

/// Says when it is dropped.
struct Mortal {
    inner: FakeSpeechEngine,
    last_words: mpsc::Sender<()>,
}

impl Drop for Mortal {
    fn drop(&mut self) {
        let _ = self.last_words.send(());
    }
}

impl SpeechEngine for Mortal {
    fn plan(&self, request: &SpeechRequest) -> Result<Vec<SpeechChunk>, EngineError> {
        self.inner.plan(request)
    }

    fn speak(&self, chunk: &SpeechChunk) -> Result<Pcm, EngineError> {
        self.inner.speak(chunk)
    }
}

struct MortalLoader {
    engine: EngineId,
    last_words: mpsc::Sender<()>,
}

impl EngineLoader for MortalLoader {
    fn engine(&self) -> &EngineId {
        &self.engine
    }

    fn load(&self, _: &ModelRef, _: usize) -> Result<LoadedEngine, EngineError> {
        let inner = FakeSpeechEngine::new(Script::default());
        Ok(LoadedEngine::Speech(Arc::new(Mortal {
            inner,
            last_words: self.last_words.clone(),
        })))
    }
}

#[tokio::test]
async fn an_idle_model_is_released_and_loaded_again_when_needed() {
    let (last_words, dropped) = mpsc::channel();
    let loader = MortalLoader {
        engine: EngineId::new("piper"),
        last_words,
    };
    let config = WorkerConfig {
        idle_release: Duration::from_millis(20),
        ..WorkerConfig::default()
    };
    let fleet = Fleet::with(Arc::new(loader), config, Script::default());
    let first = fleet.submit("Here.", Tier::Standard).await;
    assert_eq!(fleet.ended(first.id).await.state, JobState::Succeeded);
    let released = tokio::task::spawn_blocking(move || {
        dropped
            .recv_timeout(Duration::from_secs(30))
            .map(|()| dropped)
    });
    let dropped = released
        .await
        .expect("joined")
        .expect("released while nobody used it");
    let again = fleet.submit("And again.", Tier::Standard).await;
    assert_eq!(fleet.ended(again.id).await.state, JobState::Succeeded);
    drop(dropped);
}

#[tokio::test]
async fn withdrawing_a_waiting_job_costs_nothing() {
    let fleet = Fleet::start(1);
    fleet.script.gate().close();
    fleet.submit("Busy.", Tier::Standard).await;
    fleet.script.gate().arrived(1).await;
    let waiting = fleet.submit("Never mind.", Tier::Standard).await;
    fleet.cancel(waiting.id).await;
    fleet.script.gate().open();
    fleet.drained().await;
    assert_eq!(fleet.ended(waiting.id).await.state, JobState::Cancelled);
    assert_eq!(fleet.script.calls(), 1);
    let change = start_at(fleet.clock.now());
    assert!(fleet.records.change(waiting.id, change).await.is_err());
    assert_eq!(
        fleet
            .queue
            .gauge(&fleet.engine)
            .await
            .expect("gauge")
            .tiers
            .len(),
        3
    );
}
