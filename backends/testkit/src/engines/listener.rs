//! An ear that answers with what it was told to hear.

use voicefleet_core::{
    Pcm, Segment, Word,
    ports::{EngineError, TranscriptionEngine, TranscriptionOptions, Window, WindowTranscript},
};

use super::Script;

/// Length of one window, seconds.
const WINDOW_SECONDS: usize = 1;

/// Cuts audio into windows of one second, leaves out those that are silent, and hears the next words of
/// its text in each: one word per window, from the beginning again when they are used up.
#[derive(Clone, Debug)]
pub struct FakeTranscriber {
    script: Script,
    words: Vec<String>,
    rate: u32,
}

impl FakeTranscriber {
    /// An engine at 16 kHz that hears `text`. Its calls to `transcribe` follow `script`.
    ///
    /// # Panics
    /// If `text` has no words.
    pub fn new(script: Script, text: &str) -> Self {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        assert!(!words.is_empty(), "the fake needs words to hear");
        Self {
            script,
            words,
            rate: 16_000,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a test's audio is short")]
    fn seconds(&self, sample: usize) -> f64 {
        sample as f64 / f64::from(self.rate)
    }
}

impl TranscriptionEngine for FakeTranscriber {
    fn sample_rate(&self) -> u32 {
        self.rate
    }

    fn plan(&self, audio: &Pcm) -> Result<Vec<Window>, EngineError> {
        let length = WINDOW_SECONDS * self.rate as usize;
        let windows = audio.samples.chunks(length).enumerate();
        Ok(windows
            .filter(|(_, samples)| samples.iter().any(|sample| sample.abs() > 1e-3))
            .map(|(index, samples)| Window {
                start: index * length,
                end: index * length + samples.len(),
            })
            .collect())
    }

    fn transcribe(
        &self,
        _audio: &Pcm,
        window: Window,
        options: &TranscriptionOptions,
    ) -> Result<WindowTranscript, EngineError> {
        self.script.play(EngineError::Inference)?;
        let index = window.start / (WINDOW_SECONDS * self.rate as usize);
        let word = self.words[index % self.words.len()].clone();
        let (start, end) = (self.seconds(window.start), self.seconds(window.end));
        let segment = Segment {
            start,
            end,
            text: word.clone(),
            avg_logprob: -0.1,
            no_speech_prob: 0.01,
            words: vec![Word {
                word,
                start,
                end,
                probability: 0.9,
            }],
        };
        let language = options.language.clone().unwrap_or_else(|| "en".to_owned());
        Ok(WindowTranscript {
            language,
            segments: vec![segment],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_left_out_and_times_count_from_the_start() {
        let engine = FakeTranscriber::new(Script::default(), "one two three");
        let mut samples = vec![0.0; 16_000];
        samples.extend(vec![0.5; 20_000]);
        let audio = Pcm {
            samples,
            rate: 16_000,
        };
        let windows = engine.plan(&audio).expect("plans");
        assert_eq!(windows.len(), 2);
        let options = TranscriptionOptions::default();
        let heard = engine
            .transcribe(&audio, windows[0], &options)
            .expect("hears");
        assert_eq!(heard.segments[0].text, "two");
        assert!((heard.segments[0].start - 1.0).abs() < 1e-9);
    }
}
