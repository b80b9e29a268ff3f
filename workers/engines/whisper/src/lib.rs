//! Speech to text with Whisper models: models in whisper.cpp's format through whisper.cpp (`ggml`, crate `whisper-rs`), on the CPU,
//! models in CTranslate2's format through CTranslate2 (`ct2`), on the CPU or on a GPU. Both are a [`pass::Runtime`]; all else is the same for both.
//!
//! Begin with [`WhisperLoader`]. What it loads works in two steps:
//!
//! 1. plan: voice activity detection finds the speech (`speech`), and the recording is cut into windows of
//!    at most 30 s at silences (`windows`);
//! 2. transcribe one window (`listening`): long silences are cut out (`condensed`), passes of the model (`pass`) give tokens, these become words
//!    and phrases (`phrases`), words are put where the speech is (`placing`, with its beginnings and ends by `edges`), and what nobody said is dropped
//!    (`quality`, and words that lie in silence).
//!
//! Calls run side by side, one core each, on one copy of the weights. Each call's decoder state is its
//! own and is freed with the call. On a GPU the windows of several calls are rows of one computation (`ct2::rows`).
//!
//! whisper.cpp's log goes to `tracing`, targets `whisper_rs::whisper_logging_hook` and
//! `whisper_rs::ggml_logging_hook`; below `warn` they are of use to its developers only.

mod condensed;
mod ct2;
mod edges;
mod engine;
mod found;
mod ggml;
mod lanes;
mod language;
mod listening;
mod loader;
mod pass;
mod phrases;
mod placing;
mod prompt;
mod quality;
mod speech;
mod time;
mod windows;

pub use loader::{MOST_ROWS, ROWS_ON_GPU, WhisperFiles, WhisperLoader, check_device, runs_on_gpus};
pub use voicefleet_ctranslate2::Ct2Error;

/// Samples per second that Whisper models take.
const SAMPLE_RATE: u32 = 16_000;
