//! Puts words where the speech is.
//!
//! The model's alignment tells well when a word has been said, but lets a word after a pause begin
//! with the pause (measured: the mean error of word starts falls from 0.33 s to under 0.1 s once they are
//! moved to where the speech begins).

use voicefleet_core::Word;

use crate::phrases::Phrase;

/// Speech as (start, end), seconds on the same clock as the words.
pub(crate) type Speech = [(f64, f64)];

/// Words this far from any speech were not said, seconds. The alignment errs by less.
const EARSHOT: f64 = 0.5;

/// A word whose end reaches less far than this into a stretch of speech was said before it, seconds.
const FOOTHOLD: f64 = 0.1;

/// The rest of a stretch of speech up to this length belongs to the word it follows, seconds: a drawled last word goes
/// on for over half a second after the model has understood it, and less than a pass is worth is not listened to again.
const TAIL: f64 = 0.6;

/// A word that the alignment gives less than this takes it from the word before, seconds.
const SHORTEST_WORD: f64 = 0.06;

/// Whether at least half of the phrase's words lie where somebody speaks.
pub(crate) fn is_spoken(phrase: &Phrase, speech: &Speech) -> bool {
    let heard = phrase
        .words
        .iter()
        .filter(|word| {
            speech
                .iter()
                .any(|(start, end)| word.start < end + EARSHOT && word.end > start - EARSHOT)
        })
        .count();
    heard * 2 >= phrase.words.len()
}

/// Moves the words' starts and ends into the speech; keeps them in order and not before `earliest`.
pub(crate) fn place(phrases: &mut [Phrase], speech: &Speech, earliest: f64) {
    let mut free_from = earliest;
    for phrase in phrases {
        if is_collapsed(&phrase.words) {
            let (opening, closing) = phrase.marks;
            spread(&mut phrase.words, speech, opening.max(free_from), closing);
        }
        settle(&mut phrase.words, speech, free_from);
        free_from = phrase.words.last().map_or(free_from, |word| word.end);
    }
}

/// Whether the alignment has failed: it gave no time to many of the words. It does so where the same
/// words are said twice in one pass.
fn is_collapsed(words: &[Word]) -> bool {
    let timeless = words
        .iter()
        .filter(|word| word.end - word.start < SHORTEST_WORD / 2.0)
        .count();
    timeless >= 3 && timeless * 4 >= words.len()
}

/// Gives the words the speech between two moments, each as much as it has letters.
fn spread(words: &mut [Word], speech: &Speech, from: f64, until: f64) {
    let parts: Vec<(f64, f64)> = speech
        .iter()
        .map(|(start, end)| (start.max(from), end.min(until)))
        .filter(|(start, end)| start < end)
        .collect();
    let letters = |word: &Word| f64::from(u16::try_from(word.word.chars().count()).unwrap_or(1));
    let all_letters: f64 = words.iter().map(letters).sum();
    let seconds_per_letter =
        parts.iter().map(|(start, end)| end - start).sum::<f64>() / all_letters;
    let mut parts = parts.into_iter();
    let Some(mut part) = parts.next() else { return };
    // Seconds of speech before the word, and before the part that it lies in.
    let (mut spoken, mut spoken_before_part) = (0.0, 0.0);
    for word in words {
        let length = letters(word) * seconds_per_letter;
        // A word does not go on after a pause: it lies where its middle lies.
        while spoken + length / 2.0 - spoken_before_part > part.1 - part.0 {
            let Some(next) = parts.next() else { break };
            spoken_before_part += part.1 - part.0;
            part = next;
        }
        let start = part.0 + spoken - spoken_before_part;
        word.start = start.clamp(part.0, part.1);
        word.end = (start + length).clamp(part.0, part.1);
        spoken += length;
    }
}

/// Moves words into the speech, in order.
fn settle(words: &mut [Word], speech: &Speech, earliest: f64) {
    let stretches: Vec<_> = words.iter().map(|word| stretch_of(word, speech)).collect();
    let mut free_from = earliest;
    for index in 0..words.len() {
        let word = &mut words[index];
        if let Some((start, end)) = stretches[index] {
            word.start = word.start.clamp(start, end);
            word.end = word.end.clamp(start, end);
            let is_last_in_it = stretches.get(index + 1) != Some(&stretches[index]);
            if is_last_in_it && end - word.end <= TAIL {
                word.end = end;
            }
        }
        word.start = word.start.max(free_from);
        word.end = word.end.max(word.start);
        free_from = word.end;
        if let [.., before, word] = &mut words[..=index] {
            lengthen(before, word);
        }
    }
}

/// The stretch that a word was said in: the one in which it ends, else the last one it touches, else
/// the nearest.
fn stretch_of(word: &Word, speech: &Speech) -> Option<(f64, f64)> {
    let touched = |(start, end): &&(f64, f64)| word.start < *end && word.end > *start;
    let ends_in = |(start, end): &&(f64, f64)| word.end >= start + FOOTHOLD && word.end <= *end;
    let overlap = |(start, end): &(f64, f64)| word.end.min(*end) - word.start.max(*start);
    let distance = |(start, end): &(f64, f64)| (start - word.end).max(word.start - end);
    speech
        .iter()
        .find(ends_in)
        .or_else(|| {
            speech
                .iter()
                .filter(touched)
                .max_by(|a, b| overlap(a).total_cmp(&overlap(b)))
        })
        .or_else(|| {
            speech
                .iter()
                .min_by(|a, b| distance(a).total_cmp(&distance(b)))
        })
        .copied()
}

