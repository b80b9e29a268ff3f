//! The engine: from a request to chunks, from a chunk to audio.

use voicefleet_core::{
    ErrorCode, Failure, Pcm,
    ports::{EngineError, SpeechChunk, SpeechEngine, SpeechRequest},
};
use voicefleet_phonemes::Espeak;
use voicefleet_verbalise::verbalise;

use crate::{
    chunks::{self, Sentence},
    edges,
    english::English,
    foreign,
    language::{self, Language},
    model::{Model, SAMPLE_RATE},
    sentences::sentences,
    tempo,
    vocabulary::Vocabulary,
    voices::Voices,
};

/// Kokoro in memory.
pub(crate) struct KokoroEngine {
    model: Model,
    vocabulary: Vocabulary,
    voices: Voices,
    english: English,
    espeak: Espeak,
}

impl KokoroEngine {
    pub(crate) fn new(
        model: Model,
        vocabulary: Vocabulary,
        voices: Voices,
        english: English,
        espeak: Espeak,
    ) -> Self {
        Self {
            model,
            vocabulary,
            voices,
            english,
            espeak,
        }
    }

    fn sentences(&self, language: Language, text: &str) -> Result<Vec<Sentence>, EngineError> {
        let text = match language {
            Language::English(_) => verbalise(text),
            Language::Foreign(_) => text.to_owned(),
        };
        let mut spoken = Vec::new();
        for line in in_readable_words(&text).lines() {
            for sentence in sentences(line) {
                let phonemes = match language {
                    Language::English(accent) => self.english.phonemes(accent, sentence)?,
                    Language::Foreign(voice) => foreign::phonemes(&self.espeak, voice, sentence)?,
                };
                let phonemes = self.vocabulary.known(&phonemes);
                if Vocabulary::is_audible(&phonemes) {
                    spoken.push(Sentence {
                        phonemes,
                        ends_line: false,
                    });
                }
            }
            if let Some(last) = spoken.last_mut() {
                last.ends_line = true;
            }
        }
        Ok(spoken)
    }
}

impl SpeechEngine for KokoroEngine {
    fn plan(&self, request: &SpeechRequest) -> Result<Vec<SpeechChunk>, EngineError> {
        check_speed(request.speed)?;
        let mix = self.voices.resolve(&request.voice)?;
        let language = language::of_mix(&mix)?;
        let sentences = self.sentences(language, &request.text)?;
        if sentences.is_empty() {
            let message = "the text has nothing that can be spoken in the voice's language";
            return Err(EngineError::Refused(Failure::of_field(
                ErrorCode::UnspeakableText,
                "input",
                message,
            )));
        }
        let chunks = chunks::pack(&sentences, request.speed)
            .into_iter()
            .map(|chunk| SpeechChunk {
                phonemes: chunk.phonemes,
                voice: request.voice.clone(),
                speed: request.speed,
                pause_ms: chunk.pause_ms,
            });
        Ok(chunks.collect())
    }

    fn speak(&self, chunk: &SpeechChunk) -> Result<Pcm, EngineError> {
        check_speed(chunk.speed)?;
        let mix = self.voices.resolve(&chunk.voice)?;
        let ids = self.vocabulary.ids(&chunk.phonemes);
        let style = self.voices.style(&mix, ids.len())?;
        let (speed, rest) = tempo::split(chunk.speed);
        let audio = self.model.run(&ids, style, speed)?;
        let mut samples = tempo::quicken(edges::trim(&audio), rest)?;
        within_full_scale(&mut samples);
        let pause = u64::from(SAMPLE_RATE) * u64::from(chunk.pause_ms) / 1000;
        samples.resize(samples.len() + usize::try_from(pause).unwrap_or(0), 0.0);
        Ok(Pcm {
            samples,
            rate: SAMPLE_RATE,
        })
    }
}

/// Puts blanks into runs of letters that are no words: espeak-ng drops what is beyond its buffer.
fn in_readable_words(text: &str) -> String {
    /// The longest word in English dictionaries has 45 letters.
    const LONGEST_WORD: usize = 60;
    let mut run = 0;
    let mut readable = String::with_capacity(text.len());
    for c in text.chars() {
        run = if c.is_alphanumeric() { run + 1 } else { 0 };
        if run > LONGEST_WORD {
            readable.push(' ');
            run = 1;
        }
        readable.push(c);
    }
    readable
}

/// Lowers audio that exceeds full scale (`bf_isabella` does, a little), so that it is not clipped later.
fn within_full_scale(samples: &mut [f32]) {
    let peak = samples
        .iter()
        .fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
    if peak > 1.0 {
        for sample in samples {
            *sample /= peak;
        }
    }
}

fn check_speed(speed: f32) -> Result<(), EngineError> {
    if (0.25..=4.0).contains(&speed) {
        return Ok(());
    }
    let message = format!("the speed {speed} is not between 0.25 and 4");
    Err(EngineError::Refused(Failure::of_field(
        ErrorCode::SpeedOutOfRange,
        "speed",
        message,
    )))
}
