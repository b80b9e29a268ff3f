//! Speaking: plan, speak chunk after chunk, join, write the canonical audio.

use std::sync::Arc;

use bytes::Bytes;
use voicefleet_core::{
    AudioFormat, Pcm, SpeechSpec,
    ports::{Blob, EngineError, SpeechEngine, SpeechRequest},
};

use crate::{
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
    attempt.planned(chunks.len()).await?;
    let mut speech = Pcm::default();
    for chunk in chunks {
        let speaker = Arc::clone(&engine);
        let spoken = attempt.chunk(move || speaker.speak(&chunk)).await?;
        append(&mut speech, spoken)?;
    }
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

fn append(speech: &mut Pcm, spoken: Pcm) -> Result<(), Setback> {
    if speech.samples.is_empty() {
        *speech = spoken;
        return Ok(());
    }
    if spoken.rate != speech.rate {
        let reason = format!("chunks at {} and {} Hz", speech.rate, spoken.rate);
        return Err(EngineError::Inference(reason).into_failure().into());
    }
    speech.samples.extend(spoken.samples);
    Ok(())
}
