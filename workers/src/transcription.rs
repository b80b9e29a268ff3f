//! Transcribing: read the upload, find the speech, listen window after window.

use std::sync::Arc;

use bytes::Bytes;
use voicefleet_core::{
    ErrorCode, Failure, JobSpec, Pcm, Tier, Transcript, TranscriptionSpec,
    ports::{
        Blob, BlobKey, EngineError, TranscriptionEngine, TranscriptionOptions, Window,
        WindowTranscript,
    },
};

use crate::{
    checkpoints::Checkpoints,
    conclude::Setback,
    run_job::{Attempt, Product},
    worker::Resources,
};

pub(crate) async fn transcribe(
    attempt: &mut Attempt<'_>,
    engine: Arc<dyn TranscriptionEngine>,
    spec: &TranscriptionSpec,
) -> Result<Product, Setback> {
    let upload = read_upload(attempt.resources, spec).await?;
    let (audio, windows) = find_speech(attempt, &engine, upload).await?;
    let checkpoints = Checkpoints::of(attempt, &windows);
    let mut heard: Vec<WindowTranscript> = attempt.resume(&checkpoints).await?;
    let mut options = TranscriptionOptions {
        language: spec.language.clone(),
        temperature: spec.temperature,
        prompt: spec.prompt.clone(),
        translate: spec.translate,
        urgent: attempt.tier == Tier::Realtime,
    };
    for window in windows.into_iter().skip(heard.len()) {
        // What the first window was found to be in, the others are taken to be in.
        if let Some(last) = heard.last() {
            options.language = Some(last.language.clone());
        }
        let (listener, audio, asked) = (Arc::clone(&engine), Arc::clone(&audio), options.clone());
        let work = move || listener.transcribe(&audio, window, &asked);
        heard.push(attempt.chunk(&checkpoints, work).await?);
    }
    let language = heard.last().map(|last| last.language.clone());
    let transcript = Transcript {
        language: language.or(options.language).unwrap_or_default(),
        duration: audio.seconds(),
        segments: heard
            .into_iter()
            .flat_map(|window| window.segments)
            .collect(),
    };
    let json = serde_json::to_vec(&transcript).map_err(|error| {
        Failure::new(
            ErrorCode::Internal,
            format!("a transcript is not JSON: {error}"),
        )
    })?;
    let blob = Blob {
        bytes: Bytes::from(json),
        content_type: "application/json".to_owned(),
    };
    Ok(Product {
        blob,
        audio_seconds: transcript.duration,
    })
}

/// The upload of a job that has its result may be evicted from now on. That of one which failed stays
/// for as long as it is pinned, so that the job can be submitted again.
pub(crate) async fn release_upload_of(resources: &Resources, spec: &JobSpec) {
    let JobSpec::Transcription(spec) = spec else {
        return;
    };
    let key = BlobKey::Upload(spec.audio_key.clone());
    if let Err(error) = resources.parts.blobs.unpin(&key).await {
        tracing::warn!(%error, "an upload could not be released");
    }
}

async fn read_upload(resources: &Resources, spec: &TranscriptionSpec) -> Result<Bytes, Setback> {
    let found = resources
        .parts
        .blobs
        .get(&BlobKey::Upload(spec.audio_key.clone()))
        .await;
    let blob = found.map_err(|error| {
        tracing::warn!(%error, "an upload could not be read");
        Failure::new(
            ErrorCode::Unavailable,
            "the uploaded audio could not be read",
        )
    })?;
    let gone = || Failure::new(ErrorCode::FileNotFound, "the uploaded audio is gone");
    Ok(blob.ok_or_else(gone)?.bytes)
}

async fn find_speech(
    attempt: &mut Attempt<'_>,
    engine: &Arc<dyn TranscriptionEngine>,
    upload: Bytes,
) -> Result<(Arc<Pcm>, Vec<Window>), Setback> {
    let (planner, codec) = (
        Arc::clone(engine),
        Arc::clone(&attempt.resources.parts.codec),
    );
    let limits = attempt.resources.config.audio_limits;
    attempt
        .plan(move || {
            let rate = planner.sample_rate();
            let audio = codec
                .decode(&upload, Some(rate), limits)
                .map_err(|error| EngineError::Refused(error.into_failure("file")))?;
            let windows = planner.plan(&audio)?;
            Ok((Arc::new(audio), windows))
        })
        .await
}
