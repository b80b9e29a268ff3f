//! Whether the dot of an abbreviation also ends the sentence.

/// Words that often begin a sentence and seldom follow an abbreviation within one.
const STARTERS: [&str; 62] = [
    "A", "After", "All", "Also", "An", "And", "Are", "As", "At", "Because", "Before", "But", "By",
    "Can", "Did", "Do", "Does", "For", "From", "He", "Her", "Here", "His", "How", "However", "I",
    "If", "In", "Is", "It", "Its", "Let", "Many", "My", "Next", "No", "Not", "Now", "On", "One",
    "Or", "Our", "Please", "She", "So", "Some", "That", "The", "Then", "There", "These", "They",
    "This", "Those", "To", "We", "What", "When", "Where", "Who", "Why", "You",
];

/// Judges by what follows the dot: the end of the text or line, or a word that begins sentences.
pub(crate) fn ends_here(after: &str) -> bool {
    let rest = after.trim_start_matches(['"', '\u{201d}', '\u{2019}', ')', ']', '\'']);
    if rest.trim_start_matches([' ', '\t', '\r']).is_empty()
        || rest.trim_start_matches(' ').starts_with('\n')
    {
        return true;
    }
    let Some(next) = rest.strip_prefix([' ', '\t', '\u{a0}']) else {
        return false;
    };
    let next = next.trim_start_matches([' ', '"', '\u{201c}', '\u{2018}', '(']);
    let word_end = next
        .find(|c: char| !c.is_alphabetic())
        .unwrap_or(next.len());
    STARTERS.contains(&&next[..word_end])
}

/// `words`, with a full stop when the abbreviation they stand for ended its sentence.
pub(crate) fn keep_stop(words: &str, after: &str) -> String {
    if ends_here(after) {
        format!("{words}.")
    } else {
        words.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_word_tells() {
        for after in [
            "",
            " ",
            "\nNext",
            " The end",
            ") He left",
            " \u{201c}It is\u{201d}",
        ] {
            assert!(ends_here(after), "{after:?}");
        }
        for after in [" on Monday", " Smith", ", and", "x", " government"] {
            assert!(!ends_here(after), "{after:?}");
        }
    }
}
