//! Piper: text to speech on one core of a CPU, twenty times faster than real time.
//!
//! Begin with [`PiperLoader`], which brings a voice into memory as a
//! [`SpeechEngine`](voicefleet_core::ports::SpeechEngine). A text goes through it like this:
//!
//! ```text
//! text -> lines -> clauses (espeak-ng) -> sentences -> pieces of bounded length   plan: chunks
//! phonemes -> ids -> VITS network (ONNX Runtime, prepared once) -> loudness       speak: audio
//! ```
//!
//! The measure is piper-tts 1.8.0: the same phonemes, the same ids and the same durations, which the
//! tests compare. Where we differ on purpose: an ellipsis is a pause (piper-tts fuses the words around
//! it), a line break ends a sentence, a sentence too long for the memory bound is spoken in pieces, and
//! `[[ phonemes ]]` in a text are not phonemes: they are read out like any other text.
//!
//! # Why not the piper-rs crate
//!
//! It was the first choice and was measured against piper-tts. It leaves out the pad after the
//! beginning-of-sentence id, so sentences differ in length by up to 4.9 % ("How are you?" takes 0.743 s
//! instead of 0.708 s); it keeps only the first of a phoneme's ids, runs the words at a clause boundary
//! together and does not normalise the loudness. What is left of Piper without it is small: this crate.

mod config;
mod engine;
mod ids;
mod loader;
mod pieces;
mod sentences;
mod vits;

pub use loader::{PiperFiles, PiperLoader, PiperModelFiles};