/// Gives a word of no length some of the time of the word right before it.
fn lengthen(before: &mut Word, word: &mut Word) {
    let missing = SHORTEST_WORD - (word.end - word.start);
    let adjacent = word.start - before.end < 1e-9;
    let spare = before.end - before.start - SHORTEST_WORD;
    if missing > 0.0 && adjacent && spare > missing {
        before.end -= missing;
        word.start = before.end;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn word(start: f64, end: f64) -> Word {
        Word {
            word: "x".to_owned(),
            start,
            end,
            probability: 1.0,
        }
    }

    fn placed(words: &[(f64, f64)], speech: &Speech) -> Vec<(f64, f64)> {
        placed_between(words, speech, (0.0, f64::MAX))
    }

    fn placed_between(words: &[(f64, f64)], speech: &Speech, marks: (f64, f64)) -> Vec<(f64, f64)> {
        let mut phrases = [Phrase {
            words: words.iter().map(|(s, e)| word(*s, *e)).collect(),
            marks,
            ..Phrase::default()
        }];
        place(&mut phrases, speech, 0.0);
        let [phrase] = phrases;
        phrase
            .words
            .iter()
            .map(|word| (word.start, word.end))
            .collect()
    }

    #[test]
    fn a_word_after_a_pause_begins_with_the_speech() {
        let speech = [(0.3, 2.2), (5.4, 7.7)];
        assert_eq!(
            placed(&[(0.0, 0.5), (0.5, 2.4), (2.4, 5.9)], &speech),
            [(0.3, 0.5), (0.5, 2.2), (5.4, 5.9)]
        );
    }

    #[test]
    fn a_word_that_only_grazes_the_next_speech_stays() {
        let speech = [(0.0, 2.0), (3.0, 4.0)];
        assert_eq!(placed(&[(1.0, 3.05)], &speech), [(1.0, 2.0)]);
        assert_eq!(placed(&[(1.0, 3.2)], &speech), [(3.0, 3.2)]);
    }

    #[test]
    fn a_word_beside_the_speech_snaps_to_it() {
        assert_eq!(placed(&[(2.1, 2.3)], &[(0.0, 2.0)]), [(2.0, 2.0)]);
    }

    #[test]
    fn words_without_length_take_some_from_the_word_before() {
        let words = placed(&[(0.0, 1.0), (1.0, 1.0)], &[(0.0, 2.0)]);
        assert!((words[0].1 - 0.94).abs() < 1e-9);
        assert_eq!(words[1], (words[0].1, 1.0));
    }

    #[test]
    fn words_in_silence_were_not_spoken() {
        let phrase = |words: Vec<Word>| Phrase {
            words,
            ..Phrase::default()
        };
        let speech = [(0.0, 2.0)];
        assert!(is_spoken(
            &phrase(vec![word(1.0, 1.5), word(3.0, 4.0)]),
            &speech
        ));
        assert!(!is_spoken(&phrase(vec![word(3.0, 4.0)]), &speech));
        assert!(!is_spoken(&phrase(vec![word(0.0, 1.0)]), &[]));
    }

    #[test]
    fn words_that_got_no_time_share_the_speech_of_their_phrase() {
        let speech = [(1.0, 2.0), (3.0, 4.0), (8.0, 9.0)];
        let collapsed = [(1.0, 1.1), (1.1, 9.0), (9.0, 9.0), (9.0, 9.0), (9.0, 9.0)];
        let placed = placed_between(&collapsed, &speech, (0.0, 5.0));
        let expected = [(1.0, 1.4), (1.4, 1.8), (1.8, 2.0), (3.2, 3.6), (3.6, 4.0)];
        for (word, (start, end)) in placed.iter().zip(expected) {
            assert!(
                (word.0 - start).abs() < 0.21 && (word.1 - end).abs() < 0.21,
                "{placed:?}"
            );
        }
        assert!(placed[2].1 <= 2.0 || placed[2].0 >= 3.0);
    }

    #[test]
    fn two_words_without_time_are_no_failure() {
        let speech = [(0.0, 9.0)];
        let placed = placed(&[(0.0, 1.0), (1.0, 1.0), (1.0, 1.0), (1.0, 8.0)], &speech);
        assert!(placed[3].0 < 1.1 && placed[0].1 < 1.1);
    }

    proptest! {
        #[test]
        fn words_stay_in_order_and_within_the_speech(
            steps in proptest::collection::vec((0.0_f64..2.0, 0.0_f64..1.0), 1..20),
            layout in proptest::collection::vec((0.2_f64..3.0, 0.2_f64..5.0), 1..8),
        ) {
            let mut at = 0.0;
            let words: Vec<(f64, f64)> = steps.iter().map(|(gap, length)| {
                let start = at + gap;
                at = start + length;
                (start, at)
            }).collect();
            let mut at = 0.0;
            let speech: Vec<(f64, f64)> = layout.iter().map(|(gap, length)| {
                let start = at + gap;
                at = start + length;
                (start, at)
            }).collect();
            let placed = placed(&words, &speech);
            prop_assert!(placed.iter().all(|(start, end)| start <= end));
            prop_assert!(placed.windows(2).all(|pair| pair[0].1 <= pair[1].0));
            prop_assert!(placed.iter().all(|(start, end)| *start >= speech[0].0 && *end <= at));
        }
    }
}
