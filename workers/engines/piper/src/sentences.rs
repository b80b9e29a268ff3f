//! Clauses to sentences: one string of phonemes and punctuation each.

use voicefleet_phonemes::Clause;

/// Joins the clauses of one line into its sentences, as piper-tts does: the mark belongs to the
/// phonemes, and inside a sentence a blank follows it.
///
/// Where espeak-ng breaks inside a sentence without a mark (a clause longer than its buffer) a blank
/// keeps the words apart; piper-tts fuses them.
pub(crate) fn sentences(clauses: impl IntoIterator<Item = Clause>) -> Vec<String> {
    let mut sentences = Vec::new();
    let mut sentence = String::new();
    for clause in clauses {
        sentence.push_str(&clause.phonemes);
        sentence.extend(clause.terminator);
        if clause.ends_sentence {
            sentences.push(std::mem::take(&mut sentence));
        } else {
            sentence.push(' ');
        }
    }
    sentences.push(sentence);
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clause(phonemes: &str, terminator: Option<char>, ends_sentence: bool) -> Clause {
        Clause {
            phonemes: phonemes.to_owned(),
            terminator,
            ends_sentence,
        }
    }

    #[test]
    fn marks_and_blanks_stand_where_piper_tts_puts_them() {
        let clauses = [
            clause("a", Some(','), false),
            clause("b", Some('?'), true),
            clause("c", None, false),
            clause("d", Some(';'), false),
        ];
        assert_eq!(sentences(clauses), ["a, b?", "c d; "]);
    }
}
