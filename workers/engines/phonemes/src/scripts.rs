//! Where a text changes its script, espeak-ng changes its language, and crashes if it does so in mid-word.

use unicode_script::{Script, UnicodeScript};

/// `text` with a blank at every change of script within a word, and for every hyphen beside a mark
/// (`.-`) or a letter that is not Latin.
///
/// espeak-ng 1.52 reads before the start of its list of phonemes at `५-त` in an English text, at `Ꮖj`
/// and at `.-ɣ` in a Hindi one. Spoken are the blanks as the hyphens would have been: not at all.
pub(crate) fn scripts_apart(text: &str) -> String {
    if text.is_ascii() && !has_stray_hyphen(text) {
        return text.to_owned();
    }
    let mut apart = String::with_capacity(text.len() + 8);
    let mut word = Word::default();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c == '-' && word.lets_no_hyphen_follow(rest.clone().next()) {
            apart.push(' ');
            word = Word::default();
            continue;
        }
        if word.is_left_at(c) {
            apart.push(' ');
        }
        apart.push(c);
        word.go_on(c);
    }
    apart
}

fn has_stray_hyphen(ascii: &str) -> bool {
    let pairs = ascii.as_bytes().windows(2);
    pairs
        .into_iter()
        .any(|pair| pair[1] == b'-' && pair[0].is_ascii_punctuation())
}

/// The word so far.
struct Word {
    /// That of its letters.
    script: Option<Script>,
    last: char,
}

impl Default for Word {
    fn default() -> Self {
        Self {
            script: None,
            last: ' ',
        }
    }
}

impl Word {
    fn is_left_at(&self, c: char) -> bool {
        matches!((self.script, script_of(c)), (Some(own), Some(other)) if own != other)
    }

    fn lets_no_hyphen_follow(&self, next: Option<char>) -> bool {
        let foreign = |script: Option<Script>| script.is_some_and(|script| script != Script::Latin);
        let mark = !self.last.is_alphanumeric() && !self.last.is_whitespace();
        mark || foreign(self.script) || next.is_some_and(|next| foreign(script_of(next)))
    }

    fn go_on(&mut self, c: char) {
        self.script = match script_of(c) {
            _ if c.is_whitespace() => None,
            None => self.script,
            own => own,
        };
        self.last = c;
    }
}

/// The script of a letter; signs and marks that many scripts use have none.
fn script_of(c: char) -> Option<Script> {
    let script = c.script();
    (!matches!(script, Script::Common | Script::Inherited | Script::Unknown)).then_some(script)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_script_stays_as_it_is() {
        for kept in [
            "-5",
            "a well-known - and old - word",
            "2-3",
            "Señor Núñez-López",
            "кто это",
            "नमस्ते दुनिया।",
            "",
        ] {
            assert_eq!(scripts_apart(kept), kept);
        }
    }

    #[test]
    fn scripts_are_parted_within_a_word() {
        assert_eq!(scripts_apart("mऑ αbeta 3д"), "m ऑ α beta 3д");
        assert_eq!(scripts_apart("кто-то m-ऑ"), "кто то m ऑ");
    }

    #[test]
    fn hyphens_after_marks_go() {
        assert_eq!(
            scripts_apart("yes,-no .-x \"-y --z"),
            "yes, no . x \" y - z"
        );
    }
}
