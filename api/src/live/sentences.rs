//! Sentences, as soon as they are complete, of a text that is still being written.
//!
//! Where it is not sure that a sentence has ended, it is taken not to have: two sentences in one job cost a
//! little time, half a sentence in one is heard.

/// Longest text without an end of a sentence that is waited for, characters. Then it is cut where one may breathe.
const LONGEST: usize = 400;

/// Earliest cut of such a text, characters.
const SHORTEST: usize = LONGEST / 2;

/// What ends a sentence, with a blank behind it.
const ENDS: [char; 4] = ['.', '!', '?', '…'];

/// What ends a sentence whatever is behind it.
const WIDE_ENDS: [char; 3] = ['。', '！', '？'];

/// What still belongs to the sentence behind its end.
const CLOSERS: [char; 9] = ['"', '\'', '”', '’', '»', ')', ']', '」', '』'];

/// Where one may breathe.
const PAUSES: [char; 6] = [',', ';', ':', '–', '—', '、'];

/// Abbreviations that something follows, lower case, without their full stop.
const ABBREVIATIONS: [&str; 34] = [
    "mr", "mrs", "ms", "dr", "prof", "sr", "jr", "st", "vs", "inc", "ltd", "corp", "dept",
    "approx", "gen", "col", "capt", "lt", "sgt", "rev", "hon", "gov", "sen", "rep", "pres", "mt",
    "ft", "mme", "mlle", "sra", "dra", "bzw", "ca", "hr",
];

/// Abbreviations before a number; otherwise words or ends.
const BEFORE_NUMBERS: [&str; 14] = [
    "no", "nos", "nr", "fig", "vol", "p", "pp", "ch", "sec", "eq", "art", "jan", "feb", "dec",
];

/// Cuts sentences off a text that grows.
#[derive(Debug, Default)]
pub(super) struct Cutter {
    rest: String,
}

impl Cutter {
    /// Takes more text; gives the sentences that are complete now. Each has something that can be spoken.
    pub(super) fn push(&mut self, text: &str) -> Vec<String> {
        self.rest.push_str(text);
        let mut sentences = Vec::new();
        while let Some(end) = end_of_first(&self.rest) {
            let rest = self.rest.split_off(end);
            let sentence = std::mem::replace(&mut self.rest, rest);
            if can_be_spoken(&sentence) {
                sentences.push(sentence.trim().to_owned());
            }
        }
        sentences
    }

    /// What is left, if it can be spoken.
    pub(super) fn rest(&mut self) -> Option<String> {
        let rest = std::mem::take(&mut self.rest);
        can_be_spoken(&rest).then(|| rest.trim().to_owned())
    }
}

fn can_be_spoken(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}

/// Where the first sentence ends, bytes, if that is sure. What is further than `LONGEST` is not looked at, so that
/// it does not matter in which parts a text comes.
fn end_of_first(text: &str) -> Option<usize> {
    let full = text.char_indices().nth(LONGEST);
    let text = full.map_or(text, |(at, c)| &text[..at + c.len_utf8()]);
    let mut chars = 0;
    let mut breath = None;
    for (at, c) in text.char_indices() {
        chars += 1;
        let behind = at + c.len_utf8();
        let end = match c {
            '\n' => Some(behind),
            _ if WIDE_ENDS.contains(&c) => past_closers(text, behind),
            _ if ENDS.contains(&c) => end_behind(text, at, behind),
            _ => None,
        };
        if let Some(end) = end.filter(|end| can_be_spoken(&text[..*end])) {
            return Some(end);
        }
        if chars > SHORTEST && (PAUSES.contains(&c) || (c.is_whitespace() && breath.is_none())) {
            breath = Some(behind);
        }
    }
    full.map(|_| breath.unwrap_or(text.len()))
}

/// Behind what closes the sentence; `None` as long as more of that may come.
fn past_closers(text: &str, from: usize) -> Option<usize> {
    let belongs = |c: char| CLOSERS.contains(&c) || ENDS.contains(&c) || WIDE_ENDS.contains(&c);
    let next = text[from..].find(|c| !belongs(c))?;
    Some(from + next)
}

