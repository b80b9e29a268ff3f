//! A voice that hums.

use voicefleet_core::{
    ErrorCode, Failure, Pcm,
    ports::{EngineError, SpeechChunk, SpeechEngine, SpeechRequest},
};

use super::Script;

/// Audio per character, milliseconds.
const MS_PER_CHAR: usize = 10;

/// Silence after every chunk, milliseconds.
const PAUSE_MS: u32 = 50;

/// Speaks each sentence as a tone whose pitch follows from the text and the voice: equal input gives
/// equal samples, other input other ones. 10 ms of tone per character at speed 1, then 50 ms of silence.
#[derive(Clone, Debug)]
pub struct FakeSpeechEngine {
    script: Script,
    rate: u32,
}

impl FakeSpeechEngine {
    /// An engine at 22 050 Hz. Its calls to `speak` follow `script`.
    pub fn new(script: Script) -> Self {
        Self {
            script,
            rate: 22_050,
        }
    }

    /// The same at another sample rate (Hz).
    #[must_use]
    pub fn at_rate(self, rate: u32) -> Self {
        Self { rate, ..self }
    }

    fn samples(&self, milliseconds: usize) -> usize {
        milliseconds * self.rate as usize / 1000
    }
}

impl SpeechEngine for FakeSpeechEngine {
    /// One chunk per sentence; the text stands for its phonemes. Text without a letter or digit is
    /// refused as `unspeakable_text`, a voice named `nobody` as `unknown_voice`.
    fn plan(&self, request: &SpeechRequest) -> Result<Vec<SpeechChunk>, EngineError> {
        if request.voice == "nobody" {
            return Err(refused(
                ErrorCode::UnknownVoice,
                "voice",
                "there is no voice 'nobody'",
            ));
        }
        let sentences = request
            .text
            .split_inclusive(['.', '!', '?', '\n'])
            .map(str::trim);
        let chunks: Vec<SpeechChunk> = sentences
            .filter(|sentence| sentence.chars().any(char::is_alphanumeric))
            .map(|sentence| SpeechChunk {
                phonemes: sentence.to_owned(),
                voice: request.voice.clone(),
                speed: request.speed,
                pause_ms: PAUSE_MS,
            })
            .collect();
        if chunks.is_empty() {
            return Err(refused(
                ErrorCode::UnspeakableText,
                "input",
                "nothing can be spoken",
            ));
        }
        Ok(chunks)
    }

    fn speak(&self, chunk: &SpeechChunk) -> Result<Pcm, EngineError> {
        self.script.play(EngineError::Inference)?;
        let letters = chunk.phonemes.chars().chain(chunk.voice.chars());
        let sum: u32 = letters
            .zip(1_u32..)
            .map(|(c, place)| (c as u32) * place % 97)
            .sum();
        let tone = self.samples(stretched(
            chunk.phonemes.chars().count() * MS_PER_CHAR,
            chunk.speed,
        ));
        let pause = self.samples(chunk.pause_ms as usize);
        let mut samples = sine(200.0 + f64::from(sum % 600), tone, self.rate);
        samples.resize(tone + pause, 0.0);
        Ok(Pcm {
            samples,
            rate: self.rate,
        })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "milliseconds of a test's text, at a speed above 0"
)]
fn stretched(milliseconds: usize, speed: f32) -> usize {
    (milliseconds as f64 / f64::from(speed.max(0.1))) as usize
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "samples are f32 and few"
)]
fn sine(hertz: f64, samples: usize, rate: u32) -> Vec<f32> {
    let step = std::f64::consts::TAU * hertz / f64::from(rate);
    (0..samples)
        .map(|index| (0.5 * (step * index as f64).sin()) as f32)
        .collect()
}

fn refused(code: ErrorCode, field: &str, message: &str) -> EngineError {
    EngineError::Refused(Failure::of_field(code, field, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speak(text: &str, speed: f32) -> Vec<Pcm> {
        let engine = FakeSpeechEngine::new(Script::default());
        let request = SpeechRequest {
            text: text.into(),
            voice: "v".into(),
            speed,
        };
        let chunks = engine.plan(&request).expect("speakable");
        chunks
            .iter()
            .map(|chunk| engine.speak(chunk).expect("speaks"))
            .collect()
    }

    #[test]
    fn equal_input_gives_equal_audio_and_other_input_other() {
        assert_eq!(
            speak("Hello there. Bye!", 1.0),
            speak("Hello there. Bye!", 1.0)
        );
        let [hello, bye] = speak("Hello there. Bye!", 1.0)
            .try_into()
            .expect("two sentences");
        assert_ne!(hello, bye);
        assert!(
            (hello.seconds() - 0.17).abs() < 0.001,
            "{}",
            hello.seconds()
        );
        assert!(speak("Hello there.", 2.0)[0].seconds() < hello.seconds());
    }

    #[test]
    fn the_script_fails_and_panics_as_often_as_asked() {
        let script = Script::default();
        let engine = FakeSpeechEngine::new(script.clone());
        let request = SpeechRequest {
            text: "a".into(),
            voice: "v".into(),
            speed: 1.0,
        };
        let chunk = &engine.plan(&request).expect("speakable")[0];
        script.fail_next(2);
        assert!(engine.speak(chunk).is_err());
        assert!(engine.speak(chunk).is_err());
        assert!(engine.speak(chunk).is_ok());
        script.panic_next(1);
        let call = std::panic::AssertUnwindSafe(|| engine.speak(chunk));
        assert!(std::panic::catch_unwind(call).is_err());
        assert!(engine.speak(chunk).is_ok());
        assert_eq!(script.calls(), 5);
    }
}
