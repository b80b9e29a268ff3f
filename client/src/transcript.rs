//! What was heard. Times are seconds from the beginning of the recording.

use serde::Deserialize;

/// The text of a recording.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Transcription {
    /// All that was said.
    pub text: String,
    /// What it is accounted by.
    pub usage: DurationUsage,
}

/// What a transcript is accounted by.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct DurationUsage {
    /// Length of the audio, seconds.
    pub seconds: f64,
}

/// The text of a recording with its parts, as OpenAI has it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct VerboseTranscription {
    /// `transcribe` or `translate`.
    pub task: String,
    /// ISO 639-1 code.
    pub language: String,
    /// Length of the audio, seconds.
    pub duration: f64,
    /// All that was said.
    pub text: String,
    /// The words; empty unless they were asked for.
    #[serde(default)]
    pub words: Vec<TimedWord>,
    /// The segments; empty if only words were asked for.
    #[serde(default)]
    pub segments: Vec<TimedSegment>,
    /// What it is accounted by.
    pub usage: DurationUsage,
}

/// A word of a [`VerboseTranscription`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct TimedWord {
    /// The word.
    pub word: String,
    /// Start, seconds.
    pub start: f64,
    /// End, seconds.
    pub end: f64,
}

/// A segment of a [`VerboseTranscription`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct TimedSegment {
    /// Position, from 0.
    pub id: u64,
    /// Start, seconds.
    pub start: f64,
    /// End, seconds.
    pub end: f64,
    /// The text.
    pub text: String,
    /// Mean log probability of its tokens.
    pub avg_logprob: f64,
    /// Length of the text over its length compressed by zlib; high for repetitions.
    pub compression_ratio: f64,
    /// Probability that there was no speech, 0 to 1.
    pub no_speech_prob: f64,
}

/// The result of a transcription job: all that is known of what was heard.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Transcript {
    /// All that was said.
    pub text: String,
    /// ISO 639-1 code, given or detected; empty when nothing was said.
    pub language: String,
    /// Length of the audio, seconds.
    pub duration: f64,
    /// The segments in time order.
    pub segments: Vec<Segment>,
}

/// A stretch of speech.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Segment {
    /// Start, seconds.
    pub start: f64,
    /// End, seconds.
    pub end: f64,
    /// The text.
    pub text: String,
    /// Mean log probability of its tokens.
    pub avg_logprob: f64,
    /// Probability that there was no speech, 0 to 1.
    pub no_speech_prob: f64,
    /// Its words.
    pub words: Vec<Word>,
}

/// A word of a [`Segment`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Word {
    /// The word.
    pub word: String,
    /// Start, seconds.
    pub start: f64,
    /// End, seconds.
    pub end: f64,
    /// Probability that the model gave it, 0 to 1.
    pub probability: f64,
}
