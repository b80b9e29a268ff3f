//! Replacing what a pattern finds, with a look at the text around it.

use regex::{Captures, Regex};

/// The text on both sides of a match.
#[derive(Clone, Copy)]
pub(crate) struct Around<'t> {
    pub(crate) before: &'t str,
    pub(crate) after: &'t str,
}

impl Around<'_> {
    /// Whether the match is glued to a letter, digit or one of `glue` on its left.
    pub(crate) fn joined_left(self, glue: &str) -> bool {
        let last = self.before.chars().next_back();
        last.is_some_and(|c| c.is_alphanumeric() || glue.contains(c))
    }

    /// Whether the match is glued to a letter, digit or one of `glue` on its right.
    pub(crate) fn joined_right(self, glue: &str) -> bool {
        let next = self.after.chars().next();
        next.is_some_and(|c| c.is_alphanumeric() || glue.contains(c))
    }

    /// The word that ends right before the match (blanks between are skipped), without punctuation.
    pub(crate) fn word_before(&self) -> &str {
        let line = self.before.trim_end_matches([' ', '\u{a0}']);
        let start = line
            .char_indices()
            .rev()
            .take_while(|(_, c)| c.is_alphanumeric() || *c == '\'')
            .last();
        start.map_or("", |(at, _)| &line[at..])
    }
}

/// Replaces each match of `pattern` by what `spoken` says; where it says `None` the match stays as it is.
/// Linear in the length of the text.
pub(crate) fn rewrite<'t>(
    text: &'t str,
    pattern: &Regex,
    spoken: impl Fn(&Captures<'t>, Around<'t>) -> Option<String>,
) -> String {
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    for found in pattern.captures_iter(text) {
        let Some(whole) = found.get(0) else { continue };
        let around = Around {
            before: &text[..whole.start()],
            after: &text[whole.end()..],
        };
        if let Some(words) = spoken(&found, around) {
            out.push_str(&text[copied..whole.start()]);
            out.push_str(&words);
            copied = whole.end();
        }
    }
    out.push_str(&text[copied..]);
    out
}

/// Compiles a pattern that is part of the program.
pub(crate) fn pattern(source: &str) -> Regex {
    Regex::new(source).expect("patterns in this crate are constants that its tests compile")
}
