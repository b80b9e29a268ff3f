//! Speaking: plan, speak chunk after chunk, join, write the canonical audio.

use std::sync::Arc;

use bytes::Bytes;
use voicefleet_core::{
    AudioFormat, Pcm, SpeechSpec,
    ports::{Blob, BlobKey, EngineError, SpeechEngine, SpeechRequest},
};

use crate::{
    checkpoints::Checkpoints,
    conclude::Setback,
    run_job::{Attempt, Product},
};

/// The canonical form: lossless, half the size of PCM, at the voice's own rate.
const CANONICAL: AudioFormat = AudioFormat::Flac;

pub(crate) async fn speak(
    attempt: &mut Attempt<'_>,
    engine: Arc<dyn SpeechEngine>,
    spec: &SpeechSpec,
) -> Result<Product, Setback> {
    let request = SpeechRequest {
        text: spec.text.clone(),
        voice: spec.voice.clone(),
        speed: spec.speed,
    };
    let planner = Arc::clone(&engine);
    let chunks = attempt.plan(move || planner.plan(&request)).await?;
    let checkpoints = Checkpoints::of(attempt, &chunks);
    let mut spoken: Vec<Pcm> = attempt.resume(&checkpoints).await?;
    for chunk in chunks.into_iter().skip(spoken.len()) {
        let speaker = Arc::clone(&engine);
        let work = move || speaker.speak(&chunk);
        spoken.push(attempt.chunk(&checkpoints, work).await?);
    }
    let speech = joined(spoken)?;
    let audio_seconds = speech.seconds();
    let codec = Arc::clone(&attempt.resources.parts.codec);
    let encoded = attempt
        .plan(move || {
            codec
                .encode(&speech, CANONICAL)
                .map_err(|error| EngineError::Inference(error.to_string()))
        })
        .await?;
    let blob = Blob {
        bytes: Bytes::from(encoded),
        content_type: CANONICAL.content_type().to_owned(),
    };
    Ok(Product {
        blob,
        audio_seconds,
    })
}

/// The length of the speech that is stored. 0 if the store cannot give it now: the job has its result all the same.
pub(crate) async fn seconds_of_result(attempt: &Attempt<'_>) -> f64 {
    let parts = &attempt.resources.parts;
    let key = BlobKey::Result(attempt.fingerprint.clone());
    let Ok(Some(stored)) = parts.blobs.get(&key).await else {
        return 0.0;
    };
    parts
        .codec
        .stored_seconds(&stored.bytes)
        .unwrap_or_default()
}

fn joined(chunks: Vec<Pcm>) -> Result<Pcm, Setback> {
    let mut speech = Pcm::default();
    for chunk in chunks {
        if speech.samples.is_empty() {
            speech = chunk;
            continue;
        }
        if chunk.rate != speech.rate {
            let reason = format!("chunks at {} and {} Hz", speech.rate, chunk.rate);
            return Err(EngineError::Inference(reason).into_failure().into());
        }
        speech.samples.extend(chunk.samples);
    }
    Ok(speech)
}
