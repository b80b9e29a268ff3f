//! Cutting a sentence that is too long to be spoken in one run.

/// Cuts `sentence` into pieces of at most `limit` code points (at least 8), near the middle again and
/// again, so that no piece is a mere leftover: after the mark of a clause, where one is near the middle;
/// else between words, with a comma, as a speaker draws breath; else, in a word without end, anywhere.
pub(crate) fn pieces(sentence: &str, limit: usize) -> Vec<String> {
    let phonemes: Vec<char> = sentence.chars().collect();
    let mut pieces = Vec::new();
    cut(&phonemes, limit.max(8), &mut pieces);
    pieces
}

fn cut(phonemes: &[char], limit: usize, pieces: &mut Vec<String>) {
    if phonemes.len() <= limit {
        pieces.push(phonemes.iter().collect());
        return;
    }
    let after_clause = |at: usize| phonemes[at - 1] == ' ' && is_clause_mark(phonemes[at - 2]);
    let after_word = |at: usize| phonemes[at - 1] == ' ';
    if let Some(at) = nearest_to_middle(phonemes.len(), after_clause) {
        cut(&phonemes[..at], limit, pieces);
        cut(&phonemes[at..], limit, pieces);
    } else if let Some(at) = nearest_to_middle(phonemes.len(), after_word) {
        let breath = [&phonemes[..at - 1], &[',', ' ']].concat();
        cut(&breath, limit, pieces);
        cut(&phonemes[at..], limit, pieces);
    } else {
        let (left, right) = phonemes.split_at(phonemes.len() / 2);
        cut(left, limit, pieces);
        cut(right, limit, pieces);
    }
}

/// The place in the middle half of `length` that is `good` and nearest to the middle.
fn nearest_to_middle(length: usize, good: impl Fn(usize) -> bool) -> Option<usize> {
    let middle = length / 2;
    (length / 4..=length * 3 / 4)
        .filter(|at| good(*at))
        .min_by_key(|at| at.abs_diff(middle))
}

fn is_clause_mark(phoneme: char) -> bool {
    matches!(phoneme, ',' | ';' | ':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_left_alone() {
        assert_eq!(pieces("one, two three.", 15), ["one, two three."]);
    }

    #[test]
    fn clauses_come_apart_before_words_do() {
        assert_eq!(
            pieces("one two three, four five six seven", 24),
            ["one two three, ", "four five six seven"]
        );
    }

    #[test]
    fn a_clause_at_the_very_edge_does_not_make_a_leftover() {
        assert_eq!(
            pieces("so, one two three four five six seven", 30),
            ["so, one two three, ", "four five six seven"]
        );
    }

    #[test]
    fn every_piece_is_within_the_limit_and_nothing_is_lost() {
        let sentences = [
            "a".repeat(1000),
            "word ".repeat(300),
            "ab, ".repeat(301),
            "é ".repeat(99),
        ];
        for sentence in sentences {
            for limit in [8, 9, 50, 333] {
                let pieces = pieces(&sentence, limit);
                assert!(pieces.iter().all(|piece| piece.chars().count() <= limit));
                let letters = |text: &str| text.replace([',', ' '], "");
                assert_eq!(letters(&pieces.concat()), letters(&sentence));
            }
        }
    }
}
