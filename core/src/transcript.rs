//! What was heard.

use serde::{Deserialize, Serialize};

/// A word with its place in the audio; times in seconds from the start of the recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Word {
    /// The word, without surrounding blanks.
    pub word: String,
    /// Start, seconds.
    pub start: f64,
    /// End, seconds; never before `start`.
    pub end: f64,
    /// Probability that the model gave it, 0 to 1.
    pub probability: f32,
}

/// A stretch of speech with its text; times in seconds from the start of the recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// Start, seconds.
    pub start: f64,
    /// End, seconds.
    pub end: f64,
    /// The text, without surrounding blanks.
    pub text: String,
    /// Mean log probability of its tokens.
    pub avg_logprob: f32,
    /// Probability that there was no speech, 0 to 1.
    pub no_speech_prob: f32,
    /// Its words.
    pub words: Vec<Word>,
}

/// A whole transcript.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Transcript {
    /// ISO 639-1 code, given or detected; empty when nothing was said.
    pub language: String,
    /// Length of the audio, seconds.
    pub duration: f64,
    /// The segments in time order.
    pub segments: Vec<Segment>,
}

impl Transcript {
    /// The segments' text, joined by single blanks.
    pub fn text(&self) -> String {
        self.segments
            .iter()
            .map(|segment| segment.text.as_str())
            .collect::<Vec<_>>()
            .join(" ")
    }
}
