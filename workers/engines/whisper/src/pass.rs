//! What a model is asked to do in one pass over up to 30 s of audio, and what comes of it.

use std::borrow::Cow;

use voicefleet_core::ports::EngineError;

use crate::{language::Languages, quality::Quality};

/// A token of a model's vocabulary.
pub(crate) type TokenId = i32;

/// A model in memory, whatever computes it.
pub(crate) trait Runtime: Send + Sync {
    /// The languages it knows.
    fn languages(&self) -> &Languages;

    /// The longest window that it does well with, samples; see [`crate::windows::pack`].
    fn longest_window(&self) -> usize;

    /// The tokens of a prompt that is not empty and has no NUL in it. Words only: a prompt must not steer the decoder by
    /// control tokens.
    fn prompt(&self, text: &str) -> Result<Vec<TokenId>, EngineError>;

    /// Decodes for one call, in one language. An urgent one is not held back to be computed with others.
    fn decoder(&self, urgent: bool) -> Result<Box<dyn Decoder + '_>, EngineError>;
}

/// Decodes for one call; what it keeps from one pass to the next is the call's own.
pub(crate) trait Decoder {
    /// Decodes the audio, again and with more freedom while the text is no good.
    fn decode(&mut self, task: &Task<'_>) -> Result<Decoded, EngineError>;
}

/// A text token.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Token {
    /// Its text; a character may be spread over several tokens.
    pub(crate) bytes: Vec<u8>,
    pub(crate) probability: f32,
    pub(crate) log_probability: f32,
    /// When it has been said, seconds from the start of the pass; `None` if it could not be aligned.
    pub(crate) said_at: Option<f64>,
}

/// What a pass consists of, in order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Piece {
    /// A piece of text.
    Text(Token),
    /// A time mark, seconds from the start of the pass: here one phrase ends and the next one begins.
    Mark(f64),
}

/// What was heard in a pass.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Pass {
    pub(crate) pieces: Vec<Piece>,
    pub(crate) quality: Quality,
}

/// What became of a task.
pub(crate) enum Decoded {
    /// This was heard.
    Heard(Pass),
    /// The guessed language is not the one that is spoken.
    OtherLanguage(&'static str),
}

/// What to decode, and how.
pub(crate) struct Task<'a> {
    /// Up to 30 s at 16 kHz.
    pub(crate) samples: &'a [f32],
    /// How much of it is speech, seconds.
    pub(crate) speech_seconds: f64,
    pub(crate) language: &'static str,
    /// The language is a guess: stop if another one is spoken.
    pub(crate) guessed: bool,
    /// Tokens to condition on.
    pub(crate) prompt: &'a [TokenId],
    /// Write it down in English, whatever the language is.
    pub(crate) translate: bool,
    /// Temperature to begin with, 0 to 1.
    pub(crate) temperature: f32,
}

/// Shorter audio is filled up with silence, samples: whisper.cpp skips audio below 0.1 s, and its
/// alignment aborts the process below 0.16 s.
const SHORTEST: usize = 8_000;

/// The samples, with silence behind them if they are very few.
pub(crate) fn at_least_shortest(samples: &[f32]) -> Cow<'_, [f32]> {
    if samples.len() >= SHORTEST {
        return Cow::Borrowed(samples);
    }
    let mut filled = samples.to_vec();
    filled.resize(SHORTEST, 0.0);
    Cow::Owned(filled)
}
