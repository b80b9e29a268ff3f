//! A prompt as tokens.

use voicefleet_core::ports::EngineError;
use whisper_rs::{WhisperContext, WhisperTokenId};

/// The tokens of a text without a NUL.
///
/// They go to the decoder as tokens, not as text: handing over text leaks it (whisper-rs 0.16).
pub(crate) fn tokens(
    context: &WhisperContext,
    text: &str,
) -> Result<Vec<WhisperTokenId>, EngineError> {
    // A token is at least one byte, so this buffer cannot be too small; whisper-rs reads past one that is.
    let mut tokens = context
        .tokenize(text, text.len())
        .map_err(|error| EngineError::Inference(format!("prompt: {error}")))?;
    // Only words: a prompt must not steer the decoder by its control tokens.
    tokens.retain(|token| *token < context.token_eot());
    Ok(tokens)
}
