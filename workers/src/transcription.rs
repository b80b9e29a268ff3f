//! Transcribing: read the upload, find the speech, listen window after window.

use std::sync::Arc;

use bytes::Bytes;
use voicefleet_core::{
    ErrorCode, Failure, Pcm, Transcript, TranscriptionSpec,
    ports::{Blob, BlobKey, EngineError, TranscriptionEngine, TranscriptionOptions, Window},
};

use crate::{
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
    attempt.planned(windows.len()).await?;
    let mut options = TranscriptionOptions {
        language: spec.language.clone(),
        temperature: spec.temperature,
        prompt: spec.prompt.clone(),
    };
    let mut segments = Vec::new();
    for window in windows {
        let (listener, audio, asked) = (Arc::clone(&engine), Arc::clone(&audio), options.clone());
        let heard = attempt
            .chunk(move || listener.transcribe(&audio, window, &asked))
            .await?;
        // What the first window was found to be in, the others are taken to be in.
        options.language = Some(heard.language);
        segments.extend(heard.segments);
    }
    let language = options.language.unwrap_or_default();
    let transcript = Transcript {
        language,
        duration: audio.seconds(),
        segments,
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

/// The upload may be evicted from now on.
pub(crate) async fn release_upload(resources: &Resources, spec: &TranscriptionSpec) {
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
