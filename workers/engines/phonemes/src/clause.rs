//! One clause, and how espeak-ng's account of it is read.

use unicode_normalization::UnicodeNormalization;

/// A stretch of text up to a punctuation mark, in phonemes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clause {
    /// IPA, words separated by one space, in Unicode NFD: every `char` is a phoneme or a mark on one.
    /// Empty where the text has nothing to say (a closing quote, blanks).
    pub phonemes: String,
    /// What kind of mark ends the clause: one of `. ? ! , : ;`. Dashes and ellipses count as `;`.
    /// `None` at the end of the text and where espeak-ng breaks for another reason (a blank line, a
    /// clause of more than 700 bytes).
    pub terminator: Option<char>,
    /// Whether a sentence ends here.
    pub ends_sentence: bool,
}

impl Clause {
    /// Reads what espeak-ng says about one clause: its phonemes and its terminator word.
    pub(crate) fn new(phonemes: &str, terminator: i32) -> Self {
        Self {
            phonemes: without_language_switches(phonemes).nfd().collect(),
            terminator: mark(terminator),
            ends_sentence: terminator & TYPE_SENTENCE != 0,
        }
    }
}

// The terminator word (CLAUSE_* in espeak-ng's translate.h): pause, intonation and type of a clause.
const PAUSE: i32 = 0x0000_0FFF;
const INTONATION: i32 = 0x0000_7000;
const TYPE: i32 = 0x000F_0000;

const INTONATION_FULL_STOP: i32 = 0x0000_0000;
const INTONATION_COMMA: i32 = 0x0000_1000;
const INTONATION_QUESTION: i32 = 0x0000_2000;
const INTONATION_EXCLAMATION: i32 = 0x0000_3000;

const TYPE_CLAUSE: i32 = 0x0004_0000;
const TYPE_SENTENCE: i32 = 0x0008_0000;

/// The punctuation mark that a terminator word stands for. The bits that tell whether a blank must
/// follow the mark, or whether it is spoken, make no difference.
fn mark(terminator: i32) -> Option<char> {
    let kind = terminator & TYPE;
    let pause = terminator & PAUSE;
    match (kind, terminator & INTONATION, pause) {
        (TYPE_SENTENCE, INTONATION_FULL_STOP, 0x28) => Some('.'),
        (TYPE_SENTENCE, INTONATION_QUESTION, 0x28) => Some('?'),
        (TYPE_SENTENCE, INTONATION_EXCLAMATION, 0x2D) => Some('!'),
        (TYPE_CLAUSE, INTONATION_COMMA, 0x14) => Some(','),
        (TYPE_CLAUSE, INTONATION_FULL_STOP, 0x1E) => Some(':'),
        (TYPE_CLAUSE, INTONATION_COMMA, 0x1E) => Some(';'),
        _ => None,
    }
}

/// Drops the `(en)` with which espeak-ng marks a word that it speaks by another language's rules.
fn without_language_switches(phonemes: &str) -> String {
    let mut kept = String::with_capacity(phonemes.len());
    let mut rest = phonemes;
    while let Some((before, switch)) = rest.split_once('(') {
        kept.push_str(before);
        match switch.split_once(')') {
            Some((_, after)) => rest = after,
            None => rest = switch,
        }
    }
    kept + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn language_switches_are_dropped_and_accents_are_taken_apart() {
        let clause = Clause::new("(fr)bɔ\u{303}ʒˈuʁ(en-us) ʁ\u{e7}", 0x28 | TYPE_SENTENCE);
        assert_eq!(clause.phonemes, "bɔ\u{303}ʒˈuʁ ʁc\u{327}");
    }

    #[test]
    fn the_end_of_the_text_ends_a_sentence_without_a_mark() {
        let end_of_text = 0x28 | TYPE_SENTENCE | 0x0001_0000;
        let clause = Clause::new("", end_of_text);
        assert_eq!((clause.terminator, clause.ends_sentence), (None, true));
    }

    #[test]
    fn an_ellipsis_is_a_semicolon_whatever_follows_it() {
        let ellipsis = 0x1E | INTONATION_COMMA | TYPE_CLAUSE | 0x0000_8000 | 0x0020_0000;
        let clause = Clause::new("", ellipsis);
        assert_eq!(
            (clause.terminator, clause.ends_sentence),
            (Some(';'), false)
        );
    }
}
