//! Whether a decoded text is worth having: the thresholds that OpenAI's reference decoder, whisper.cpp
//! and faster-whisper share.

use std::io::Write;

use flate2::{Compression, write::ZlibEncoder};

/// Text that zlib makes smaller by more than this factor repeats itself.
const MOST_COMPRESSIBLE: f64 = 2.4;

/// Mean log probability of the tokens below which the model was guessing.
const LEAST_LOG_PROBABILITY: f32 = -1.0;

/// Mean log probability below which a text is not believed that was written from a shortened window. Speech that is clear
/// has -0.1 to -0.4.
const DOUBTFUL_LOG_PROBABILITY: f32 = -0.5;

/// Probability of "nobody speaks" above which an uncertain text is no text.
const MOST_NO_SPEECH: f32 = 0.6;

/// Letters and digits per second of speech beyond what anybody says; fast English has about 20.
const FASTEST: f64 = 30.0;

/// Least speech that a pace is reckoned with, seconds.
const SHORTEST_SPEECH: f64 = 0.2;

/// What is known about a decoded text.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Quality {
    /// Bytes of the text divided by bytes of its zlib compression.
    pub(crate) compression: f64,
    /// Letters and digits per second of speech.
    pub(crate) pace: f64,
    /// The model came to an end by itself.
    pub(crate) finished: bool,
    /// Mean log probability of its tokens.
    pub(crate) log_probability: f32,
    /// Probability that there was no speech.
    pub(crate) no_speech: f32,
    /// It says the same thing several times in a row: see [`stutters`].
    pub(crate) stutters: bool,
}

impl Quality {
    /// What the text itself tells; the rest is for the model to say.
    #[expect(clippy::cast_precision_loss, reason = "a few thousand letters")]
    pub(crate) fn of_text(text: &str, speech_seconds: f64) -> Self {
        let letters = text.chars().filter(|c| c.is_alphanumeric()).count();
        Self {
            compression: compression(text.trim()),
            pace: letters as f64 / speech_seconds.max(SHORTEST_SPEECH),
            ..Self::default()
        }
    }

    /// No loop is better than a loop, no stutter than a stutter; then the more probable text is better.
    pub(crate) fn is_better_than(&self, other: &Self) -> bool {
        let sound = |quality: &Self| (!quality.is_loop(), !quality.stutters);
        let rank = |quality: &Self| (sound(quality), quality.log_probability);
        rank(self) > rank(other)
    }

    /// The model fell into a loop. People repeat themselves, too, but they come to an end, and at a
    /// human pace.
    pub(crate) fn is_loop(&self) -> bool {
        self.compression > MOST_COMPRESSIBLE && (!self.finished || self.pace > FASTEST)
    }

    /// Nobody spoke, and the model was guessing.
    pub(crate) fn is_silence(&self) -> bool {
        self.no_speech > MOST_NO_SPEECH && self.log_probability < LEAST_LOG_PROBABILITY
    }

    /// Decoding again, with more freedom, may give a better text.
    pub(crate) fn calls_for_retry(&self) -> bool {
        let guessed = self.log_probability < LEAST_LOG_PROBABILITY && !self.is_silence();
        self.is_loop() || guessed
    }

    /// A model that heard less than it was trained on may have lost its way: it should hear all of it before this is believed.
    pub(crate) fn is_doubtful(&self) -> bool {
        let unsure = self.log_probability < DOUBTFUL_LOG_PROBABILITY && !self.is_silence();
        self.calls_for_retry() || self.stutters || unsure
    }
}

/// Whether the same one to [`LONGEST_STUTTER`] tokens stand [`STUTTER`] times in a row somewhere. Loops of a few signs are too
/// short to be found by what zlib makes of them.
pub(crate) fn stutters<T: PartialEq>(tokens: &[T]) -> bool {
    (1..=LONGEST_STUTTER).any(|period| {
        let same_as_before = tokens.iter().zip(tokens.iter().skip(period));
        let mut run = 0;
        same_as_before.into_iter().any(|(before, token)| {
            run = if token == before { run + 1 } else { 0 };
            run >= (STUTTER - 1) * period
        })
    })
}

/// How many times smaller zlib makes the text; above about 2.4 for loops, about 1 to 2 for speech.
#[expect(
    clippy::cast_precision_loss,
    reason = "texts are far shorter than 2^52 bytes"
)]
pub(crate) fn compression(text: &str) -> f64 {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    match encoder
        .write_all(text.as_bytes())
        .and_then(|()| encoder.finish())
    {
        Ok(compressed) => text.len() as f64 / compressed.len() as f64,
        // Writing to memory does not fail.
        Err(_) => 0.0,
    }
}

