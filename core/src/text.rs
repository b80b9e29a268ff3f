//! Text as it is accepted: normalised so that equal speech has equal text, and refused when it
//! cannot be spoken.

use unicode_normalization::UnicodeNormalization;

use crate::failure::{ErrorCode, Failure};

/// Normalises text for speech: Unicode NFC, control characters dropped, runs of blanks made one
/// blank, runs of line breaks made one line break (a pause), trimmed.
pub fn normalise(text: &str) -> String {
    let mut lines = Vec::new();
    let printable = |c: &char| *c == '\n' || *c == '\t' || !c.is_control();
    let composed: String = text
        .replace("\r\n", "\n")
        .chars()
        .filter(printable)
        .nfc()
        .collect();
    for line in composed.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if !words.is_empty() {
            lines.push(words.join(" "));
        }
    }
    lines.join("\n")
}

/// Checks normalised text.
///
/// # Errors
/// [`ErrorCode::EmptyText`], [`ErrorCode::TextTooLong`] (more than `max_chars` characters) or
/// [`ErrorCode::UnspeakableText`] (no letter and no digit in it), all naming `field`.
pub fn check(text: &str, max_chars: usize, field: &str) -> Result<(), Failure> {
    if text.is_empty() {
        return Err(Failure::of_field(
            ErrorCode::EmptyText,
            field,
            "there is no text to speak",
        ));
    }
    let chars = text.chars().count();
    if chars > max_chars {
        let message = format!("the text has {chars} characters; at most {max_chars} are accepted");
        return Err(Failure::of_field(ErrorCode::TextTooLong, field, message));
    }
    if !text.chars().any(char::is_alphanumeric) {
        let message = "the text has no letter and no digit, so there is nothing to speak";
        return Err(Failure::of_field(
            ErrorCode::UnspeakableText,
            field,
            message,
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn blanks_controls_and_compositions_do_not_make_another_text() {
        assert_eq!(
            normalise("  Cafe\u{301}\u{7}\t is \r\n\r\n open "),
            "Caf\u{e9} is\nopen"
        );
    }

    #[test]
    fn unusable_text_is_named() {
        let code = |text: &str| check(&normalise(text), 10, "input").expect_err(text).code;
        assert_eq!(code(" \n\t "), ErrorCode::EmptyText);
        assert_eq!(code("?!…"), ErrorCode::UnspeakableText);
        assert_eq!(code("eleven char"), ErrorCode::TextTooLong);
        assert_eq!(check("ten chars!", 10, "input"), Ok(()));
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(text in "\\PC*|[a\\s\u{301}\r\n]{0,40}") {
            let once = normalise(&text);
            prop_assert_eq!(normalise(&once), once);
        }
    }
}
