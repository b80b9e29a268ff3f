//! The caller's prompt as the tokens that a model is conditioned on.

use voicefleet_core::{ErrorCode, Failure, ports::EngineError};
use whisper_rs::{WhisperContext, WhisperTokenId};

/// Characters of a prompt that are read, from its end. A model takes the last 223 tokens, which is
/// rarely more than 900 characters; whisper.cpp's tokeniser recurses, so its input has to be bounded.
const LONGEST_PROMPT: usize = 1_000;

/// The tokens of a prompt; empty for no prompt.
///
/// They go to the decoder as tokens, not as text: handing over text leaks it (whisper-rs 0.16).
pub(crate) fn tokens(
    context: &WhisperContext,
    prompt: Option<&str>,
) -> Result<Vec<WhisperTokenId>, EngineError> {
    let text = last_characters(prompt.unwrap_or_default().trim(), LONGEST_PROMPT);
    if text.is_empty() {
        return Ok(Vec::new());
    }
    if text.contains('\0') {
        return Err(EngineError::Refused(Failure::of_field(
            ErrorCode::InvalidRequest,
            "prompt",
            "the prompt contains a NUL character",
        )));
    }
    // A blank in front makes the first word the token it is in running text.
    let text = format!(" {text}");
    // A token is at least one byte, so this buffer cannot be too small; whisper-rs reads past one that is.
    let mut tokens = context
        .tokenize(&text, text.len())
        .map_err(|error| EngineError::Inference(format!("prompt: {error}")))?;
    // Only words: a prompt must not steer the decoder by its control tokens.
    tokens.retain(|token| *token < context.token_eot());
    Ok(tokens)
}

fn last_characters(text: &str, count: usize) -> &str {
    match text.char_indices().rev().nth(count.saturating_sub(1)) {
        Some((start, _)) => &text[start..],
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_long_prompt_is_kept() {
        assert_eq!(last_characters("abcdef", 3), "def");
        assert_eq!(last_characters("äöü", 2), "öü");
        assert_eq!(last_characters("ab", 3), "ab");
        assert_eq!(last_characters("", 3), "");
    }
}
