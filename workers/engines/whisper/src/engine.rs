//! A Whisper model in memory.

use std::sync::{Mutex, PoisonError};

use crate::{
    SAMPLE_RATE,
    condensed::condense,
    found::FoundSpeech,
    lanes::Lanes,
    listening::{Listened, Listening},
    pass::Runtime,
    prompt,
    speech::{Detector, Stretch},
    windows,
};
use voicefleet_core::{
    ErrorCode, Failure, Pcm,
    ports::{EngineError, TranscriptionEngine, TranscriptionOptions, Window, WindowTranscript},
};

/// Recordings for each lane that are planned before they are transcribed, at most, of which the speech is kept.
const PLANNED: usize = 4;

/// A loaded model with its voice activity detectors, for several calls at a time.
pub(crate) struct WhisperEngine {
    runtime: Box<dyn Runtime>,
    /// A call that computes holds one, so there are as many as calls may compute at the same time.
    detectors: Lanes<Detector>,
    found: FoundSpeech,
    /// The language detected last: the first guess next time. A right guess makes detection free, a
    /// wrong one costs a pass; the answer is the same.
    guess: Mutex<&'static str>,
}

impl WhisperEngine {
    pub(crate) fn new(runtime: Box<dyn Runtime>, detectors: Vec<Detector>) -> Self {
        Self {
            runtime,
            found: FoundSpeech::of(PLANNED * detectors.len()),
            detectors: Lanes::new(detectors),
            guess: Mutex::new("en"),
        }
    }

    fn guess(&self) -> &'static str {
        *self.guess.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, language: &'static str) {
        *self.guess.lock().unwrap_or_else(PoisonError::into_inner) = language;
    }
}

impl TranscriptionEngine for WhisperEngine {
    fn sample_rate(&self) -> u32 {
        SAMPLE_RATE
    }

    fn plan(&self, audio: &Pcm) -> Result<Vec<Window>, EngineError> {
        check_samples(audio, &audio.samples)?;
        let samples = &audio.samples;
        let stretches = self.detectors.take().stretches(samples)?;
        let windows = windows::pack(samples, stretches.clone(), self.runtime.longest_window());
        if let [window] = windows[..] {
            let of_window = |stretch: Stretch| {
                stretch.start.saturating_sub(window.start)..stretch.end.saturating_sub(window.start)
            };
            let stretches = stretches.into_iter().map(of_window).collect();
            self.found
                .keep(&samples[window.start..window.end], stretches);
        }
        Ok(windows)
    }

    fn transcribe(
        &self,
        audio: &Pcm,
        window: Window,
        options: &TranscriptionOptions,
    ) -> Result<WindowTranscript, EngineError> {
        let samples = window_samples(audio, window)?;
        check_samples(audio, samples)?;
        let temperature = checked_temperature(options.temperature)?;
        let asked = self
            .runtime
            .languages()
            .resolve(options.language.as_deref())?;
        let prompt = match prompt::running_text(options.prompt.as_deref())? {
            Some(text) => self.runtime.prompt(&text)?,
            None => Vec::new(),
        };

        let mut detector = self.detectors.take();
        let stretches = match self.found.take(samples) {
            Some(stretches) => stretches,
            None => detector.stretches(samples)?,
        };
        if stretches.is_empty() {
            return Ok(WindowTranscript {
                language: asked.unwrap_or_default().to_owned(),
                segments: Vec::new(),
            });
        }
        let condensed = condense(samples, &stretches);
        let mut language = asked.unwrap_or_else(|| self.guess());
        let mut guessed = asked.is_none();
        let segments = loop {
            // A decoder of its own for every language, so that a wrong guess leaves no trace.
            let listening = Listening {
                decoder: self.runtime.decoder(options.urgent)?,
                audio: &condensed,
                language,
                guessed,
                prompt: &prompt,
                temperature,
                translate: options.translate,
            };
            match listening.listen()? {
                Listened::Heard(heard) => {
                    break heard
                        .into_iter()
                        .map(|heard| heard.into_segment(&condensed, window));
                }
                Listened::OtherLanguage(spoken) => (language, guessed) = (spoken, false),
            }
        };
        if asked.is_none() {
            self.remember(language);
        }
        Ok(WindowTranscript {
            language: language.to_owned(),
            segments: segments.collect(),
        })
    }
}

fn window_samples(audio: &Pcm, window: Window) -> Result<&[f32], EngineError> {
    if window.end.saturating_sub(window.start) > windows::LONGEST {
        return Err(EngineError::Inference(
            "the window is longer than 30 s".to_owned(),
        ));
    }
    audio
        .samples
        .get(window.start..window.end)
        .ok_or_else(|| EngineError::Inference("the window lies outside the audio".to_owned()))
}

fn check_samples(audio: &Pcm, samples: &[f32]) -> Result<(), EngineError> {
    if audio.rate != SAMPLE_RATE {
        return Err(EngineError::Inference(format!(
            "the audio has {} samples per second, not {SAMPLE_RATE}",
            audio.rate
        )));
    }
    if i32::try_from(samples.len()).is_err() {
        return Err(EngineError::Refused(Failure::new(
            ErrorCode::AudioTooLong,
            "the audio is longer than 37 hours",
        )));
    }
    if samples.iter().any(|sample| !sample.is_finite()) {
        return Err(EngineError::Refused(Failure::new(
            ErrorCode::NotAudio,
            "the audio holds samples that are no numbers",
        )));
    }
    Ok(())
}

fn checked_temperature(temperature: f32) -> Result<f32, EngineError> {
    if (0.0..=1.0).contains(&temperature) {
        return Ok(temperature);
    }
    Err(EngineError::Refused(Failure::of_field(
        ErrorCode::InvalidRequest,
        "temperature",
        "the temperature must be between 0 and 1",
    )))
}
