//! Inference engines. All calls block and use at most one core; they run on threads that the worker owns.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    audio::Pcm,
    catalog::EngineId,
    failure::{ErrorCode, Failure},
    transcript::Segment,
};

/// Why an engine could not do its work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The input is at fault; trying again will not help.
    #[error("{0}")]
    Refused(Failure),
    /// The model's files are not there or not what they should be.
    #[error("the model could not be loaded: {0}")]
    Load(String),
    /// Inference failed.
    #[error("inference failed: {0}")]
    Inference(String),
}

impl EngineError {
    /// The failure that a client may see; inner detail stays in the log.
    pub fn into_failure(self) -> Failure {
        match self {
            Self::Refused(failure) => failure,
            Self::Load(_) => {
                Failure::new(ErrorCode::ModelLoadFailed, "the model could not be loaded")
            }
            Self::Inference(_) => {
                Failure::new(ErrorCode::EngineFailed, "the engine failed on this input")
            }
        }
    }
}

/// Text to be spoken, as an engine gets it.
#[derive(Clone, Debug, PartialEq)]
pub struct SpeechRequest {
    /// Normalised text.
    pub text: String,
    /// A voice of the loaded model, or a mix (see [`crate::catalog::parse_voice`]).
    pub voice: String,
    /// Speaking rate, 0.25 to 4; 1.0 is the voice's own.
    pub speed: f32,
}

/// A sentence group, ready for inference: the unit of streaming, checkpoint and preemption.
#[derive(Clone, Debug, PartialEq)]
pub struct SpeechChunk {
    /// What the engine's model takes: phonemes.
    pub phonemes: String,
    /// Voice or mix.
    pub voice: String,
    /// Speaking rate.
    pub speed: f32,
    /// Silence to append after the chunk's audio, milliseconds.
    pub pause_ms: u32,
}

/// A text-to-speech engine with its model in memory, shared by concurrent jobs.
pub trait SpeechEngine: Send + Sync {
    /// Splits a text into chunks, in speaking order. Never empty.
    ///
    /// # Errors
    /// [`EngineError::Refused`] with `unspeakable_text` or `unknown_voice`.
    fn plan(&self, request: &SpeechRequest) -> Result<Vec<SpeechChunk>, EngineError>;

    /// Speaks one chunk, its closing pause included.
    fn speak(&self, chunk: &SpeechChunk) -> Result<Pcm, EngineError>;
}

/// How audio is to be transcribed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TranscriptionOptions {
    /// ISO 639-1 code; `None` means detect.
    pub language: Option<String>,
    /// Sampling temperature, 0 to 1.
    pub temperature: f32,
    /// Text to condition on.
    pub prompt: Option<String>,
    /// Write down in English what is said in another language.
    pub translate: bool,
    /// Somebody waits for it: it is begun at once, not held back to be computed together with others.
    pub urgent: bool,
}

/// A stretch of audio with speech in it, by sample index: the chunk of transcription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// First sample.
    pub start: usize,
    /// One past the last sample.
    pub end: usize,
}

/// What was heard in one window.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WindowTranscript {
    /// ISO 639-1 code, given or detected.
    pub language: String,
    /// Segments with times from the start of the recording (not of the window).
    pub segments: Vec<Segment>,
}

/// A speech-to-text engine with its model in memory, shared by concurrent jobs.
pub trait TranscriptionEngine: Send + Sync {
    /// The sample rate (Hz) it wants its audio in.
    fn sample_rate(&self) -> u32;

    /// Finds the speech and cuts it into windows at silences, in time order. Empty when nobody speaks.
    fn plan(&self, audio: &Pcm) -> Result<Vec<Window>, EngineError>;

    /// Transcribes one window.
    fn transcribe(
        &self,
        audio: &Pcm,
        window: Window,
        options: &TranscriptionOptions,
    ) -> Result<WindowTranscript, EngineError>;
}

/// A model in memory.
#[derive(Clone)]
pub enum LoadedEngine {
    /// It speaks.
    Speech(Arc<dyn SpeechEngine>),
    /// It listens.
    Transcription(Arc<dyn TranscriptionEngine>),
}

/// The model to load.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ModelRef {
    /// Name in the catalogue.
    pub name: String,
    /// SHA-256 of the weights that the job was submitted for (hex).
    pub digest: String,
}

/// Brings an engine's models into memory. One implementation per engine.
pub trait EngineLoader: Send + Sync {
    /// The engine.
    fn engine(&self) -> &EngineId;

    /// Loads a model so that `lanes` calls can compute at the same time, one core each. Blocks.
    fn load(&self, model: &ModelRef, lanes: usize) -> Result<LoadedEngine, EngineError>;
}