/// Where the sentence ends whose last character may be the one at `at`.
fn end_behind(text: &str, at: usize, behind: usize) -> Option<usize> {
    let end = past_closers(text, behind)?;
    let blank = text[end..].chars().take_while(|c| c.is_whitespace());
    let blanks: usize = blank.clone().map(char::len_utf8).sum();
    if blanks == 0 {
        return None;
    }
    if blank.clone().any(|c| c == '\n') {
        return Some(end);
    }
    let next = text[end + blanks..].chars().next()?;
    let goes_on = next.is_lowercase()
        || (text[at..].starts_with('.') && end == behind && is_abbreviation(&text[..at], next));
    (!goes_on).then_some(end)
}

/// Whether the full stop behind `before` is that of an abbreviation or of a number in a list.
fn is_abbreviation(before: &str, next: char) -> bool {
    let opening = |c: char| c.is_whitespace() || matches!(c, '(' | '[' | '"' | '“' | '«');
    let word = before.rsplit(opening).next().unwrap_or_default();
    let lower = word.to_lowercase();
    let is_initial =
        word.chars().count() == 1 && word != "I" && word.chars().all(char::is_uppercase);
    let is_number = !before.trim().is_empty() && before.trim().chars().all(|c| c.is_ascii_digit());
    is_initial
        || is_number
        || word.contains('.')
        || ABBREVIATIONS.contains(&lower.as_str())
        || (next.is_numeric() && BEFORE_NUMBERS.contains(&lower.as_str()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(text: &str) -> Vec<String> {
        let mut cutter = Cutter::default();
        let mut sentences = cutter.push(text);
        sentences.extend(cutter.rest());
        sentences
    }

    fn cut_by_characters(text: &str) -> Vec<String> {
        let mut cutter = Cutter::default();
        let mut sentences = Vec::new();
        for c in text.chars() {
            sentences.extend(cutter.push(&c.to_string()));
        }
        sentences.extend(cutter.rest());
        sentences
    }

    #[test]
    fn sentences_end_where_people_end_them() {
        for sentences in [
            &["Thank you.", "And how are you?", "I am well!"][..],
            &["Dr. Smith, of St. Mary's, has arrived.", "He is early."],
            &["We met at 10 a.m. on Friday, i.e. yesterday.", "Right?"],
            &["It costs $3.50 a day.", "That is version 1.2.3 of it."],
            &["“Really?” he asked.", "“Yes!”", "Then he left."],
            &["J. R. Hartley wrote it.", "So did I.", "We all did."],
            &["1. Tell us who you are.", "2. Tell us why."],
            &["No.", "See fig. 3 and no. 5 of it.", "Good."],
            &["Wait... what is it?", "Wait…", "What?!", "Oh."],
            &["我很好。", "你呢？", "「好。」", "再见"],
            &["A heading", "and a line."],
        ] {
            let text = sentences.join(" ");
            let text = text.replace("heading ", "heading\n");
            assert_eq!(cut(&text), sentences, "{text}");
            assert_eq!(cut_by_characters(&text), sentences, "{text}");
        }
    }

    #[test]
    fn a_sentence_is_given_as_soon_as_the_next_begins() {
        let mut cutter = Cutter::default();
        assert!(cutter.push("Thank you").is_empty());
        assert!(cutter.push(". ").is_empty());
        assert_eq!(cutter.push("A"), ["Thank you."]);
        assert!(cutter.push("nd how").is_empty());
        assert_eq!(cutter.rest().as_deref(), Some("And how"));
        assert_eq!(cutter.rest(), None);
    }

    #[test]
    fn what_has_no_end_is_cut_where_one_may_breathe() {
        let text = "one, two three ".repeat(100);
        let sentences = cut(&text);
        assert!(sentences.len() > 3, "{}", sentences.len());
        for sentence in &sentences[..sentences.len() - 1] {
            assert!(sentence.ends_with(','), "{sentence}");
        }
        for sentence in cut(&"x".repeat(2_000)) {
            assert!(sentence.chars().count() <= LONGEST + 1);
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_unspeakable_is_given(text in "[a-zA-Z0-9 .!?\"。,\n]{0,900}") {
            let sentences = cut(&text);
            prop_assert_eq!(&sentences, &cut_by_characters(&text));
            prop_assert!(sentences.iter().all(|sentence| can_be_spoken(sentence)));
            let spoken = |text: &str| -> String {
                text.chars().filter(|c| c.is_alphanumeric()).collect()
            };
            prop_assert_eq!(spoken(&sentences.concat()), spoken(&text));
        }
    }
}
