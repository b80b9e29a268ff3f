//! A Whisper model in memory.

use voicefleet_core::{
    ErrorCode, Failure, Pcm, Segment,
    ports::{EngineError, TranscriptionEngine, TranscriptionOptions, Window, WindowTranscript},
};
use whisper_rs::{WhisperContext, WhisperTokenId};

use crate::{
    SAMPLE_RATE,
    decoder::{Decoder, Pass, Task},
    lanes::Lanes,
    language::{self, Languages},
    phrases::{self, Phrase},
    placing, prompt, quality,
    speech::{Detector, Stretch},
    windows,
};

/// Passes over one window at most. One is the rule; another one hears what the model skipped.
const MOST_PASSES: usize = 6;

/// Speech after the last word that makes another pass worth its time, samples. Less is breath, or the
/// end of the last word.
const WORTH_ANOTHER_PASS: usize = 12_000;

/// Silence kept before the speech that another pass begins with, samples.
const LEAD_IN: usize = 3_200;

/// A loaded model with its voice activity detectors, for several calls at a time.
pub(crate) struct WhisperEngine {
    pub(crate) context: WhisperContext,
    pub(crate) languages: Languages,
    /// A call that computes holds one, so there are as many as calls may compute at the same time.
    pub(crate) detectors: Lanes<Detector>,
}

impl TranscriptionEngine for WhisperEngine {
    fn sample_rate(&self) -> u32 {
        SAMPLE_RATE
    }

    fn plan(&self, audio: &Pcm) -> Result<Vec<Window>, EngineError> {
        check_samples(audio, &audio.samples)?;
        let stretches = self.detectors.take().stretches(&audio.samples)?;
        Ok(windows::pack(&audio.samples, stretches))
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
        let asked = self.languages.resolve(options.language.as_deref())?;
        let prompt = prompt::tokens(&self.context, options.prompt.as_deref())?;

        let mut detector = self.detectors.take();
        let stretches = detector.stretches(samples)?;
        if stretches.is_empty() {
            return Ok(WindowTranscript {
                language: asked.unwrap_or_default().to_owned(),
                segments: Vec::new(),
            });
        }
        let mut decoder = Decoder::new(&self.context)?;
        let language = match asked {
            Some(language) => language,
            None => decoder.detect_language(samples, &self.languages)?,
        };
        let mut call = Call {
            decoder,
            samples,
            stretches,
            language,
            prompt,
            temperature,
        };
        let segments = call
            .phrases()?
            .into_iter()
            .map(|heard| heard.into_segment(window.start));
        Ok(WindowTranscript {
            language: language.to_owned(),
            segments: segments.collect(),
        })
    }
}

/// One call's work on one window.
struct Call<'a> {
    decoder: Decoder<'a>,
    samples: &'a [f32],
    stretches: Vec<Stretch>,
    language: &'static str,
    prompt: Vec<WhisperTokenId>,
    temperature: f32,
}

/// A phrase with its times in seconds from the start of the window.
struct Heard {
    phrase: Phrase,
    no_speech: f32,
}

