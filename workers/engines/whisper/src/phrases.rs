//! Tokens to words, words to phrases.

use voicefleet_core::Word;

use crate::pass::{Piece, Token};

/// What was said between two time marks; times in seconds from the start of the pass.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Phrase {
    /// Never empty.
    pub(crate) words: Vec<Word>,
    /// As the model wrote it, trimmed.
    pub(crate) text: String,
    /// Mean log probability of its tokens.
    pub(crate) log_probability: f32,
    /// The time marks around it; the end of all time where the second one is missing.
    pub(crate) marks: (f64, f64),
}

impl Phrase {
    /// Moves all its times.
    pub(crate) fn delay(&mut self, by: f64) {
        for word in &mut self.words {
            word.start += by;
            word.end += by;
        }
        self.marks.0 += by;
        self.marks.1 += by;
    }
}

/// A word may end this much later than the time mark after it, seconds: marks tend to be round.
const MARK_SLACK: f64 = 0.2;

/// The phrases of a pass. `unspaced`: the language is written without blanks between words.
pub(crate) fn phrases(pieces: &[Piece], unspaced: bool) -> Vec<Phrase> {
    let mut phrases = Vec::new();
    let mut tokens = Vec::new();
    let mut said_until = 0.0;
    let mut opening = 0.0;
    for piece in pieces {
        match piece {
            Piece::Text(token) => tokens.push(token),
            Piece::Mark(at) => {
                phrases.extend(phrase(&tokens, (opening, *at), &mut said_until, unspaced));
                tokens.clear();
                opening = *at;
            }
        }
    }
    phrases.extend(phrase(
        &tokens,
        (opening, f64::MAX),
        &mut said_until,
        unspaced,
    ));
    phrases
}

#[expect(clippy::cast_precision_loss, reason = "a few hundred tokens")]
fn phrase(
    tokens: &[&Token],
    marks: (f64, f64),
    said_until: &mut f64,
    unspaced: bool,
) -> Option<Phrase> {
    let pieces = whole_characters(tokens);
    let text: String = pieces.iter().map(|piece| piece.text.as_str()).collect();
    let words = words(pieces, said_until, marks.1 + MARK_SLACK, unspaced);
    let sum: f32 = tokens.iter().map(|token| token.log_probability).sum();
    (!words.is_empty()).then(|| Phrase {
        words,
        text: text.trim().to_owned(),
        log_probability: sum / tokens.len() as f32,
        marks,
    })
}

/// One token, or several that share a character.
struct Spoken {
    text: String,
    said_at: Option<f64>,
    probability: f32,
}

impl Spoken {
    fn is_punctuation(&self) -> bool {
        !self.text.chars().any(char::is_alphanumeric)
    }
}

/// Joins tokens until their bytes are whole characters.
fn whole_characters(tokens: &[&Token]) -> Vec<Spoken> {
    let mut pieces = Vec::new();
    let mut bytes = Vec::new();
    let mut probability = 1.0_f32;
    for (index, token) in tokens.iter().enumerate() {
        bytes.extend_from_slice(&token.bytes);
        probability = probability.min(token.probability);
        let is_last = index + 1 == tokens.len();
        if !is_last && std::str::from_utf8(&bytes).is_err() {
            continue;
        }
        pieces.push(Spoken {
            text: String::from_utf8_lossy(&bytes).into_owned(),
            said_at: token.said_at,
            probability,
        });
        bytes.clear();
        probability = 1.0;
    }
    pieces
}

/// A word under construction.
struct Open {
    text: String,
    start: f64,
    end: f64,
    probabilities: Vec<f32>,
}

