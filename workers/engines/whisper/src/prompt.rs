//! The caller's prompt: what a model is conditioned on.

use voicefleet_core::{ErrorCode, Failure, ports::EngineError};

/// Characters of a prompt that are read, from its end. A model takes the last 223 tokens, which is
/// rarely more than 900 characters; whisper.cpp's tokeniser recurses, so its input has to be bounded.
const LONGEST_PROMPT: usize = 1_000;

/// The end of the prompt as it is in running text; `None` for no prompt.
pub(crate) fn running_text(prompt: Option<&str>) -> Result<Option<String>, EngineError> {
    let text = last_characters(prompt.unwrap_or_default().trim(), LONGEST_PROMPT);
    if text.is_empty() {
        return Ok(None);
    }
    if text.contains('\0') {
        return Err(EngineError::Refused(Failure::of_field(
            ErrorCode::InvalidRequest,
            "prompt",
            "the prompt contains a NUL character",
        )));
    }
    // A blank in front makes the first word the token it is in running text.
    Ok(Some(format!(" {text}")))
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