impl Call<'_> {
    /// What is said in the window: passes from where speech is left until none is.
    fn phrases(&mut self) -> Result<Vec<Heard>, EngineError> {
        let speech: Vec<(f64, f64)> = self
            .stretches
            .iter()
            .map(|stretch| (seconds(stretch.start), seconds(stretch.end)))
            .collect();
        let mut heard: Vec<Heard> = Vec::new();
        let mut from = 0;
        for _ in 0..MOST_PASSES {
            let pass = self.decoder.decode(&Task {
                samples: &self.samples[from..],
                speech_seconds: seconds(self.speech_after(from).iter().map(Stretch::len).sum()),
                language: self.language,
                prompt: &self.prompt,
                temperature: self.temperature,
            })?;
            let no_speech = pass.quality.no_speech;
            let earliest = heard.last().map_or(0.0, Heard::end);
            let new = self.kept(pass, from, &speech, earliest);
            heard.extend(new.into_iter().map(|phrase| Heard { phrase, no_speech }));
            // Nothing kept: what is left would give nothing either.
            let Some(last) = heard.last().filter(|last| last.end() > earliest) else {
                break;
            };
            match self.unheard_from(sample(last.end())) {
                Some(unheard) if unheard > from => from = unheard,
                _ => break,
            }
        }
        Ok(heard)
    }

    /// The phrases of a pass that began at sample `from` which somebody said.
    fn kept(
        &self,
        pass: Pass,
        from: usize,
        speech: &placing::Speech,
        earliest: f64,
    ) -> Vec<Phrase> {
        if pass.quality.is_silence() {
            return Vec::new();
        }
        let mut phrases = phrases::phrases(&pass.pieces, language::is_unspaced(self.language));
        for word in phrases.iter_mut().flat_map(|phrase| &mut phrase.words) {
            word.start += seconds(from);
            word.end += seconds(from);
        }
        if pass.quality.is_loop() {
            cut_loop(&mut phrases);
        }
        phrases.retain(|phrase| placing::is_spoken(phrase, speech));
        let mut free_from = earliest;
        for phrase in &mut phrases {
            placing::place(&mut phrase.words, speech, free_from);
            free_from = phrase.end();
        }
        phrases
    }

    /// Where the next pass begins, if there is speech after sample `done` that is worth one.
    fn unheard_from(&self, done: usize) -> Option<usize> {
        let left = self.speech_after(done);
        let amount: usize = left.iter().map(Stretch::len).sum();
        let first = left.iter().find(|stretch| stretch.len() > LEAD_IN)?;
        (amount >= WORTH_ANOTHER_PASS).then(|| first.start.saturating_sub(LEAD_IN).max(done))
    }

    /// The speech after a sample.
    fn speech_after(&self, sample: usize) -> Vec<Stretch> {
        self.stretches
            .iter()
            .filter(|stretch| stretch.end > sample)
            .map(|stretch| stretch.start.max(sample)..stretch.end)
            .collect()
    }
}

impl Phrase {
    fn end(&self) -> f64 {
        self.words.last().map_or(0.0, |word| word.end)
    }
}

impl Heard {
    fn end(&self) -> f64 {
        self.phrase.end()
    }

    /// As a segment of the recording, in which the window begins at sample `offset`.
    fn into_segment(self, offset: usize) -> Segment {
        let offset = seconds(offset);
        let mut words = self.phrase.words;
        for word in &mut words {
            word.start += offset;
            word.end += offset;
        }
        Segment {
            start: words.first().map_or(offset, |word| word.start),
            end: words.last().map_or(offset, |word| word.end),
            text: self.phrase.text,
            avg_logprob: self.phrase.log_probability,
            no_speech_prob: self.no_speech,
            words,
        }
    }
}

/// Removes a loop at the end of the text, and with it the phrases that it runs through.
fn cut_loop(phrases: &mut Vec<Phrase>) {
    let spoken: Vec<String> = phrases
        .iter()
        .flat_map(|phrase| &phrase.words)
        .map(|word| word.word.to_lowercase())
        .collect();
    let Some(mut keep) = quality::loop_start(&spoken) else {
        // It repeats itself without a pattern that could be cut out.
        phrases.clear();
        return;
    };
    phrases.retain(|phrase| {
        let whole = phrase.words.len() <= keep;
        keep = if whole { keep - phrase.words.len() } else { 0 };
        whole
    });
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

#[expect(
    clippy::cast_precision_loss,
    reason = "recordings are shorter than 2^52 samples"
)]
fn seconds(samples: usize) -> f64 {
    samples as f64 / f64::from(SAMPLE_RATE)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a time within the recording"
)]
fn sample(seconds: f64) -> usize {
    (seconds * f64::from(SAMPLE_RATE)) as usize
}
