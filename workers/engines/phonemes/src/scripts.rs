//! Where a text changes its script, espeak-ng changes its language, and crashes if it does so in mid-word.

use std::{ops::RangeInclusive, path::Path};

use unicode_script::{Script, UnicodeScript};

/// Letters that espeak-ng 1.52 speaks one by one in a language of their own, whatever the voice, and that
/// language's name (`alphabets` in its `tr_languages.c`).
const OF_OTHER_LANGUAGES: [(RangeInclusive<char>, &str); 14] = [
    ('\u{530}'..='\u{58f}', "hy"),
    ('\u{900}'..='\u{97f}', "hi"),
    ('\u{980}'..='\u{9ff}', "bn"),
    ('\u{a00}'..='\u{a7f}', "pa"),
    ('\u{a80}'..='\u{aff}', "gu"),
    ('\u{b80}'..='\u{bff}', "ta"),
    ('\u{c00}'..='\u{c7f}', "te"),
    ('\u{c80}'..='\u{cff}', "kn"),
    ('\u{d00}'..='\u{d7f}', "ml"),
    ('\u{d80}'..='\u{dff}', "si"),
    ('\u{10a0}'..='\u{10ff}', "ka"),
    ('\u{1100}'..='\u{11ff}', "ko"),
    ('\u{a700}'..='\u{d7ff}', "ko"),
    ('\u{10450}'..='\u{1047f}', "en"),
];

/// The letters that espeak-ng cannot speak with the data in `data_dir`: it has no dictionary of their language.
///
/// It looks them up nonetheless, in a table that it has not filled, and crashes at what lies there by chance.
pub(crate) fn letters_without_dictionary(data_dir: &Path) -> Vec<RangeInclusive<char>> {
    let languages = OF_OTHER_LANGUAGES.into_iter();
    let missing =
        languages.filter(|(_, language)| !data_dir.join(format!("{language}_dict")).is_file());
    missing.map(|(letters, _)| letters).collect()
}

/// `text` with a blank for each of `letters`; digits stay, they are read as numbers.
pub(crate) fn without(letters: &[RangeInclusive<char>], text: &str) -> String {
    let is_one = |c: char| letters.iter().any(|range| range.contains(&c)) && !c.is_numeric();
    text.replace(is_one, " ")
}

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
    fn letters_are_without_dictionary_where_its_file_is_not_there() {
        let data = tempfile::tempdir().unwrap();
        for language in ["hi", "en"] {
            std::fs::write(data.path().join(format!("{language}_dict")), "").unwrap();
        }
        let letters = letters_without_dictionary(data.path());
        assert_eq!(letters.len(), OF_OTHER_LANGUAGES.len() - 2);
        assert_eq!(without(&letters, "a త,한b क ৫ é"), "a  , b क ৫ é");
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
