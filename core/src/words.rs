//! Comparing what was to be said with what was heard, word by word.

/// The words of a text for comparison: lower case, letters, digits and inner apostrophes only.
pub fn words(text: &str) -> Vec<String> {
    text.split(|c: char| c.is_whitespace() || c == '-' || c == '—')
        .map(|word| {
            let kept = |c: &char| c.is_alphanumeric() || matches!(c, '\'' | '’');
            let bare: String = word
                .chars()
                .filter(kept)
                .collect::<String>()
                .replace('’', "'");
            bare.trim_matches('\'').to_lowercase()
        })
        .filter(|word| !word.is_empty())
        .collect()
}

/// Words to insert, delete or replace to turn `heard` into `said` (Levenshtein distance over words).
///
/// The word error rate is this over the number of words in `said`.
pub fn word_errors(said: &[String], heard: &[String]) -> usize {
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (i, said_word) in said.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, heard_word) in heard.iter().enumerate() {
            let replaced = diagonal + usize::from(said_word != heard_word);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[heard.len()]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn punctuation_and_case_are_no_errors() {
        assert_eq!(
            words("  Don’t stop—now, “Dr.” Smith! "),
            ["don't", "stop", "now", "dr", "smith"]
        );
    }

    #[test]
    fn known_distances() {
        let distance = |said: &str, heard: &str| word_errors(&words(said), &words(heard));
        assert_eq!(distance("a b c", "a b c"), 0);
        assert_eq!(distance("a b c", "a x c"), 1);
        assert_eq!(distance("a b c", "b c"), 1);
        assert_eq!(distance("a b", "a b c d"), 2);
        assert_eq!(distance("", "a b"), 2);
    }

    proptest! {
        #[test]
        fn it_is_a_distance(
            a in proptest::collection::vec("[ab]", 0..8),
            b in proptest::collection::vec("[ab]", 0..8),
            c in proptest::collection::vec("[ab]", 0..8),
        ) {
            prop_assert_eq!(word_errors(&a, &b) == 0, a == b);
            prop_assert_eq!(word_errors(&a, &b), word_errors(&b, &a));
            prop_assert!(word_errors(&a, &c) <= word_errors(&a, &b) + word_errors(&b, &c));
        }
    }
}