/// Joins pieces to words: a blank begins a word, punctuation belongs to the word it touches, and in
/// an unspaced language every other piece is a word. A word begins where the one before it ends, and
/// none ends after `latest`.
fn words(pieces: Vec<Spoken>, said_until: &mut f64, latest: f64, unspaced: bool) -> Vec<Word> {
    let mut words: Vec<Open> = Vec::new();
    // Punctuation before a word, such as an opening quotation mark.
    let mut opening = String::new();
    for piece in pieces {
        let begins = unspaced || piece.text.starts_with(' ');
        if piece.is_punctuation() {
            match words.last_mut() {
                // Its time is that of a pause, which is not part of any word.
                Some(word) if unspaced || !begins => word.text.push_str(&piece.text),
                _ => opening.push_str(&piece.text),
            }
            continue;
        }
        // An alignment never runs backwards; a piece without one takes no time.
        let start = *said_until;
        *said_until = piece.said_at.unwrap_or(start).min(latest).max(start);
        match words.last_mut() {
            Some(word) if !begins && opening.is_empty() => {
                word.text.push_str(&piece.text);
                word.end = *said_until;
                word.probabilities.push(piece.probability);
            }
            _ => words.push(Open {
                text: std::mem::take(&mut opening) + &piece.text,
                start,
                end: *said_until,
                probabilities: vec![piece.probability],
            }),
        }
    }
    if let Some(word) = words.last_mut() {
        word.text.push_str(&opening);
    }
    words.iter().map(close).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a few tokens")]
fn close(word: &Open) -> Word {
    let sum: f32 = word.probabilities.iter().sum();
    Word {
        word: word.text.trim().to_owned(),
        start: word.start,
        end: word.end,
        probability: (sum / word.probabilities.len() as f32).clamp(0.0, 1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(bytes: &[u8], said_at: f64) -> Piece {
        Piece::Text(Token {
            bytes: bytes.to_vec(),
            probability: 0.5,
            log_probability: -0.5,
            said_at: Some(said_at),
        })
    }

    fn heard(pieces: &[Piece], unspaced: bool) -> Vec<(String, f64, f64)> {
        phrases(pieces, unspaced)
            .into_iter()
            .flat_map(|phrase| phrase.words)
            .map(|word| (word.word, word.start, word.end))
            .collect()
    }

    fn word(text: &str, start: f64, end: f64) -> (String, f64, f64) {
        (text.to_owned(), start, end)
    }

    #[test]
    fn tokens_join_to_words_and_punctuation_takes_no_time() {
        let pieces = [
            token(b" Americ", 0.4),
            token(b"ans", 0.9),
            token(b",", 2.0),
            token(b" ask", 2.5),
        ];
        assert_eq!(
            heard(&pieces, false),
            [word("Americans,", 0.0, 0.9), word("ask", 0.9, 2.5)]
        );
    }

    #[test]
    fn quotation_marks_belong_to_the_word_they_touch() {
        let pieces = [
            token(b" \"", 0.1),
            token(b"Yes", 0.5),
            token(b"\"", 0.6),
            token(b" -", 0.7),
            token(b" he", 1.0),
            token(b" \"", 1.1),
        ];
        assert_eq!(
            heard(&pieces, false),
            [word("\"Yes\"", 0.0, 0.5), word("- he \"", 0.5, 1.0)]
        );
    }

    #[test]
    fn characters_spread_over_tokens_are_put_together() {
        let bytes = "天地。".as_bytes();
        let pieces = [
            token(&bytes[..2], 0.1),
            token(&bytes[2..3], 0.3),
            token(&bytes[3..6], 0.6),
            token(&bytes[6..], 0.9),
        ];
        assert_eq!(
            heard(&pieces, true),
            [word("天", 0.0, 0.3), word("地。", 0.3, 0.6)]
        );
    }

    #[test]
    fn a_broken_character_at_the_end_does_not_panic() {
        let pieces = [token(b" a", 0.1), token(&[0xe5, 0xa4], 0.2)];
        assert_eq!(heard(&pieces, false).len(), 1);
    }

    #[test]
    fn marks_separate_phrases_and_time_never_runs_backwards() {
        let pieces = [
            Piece::Mark(0.0),
            token(b" One", 1.0),
            Piece::Mark(1.1),
            Piece::Mark(1.2),
            token(b" two", 0.5),
            token(b".", 0.6),
            Piece::Mark(2.0),
        ];
        let phrases = phrases(&pieces, false);
        assert_eq!(phrases.len(), 2);
        assert_eq!(phrases[1].text, "two.");
        assert!((phrases[1].log_probability + 0.5).abs() < 1e-6);
        assert!((phrases[1].words[0].start - 1.0).abs() < 1e-9);
        assert!((phrases[1].words[0].end - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_mark_holds_back_words_that_wander_past_it() {
        let pieces = [
            token(b" for", 4.0),
            token(b" you", 7.3),
            Piece::Mark(5.0),
            Piece::Mark(7.0),
            token(b" Ask", 7.5),
        ];
        assert_eq!(
            heard(&pieces, false),
            [
                word("for", 0.0, 4.0),
                word("you", 4.0, 5.2),
                word("Ask", 5.2, 7.5)
            ]
        );
    }

    #[test]
    fn punctuation_alone_is_no_phrase() {
        assert_eq!(phrases(&[token(b" .", 0.2), token(b"..", 0.4)], false), []);
    }
}
