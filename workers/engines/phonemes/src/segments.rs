//! Cutting texts that would run over espeak-ng's buffers.
//!
//! espeak-ng works on one clause at a time, in arrays on the stack: 800 bytes of text, 300 words, 80
//! bytes of dotted letters (`U.S.A.`). Where these end is not checked everywhere: `A.` a hundred times
//! over writes past them. So no clause may come near these sizes. A clause of speech has 60 letters;
//! what is cut here is hardly ever speech.

/// The most that one clause may weigh; see [`weight`].
const LIMIT: usize = 700;

/// Cuts `text` where a clause would be too heavy: at a blank if it has one, else anywhere. Nearly every
/// text stays whole. `is_alphanumeric` is the C library's idea of it, which is also espeak-ng's.
pub(crate) fn segments(text: &str, is_alphanumeric: impl Fn(char) -> bool) -> Vec<&str> {
    let mut segments = Vec::new();
    let mut rest = text;
    while let Some(cut) = first_cut(rest, &is_alphanumeric) {
        let (segment, after) = rest.split_at(cut);
        segments.push(segment);
        rest = after;
    }
    segments.push(rest);
    segments
}

/// Where the first clause of `text` that is too heavy has to be cut; never at 0.
fn first_cut(text: &str, is_alphanumeric: impl Fn(char) -> bool) -> Option<usize> {
    let mut clause = Clause::default();
    let mut previous = ' ';
    for (at, c) in text.char_indices() {
        clause.weight += weight(previous, c);
        if clause.weight > LIMIT {
            return Some(clause.last_blank.unwrap_or(at));
        }
        let (_, after) = text.split_at(at + c.len_utf8());
        if c.is_whitespace() {
            clause.last_blank = Some(text.len() - after.len());
        }
        clause.speaks |= is_alphanumeric(c);
        if clause.speaks && surely_ends_clause(previous, c, after) {
            clause = Clause::default();
        }
        previous = c;
    }
    None
}

/// What is known of the clause so far.
#[derive(Default)]
struct Clause {
    weight: usize,
    /// The byte after the last blank.
    last_blank: Option<usize>,
    /// Whether it has a letter or a digit: espeak-ng ends no clause without.
    speaks: bool,
}

/// How much room `c` after `previous` may take: its bytes; 2 more where a word may begin, for espeak-ng
/// parts words with blanks of its own, so that 700 are at most 233 words; and 40 more for a dot, so that
/// 700 are at most 17 dotted letters.
fn weight(previous: char, c: char) -> usize {
    let word = match (Kind::of(previous), Kind::of(c)) {
        (_, Kind::Other) => true,
        (_, Kind::Blank) | (Kind::Upper, Kind::Lower) => false,
        (before, this) => before != this,
    };
    let dot = c == '.';
    c.len_utf8() + usize::from(word) * 2 + usize::from(dot) * 40
}

/// Characters that stand in one word with their like.
#[derive(PartialEq, Eq)]
enum Kind {
    Blank,
    Upper,
    Lower,
    Digit,
    /// Each may be a word.
    Other,
}

impl Kind {
    fn of(c: char) -> Self {
        match c {
            _ if c.is_whitespace() => Self::Blank,
            _ if c.is_uppercase() => Self::Upper,
            _ if c.is_lowercase() => Self::Lower,
            '0'..='9' => Self::Digit,
            _ => Self::Other,
        }
    }
}

/// Whether espeak-ng ends a clause with `c` in every language. It ends more clauses than these: it asks
/// whether a dot belongs to a number or an abbreviation.
fn surely_ends_clause(previous: char, c: char, after: &str) -> bool {
    let mut after = after.chars();
    let blank = after.next().is_some_and(char::is_whitespace);
    match c {
        '，' | '。' | '；' | '：' | '？' | '！' => true,
        ',' | ';' | ':' | '?' | '!' => blank && previous != '.',
        '.' => {
            let capital = after.next().is_some_and(|next| next.is_ascii_uppercase());
            previous.is_ascii_lowercase() && blank && capital
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(text: &str) -> Vec<&str> {
        segments(text, char::is_alphanumeric)
    }

    #[test]
    fn speech_stays_whole() {
        let clauses = "When they had all come home, and it was late; we ate. ".repeat(50);
        let breathless = "and then we went on and on ".repeat(15);
        for text in ["", "Yes.", &clauses, &breathless] {
            assert_eq!(cut(text), [text]);
        }
    }

    #[test]
    fn a_clause_without_end_is_cut_at_a_blank() {
        let text = "and then we went on and on ".repeat(30);
        let parts = cut(&text);
        assert_eq!(parts.len(), 2);
        assert!(parts[0].ends_with(' ') && parts[0].len() > 400);
    }

    #[test]
    fn marks_alone_end_no_clause() {
        assert!(cut(&", ".repeat(400)).len() > 1);
        assert_eq!(cut(&"a, ".repeat(400)).len(), 1);
    }

    #[test]
    fn dotted_letters_stay_below_80_bytes() {
        for part in cut(&"A.".repeat(200)) {
            assert!(part.len() <= 2 * 17 + 1, "{part}");
        }
    }

    proptest! {
        #[test]
        fn the_parts_are_the_text(text in "(\\PC|[a.] ?|, ){0,900}") {
            let parts = cut(&text);
            prop_assert_eq!(&parts.concat(), &text);
            prop_assert!(parts.iter().rev().skip(1).all(|part| !part.is_empty()));
        }
    }
}
