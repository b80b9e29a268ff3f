//! Text to sentences.

use unicode_segmentation::UnicodeSegmentation;

/// The sentences of one line, in order, without the blanks around them.
///
/// The rules are those of Unicode (UAX #29); where they break after `!` or `?` inside a sentence
/// (`"Stop!" he said`) the small letter that follows tells.
pub(crate) fn sentences(line: &str) -> Vec<&str> {
    let mut sentences: Vec<&str> = Vec::new();
    let mut start = 0;
    for (at, _) in line.split_sentence_bound_indices().skip(1) {
        let goes_on = line[at..].trim_start().starts_with(char::is_lowercase);
        if !goes_on {
            sentences.push(line[start..at].trim());
            start = at;
        }
    }
    sentences.push(line[start..].trim());
    sentences.retain(|sentence| !sentence.is_empty());
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_end_sentences_unless_a_small_letter_follows() {
        let text = "One 2.5 two. \"Three!\" he said. Four?! Five… six  日本。です। है।";
        let expected = [
            "One 2.5 two.",
            "\"Three!\" he said.",
            "Four?!",
            "Five… six  日本。",
            "です।",
            "है।",
        ];
        assert_eq!(sentences(text), expected);
    }
}
