//! Where somebody speaks: Silero's voice activity detection, run by whisper.cpp.

use std::{ops::Range, path::Path};

use voicefleet_core::ports::EngineError;
use whisper_rs::{WhisperVadContext, WhisperVadContextParams, WhisperVadParams};

use crate::ggml::model_file;

/// Speech probability above which a stretch of speech begins; Silero's own default.
const THRESHOLD: f32 = 0.5;

/// Shorter bursts are no speech. A spoken "no" is 150 ms at least; clicks and pops are shorter.
const SHORTEST_SPEECH_MS: i32 = 150;

/// A pause this long ends a stretch (whisper.cpp then joins stretches less than 200 ms apart).
const SHORTEST_PAUSE_MS: i32 = 100;

/// Samples per centisecond, the unit in which whisper.cpp reports stretches.
const SAMPLES_PER_CENTISECOND: usize = 160;

/// A stretch of speech without a pause, by sample index.
pub(crate) type Stretch = Range<usize>;

/// Finds speech. It carries its state from frame to frame: one caller at a time.
pub(crate) struct Detector(WhisperVadContext);

impl Detector {
    /// Loads the detection model (under 3 MB in memory).
    pub(crate) fn load(path: &Path) -> Result<Self, EngineError> {
        let unusable = |why: String| {
            tracing::error!(path = %path.display(), why, "voice activity model not loaded");
            EngineError::Load(format!("the voice activity model is not usable: {why}"))
        };
        model_file::inspect_vad(path).map_err(|defect| unusable(defect.to_string()))?;
        let name = path
            .to_str()
            .filter(|name| !name.contains('\0'))
            .ok_or_else(|| unusable("its path is not UTF-8".to_owned()))?;
        let mut parameters = WhisperVadContextParams::default();
        parameters.set_n_threads(1);
        WhisperVadContext::new(name, parameters)
            .map(Self)
            .map_err(|error| unusable(error.to_string()))
    }

    /// The stretches of speech in audio at 16 kHz, in time order, tight around the speech.
    ///
    /// Costs 3 ms of one core per second of audio; memory does not grow with the length.
    pub(crate) fn stretches(&mut self, samples: &[f32]) -> Result<Vec<Stretch>, EngineError> {
        if samples.is_empty() {
            return Ok(Vec::new());
        }
        let mut parameters = WhisperVadParams::default();
        parameters.set_threshold(THRESHOLD);
        parameters.set_min_speech_duration(SHORTEST_SPEECH_MS);
        parameters.set_min_silence_duration(SHORTEST_PAUSE_MS);
        parameters.set_speech_pad(0);
        let found = self
            .0
            .segments_from_samples(parameters, samples)
            .map_err(|error| {
                EngineError::Inference(format!("voice activity detection: {error}"))
            })?;
        Ok(found
            .map(|stretch| sample(stretch.start)..sample(stretch.end).min(samples.len()))
            .filter(|stretch| !stretch.is_empty())
            .collect())
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "whole centiseconds within the recording; a negative one would saturate to 0"
)]
fn sample(centiseconds: f32) -> usize {
    centiseconds as usize * SAMPLES_PER_CENTISECOND
}