/// Where a loop begins that goes on to the end of the words: the index of its first word, if the
/// same one to [`LONGEST_PHRASE`] words stand there at least [`LOOP`] times in a row.
pub(crate) fn loop_start<T: PartialEq>(words: &[T]) -> Option<usize> {
    (1..=LONGEST_PHRASE)
        .filter_map(|period| {
            let same_as_before = words
                .iter()
                .rev()
                .zip(words.iter().rev().skip(period))
                .take_while(|(word, before)| word == before)
                .count();
            let looping = same_as_before + period;
            (looping >= LOOP * period && same_as_before > 0).then(|| words.len() - looping)
        })
        .min()
}

/// Words of a phrase that a loop repeats, at most.
const LONGEST_PHRASE: usize = 20;

/// Repetitions that make a loop.
const LOOP: usize = 4;

/// Tokens of what is stuttered, at most.
const LONGEST_STUTTER: usize = 10;

/// Repetitions that make a stutter.
const STUTTER: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        text.split_whitespace().collect()
    }

    #[test]
    fn loops_compress_and_speech_does_not() {
        let speech = "And so my fellow Americans, ask not what your country can do for you, \
                      ask what you can do for your country.";
        assert!(compression(speech) < 2.0);
        assert!(compression(&"I'm going to go to the next one. ".repeat(6)) > MOST_COMPRESSIBLE);
        assert!(compression("no no no no no no") < MOST_COMPRESSIBLE);
        assert!(compression("") < 1.0);
    }

    #[test]
    fn a_loop_is_found_where_it_begins() {
        assert_eq!(
            loop_start(&words(
                "we went home and so on and so on and so on and so on and"
            )),
            Some(3)
        );
        assert_eq!(loop_start(&words("well no no no no")), Some(1));
    }

    #[test]
    fn a_phrase_said_three_times_is_no_loop() {
        assert_eq!(loop_start(&words("again and again and again and")), None);
        assert_eq!(loop_start(&words("no no no")), None);
        assert_eq!(loop_start::<&str>(&[]), None);
    }

    fn quality(log_probability: f32, no_speech: f32) -> Quality {
        Quality {
            compression: 1.3,
            pace: 15.0,
            finished: true,
            log_probability,
            no_speech,
            stutters: false,
        }
    }

    #[test]
    fn a_stutter_is_found_wherever_it_is() {
        assert!(stutters(&words("the price is $ $ $ for the book")));
        assert!(stutters(&words("a b a b a b c")));
        assert!(!stutters(&words("$ 1 , 000 , 000 in a year or two")));
        assert!(!stutters(&words("very very good")));
        assert!(!stutters::<&str>(&[]));
    }

    #[test]
    fn what_is_said_three_times_is_doubted_and_not_taken_for_a_loop() {
        let said = Quality {
            stutters: true,
            ..quality(-0.1, 0.05)
        };
        assert!(said.is_doubtful() && !said.calls_for_retry());
        assert!(!quality(-0.3, 0.05).is_doubtful());
        assert!(quality(-0.7, 0.05).is_doubtful());
        assert!(quality(-0.8, 0.05).is_better_than(&said));
    }

    #[test]
    fn confidence_decides_between_silence_retry_and_keeping() {
        let fine = quality(-0.3, 0.05);
        assert!(!fine.calls_for_retry() && !fine.is_silence());
        let guessed = quality(-1.4, 0.05);
        assert!(guessed.calls_for_retry() && !guessed.is_silence());
        let silence = quality(-1.4, 0.9);
        assert!(!silence.calls_for_retry() && silence.is_silence());
        // A confident text stays, however likely silence was: quiet speakers are heard.
        assert!(!quality(-0.3, 0.9).is_silence());
    }

    #[test]
    fn repetition_is_a_loop_only_if_no_speaker_could_have_said_it() {
        let said = Quality {
            compression: 3.0,
            ..quality(-0.1, 0.05)
        };
        assert!(!said.is_loop() && !said.calls_for_retry());
        let endless = Quality {
            finished: false,
            ..said.clone()
        };
        let hasty = Quality { pace: 60.0, ..said };
        assert!(endless.is_loop() && endless.calls_for_retry());
        assert!(hasty.is_loop() && hasty.calls_for_retry());
        assert!(
            !Quality {
                finished: false,
                ..quality(-0.1, 0.05)
            }
            .is_loop()
        );
    }
}
