//! What is old is forgotten, and nothing else.

use std::time::Duration;

use bytes::Bytes;
use voicefleet_core::{
    EngineId, ErrorCode, Failure, Job, JobSpec, JobState, Tier, TranscriptionSpec,
    ports::{Blob, BlobKey, RecordError, Retention, Settlement},
};
use voicefleet_embedded::Tidied;
use voicefleet_testkit::{FakeClock, speech_job};

use crate::bench::Database;

const RETENTION: Duration = Duration::from_hours(7 * 24);
/// As long as the files of a batch are promised.
const PINNED_RETENTION: Duration = Duration::from_hours(30 * 24);

#[tokio::test]
async fn finished_jobs_and_dead_letters_are_kept_for_the_retention() {
    let clock = FakeClock::default();
    let database = Database::at(&clock).await;
    let fault = Failure::new(ErrorCode::NotAudio, "not audio");
    let old = database.accept().await;
    let delivery = database.start_next().await;
    database
        .change(old.id, database.end(JobState::Failed, &fault))
        .await;
    delivery
        .settle(Settlement::DeadLetter(fault))
        .await
        .expect("settled");
    let waiting = database.accept().await;
    clock.advance(RETENTION);
    assert_eq!(database.embedded.tidy().await, Ok(Tidied::default()));
    let young = database.submit().await;
    database.change(young.id, database.succeed()).await;
    clock.advance(Duration::from_millis(1));

    let tidied = Tidied {
        jobs: 1,
        dead_letters: 1,
        uploads: 0,
    };
    assert_eq!(database.embedded.tidy().await, Ok(tidied));
    assert_eq!(
        database.records().get(old.id).await,
        Err(RecordError::NotFound(old.id))
    );
    assert_eq!(database.job(waiting.id).await.state, JobState::Queued);
    assert_eq!(database.job(young.id).await.state, JobState::Succeeded);
    let gauge = database.gauge().await;
    assert_eq!((gauge.ready, gauge.dead), (1, 0));
    database.assert_counts_are_true().await;
}

#[tokio::test]
async fn many_old_jobs_are_forgotten_in_one_round() {
    let clock = FakeClock::default();
    let database = Database::at(&clock).await;
    let records = database.records();
    for _ in 0..1_200 {
        let job = Job {
            state: JobState::Succeeded,
            finished_at: Some(voicefleet_core::Clock::now(&clock)),
            ..speech_job("cached", Tier::Batch, voicefleet_core::Clock::now(&clock))
        };
        records.insert_finished(&job).await.expect("recorded");
    }
    clock.advance(RETENTION + Duration::from_millis(1));
    assert_eq!(database.embedded.tidy().await.expect("tidied").jobs, 1_200);
}

#[tokio::test]
async fn uploads_that_nobody_came_back_for_become_evictable() {
    let clock = FakeClock::default();
    let database = Database::with(|config| {
        config.clock = std::sync::Arc::new(clock.clone());
        config.blob_limit_bytes = 1 << 20;
    })
    .await;
    let blobs = database.blobs();
    let blob = Blob {
        bytes: Bytes::from(vec![1; 300 << 10]),
        content_type: "audio/wav".to_owned(),
    };
    let key = |name: &str| BlobKey::Upload(name.to_owned());
    for name in ["forgotten", "awaited"] {
        blobs
            .put(&key(name), blob.clone(), Retention::Pinned)
            .await
            .expect("stored");
    }
    let job = transcription(&database, "awaited").await;
    clock.advance(PINNED_RETENTION);
    assert_eq!(database.embedded.tidy().await, Ok(Tidied::default()));
    clock.advance(Duration::from_millis(1));
    blobs
        .put(&key("young"), blob.clone(), Retention::Pinned)
        .await
        .expect("stored");
    let full = blobs
        .put(&key("new"), blob.clone(), Retention::Pinned)
        .await;
    assert!(full.is_err());
    let tidied = Tidied {
        uploads: 1,
        ..Tidied::default()
    };
    assert_eq!(database.embedded.tidy().await, Ok(tidied));
    blobs
        .put(&key("new"), blob.clone(), Retention::Pinned)
        .await
        .expect("there is room now");
    for (name, there) in [("forgotten", false), ("awaited", true), ("young", true)] {
        assert_eq!(blobs.contains(&key(name)).await, Ok(there), "{name}");
    }

    let cancelled = Failure::new(ErrorCode::Cancelled, "withdrawn by the client");
    database
        .change(job.id, database.end(JobState::Cancelled, &cancelled))
        .await;
    assert_eq!(database.embedded.tidy().await, Ok(tidied));
}

/// A transcription that waits for a worker.
async fn transcription(database: &Database, audio_key: &str) -> Job {
    let spec = JobSpec::Transcription(TranscriptionSpec {
        walled: None,
        engine: EngineId::new("whisper"),
        model: "fake".into(),
        model_digest: "0".repeat(64),
        audio_key: audio_key.to_owned(),
        audio_digest: "0".repeat(64),
        audio_seconds: 1.0,
        language: None,
        temperature: 0.0,
        prompt: None,
        translate: false,
    });
    let template = speech_job("x", Tier::Standard, database.config.clock.now());
    let job = Job {
        fingerprint: spec.fingerprint(),
        spec,
        ..template
    };
    database.records().submit(&job).await.expect("submitted");
    job
}
