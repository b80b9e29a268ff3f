//! Piper's network (VITS) as we compute it: made once from the `.onnx` file, kept beside it.
//!
//! ```text
//! ids -> text encoder, durations, noise    "front": cut into pieces, for they open in a tenth of the time; two lanes
//!                                          have one between them, and its large weights are kept in 16 bits
//!     -> flow, first stage of the decoder  "head": over the whole sentence
//!     -> later stages of the decoder       "tail": window by window, so that memory stays small
//! ```
//!
//! Head and tail are rewritten ([`rewrite`]): on processors that multiply numbers of 16 bits their convolutions are our
//! [`operator`]; on others the exporter's one-dimensional convolutions become two-dimensional ones, for which ONNX
//! Runtime has kernels on blocked channels. What is prepared must sound as what was published ([`alike`]): in 16 bits by its
//! spectrum, else sample by sample. If it does not, the next way is tried; a network in which the parts are not found is only
//! cut into pieces, and one that then does not say the same stays as it is.

mod alike;
mod find;
mod halves;
mod network;
mod operator;
mod prepare;
mod reach;
mod rewrite;

pub(crate) use network::{Utterance, VoiceNetwork};
pub(crate) use prepare::opener;
