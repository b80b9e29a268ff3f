//! Sentences to chunks of a length that the model speaks well.
//!
//! Lengths are in phonemes (`char`s, one token each). At normal speed one takes about 50 ms.
//!
//! What was measured (`af_heart`, 1,500 phonemes of prose, transcribed with Whisper base): chunks of 56, 139
//! and 256 phonemes on average give word error rates of 2.1, 1.4 and 1.4 %, at 50 to 56 ms a phoneme: no
//! rushing, no loss. Each run also makes 0.8 s of silence at its edges that is computed and thrown away:
//! 22, 9 and 6 % of the work.

/// Longest chunk: 15 seconds. The model takes 510 phonemes, but a job can be interrupted and streamed
/// only between chunks, and memory grows with the length.
const LONGEST: usize = 300;
/// A chunk takes no further sentence that would take it past this: 8 seconds, a tenth of it wasted.
pub(crate) const FULL: usize = 160;
/// The same for the first chunk, which somebody waits for: 4 seconds.
const FULL_FIRST: usize = 80;
/// A first sentence longer than this is cut at a clause, where it has one.
const LONGEST_FIRST: usize = 130;
/// A sentence shorter than this is spoken together with a neighbour: alone it is well understood, but
/// more than half of its audio is silence to be thrown away.
const SHORT: usize = 30;

/// Silence between chunks in milliseconds, by what the earlier ends with. Inside a chunk the model itself
/// pauses 480 to 740 ms after a sentence and 250 to 460 ms after a comma; the margins that `edges` keeps
/// are 80 ms of that.
const AFTER_SENTENCE: u32 = 500;
const AFTER_CLAUSE: u32 = 220;
const AFTER_LINE: u32 = 800;

/// Marks that close a clause or sentence, and what may stand after them.
const MARKS: [char; 8] = ['.', '!', '?', '…', ',', ';', ':', '—'];
const BRACKETS: [char; 3] = ['”', '"', ')'];

/// One sentence in phonemes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sentence {
    /// Phonemes and marks.
    pub(crate) phonemes: String,
    /// Whether a line ends with it.
    pub(crate) ends_line: bool,
}

/// Phonemes for one run of the model, and the silence after them in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) phonemes: String,
    pub(crate) pause_ms: u32,
}

/// Packs sentences, in order: whole ones where they fit, others cut at marks, then between words.
///
/// Below half speed chunks have fewer phonemes, so that no run makes more than 30 seconds, which is what 510
/// phonemes make at normal speed. Pauses follow the speed.
pub(crate) fn pack(sentences: &[Sentence], speed: f32) -> Vec<Chunk> {
    let mut packer = Packer {
        chunks: Vec::new(),
        speed,
    };
    for (at, sentence) in sentences.iter().enumerate() {
        packer.add_sentence(sentence, at == 0);
    }
    if let Some(last) = packer.chunks.last_mut() {
        last.pause_ms = 0;
    }
    packer.chunks
}

struct Packer {
    chunks: Vec<Chunk>,
    speed: f32,
}

impl Packer {
    fn add_sentence(&mut self, sentence: &Sentence, first: bool) {
        let mut rest: Vec<char> = sentence.phonemes.chars().collect();
        let (full_first, longest_first) = (self.scaled(FULL_FIRST), self.scaled(LONGEST_FIRST));
        if first
            && rest.len() > longest_first
            && let Some(at) = cut(&rest, full_first, longest_first, &[after_mark])
        {
            let tail = rest.split_off(at);
            self.add(&rest, ',', false);
            rest = tail;
        }
        let longest = self.scaled(LONGEST);
        while rest.len() > longest {
            // Pieces of about equal length: none is a mere leftover.
            let even = rest.len() / rest.len().div_ceil(longest - 1);
            let seams: [Seam; 3] = [after_sentence, after_mark, after_word];
            let at = cut(&rest, even, longest - 1, &seams).unwrap_or(even);
            let tail = rest.split_off(at);
            self.add(&rest, ',', false);
            rest = tail;
        }
        self.add(&rest, '.', sentence.ends_line);
    }

    /// Adds a piece to the open chunk if both fit together, else opens another.
    ///
    /// Without a mark at the end the model breaks off before the last sound has died away, so a piece that
    /// has none gets `close`.
    fn add(&mut self, piece: &[char], close: char, ends_line: bool) {
        let piece: String = piece.iter().collect();
        let mut piece = piece.trim().to_owned();
        if piece.is_empty() {
            return;
        }
        if !piece.trim_end_matches(BRACKETS).ends_with(MARKS) {
            piece.push(close);
        }
        let pause_ms = self.pause_after(&piece, ends_line);
        if let Some(open) = self.chunks.last()
            && self.fits(open, &piece)
            && let Some(open) = self.chunks.last_mut()
        {
            open.phonemes.push(' ');
            open.phonemes.push_str(&piece);
            open.pause_ms = pause_ms;
            return;
        }
        self.chunks.push(Chunk {
            phonemes: piece,
            pause_ms,
        });
    }

    fn fits(&self, open: &Chunk, piece: &str) -> bool {
        let (open, piece) = (open.phonemes.chars().count(), piece.chars().count());
        let together = open + 1 + piece;
        let full = if self.chunks.len() == 1 {
            FULL_FIRST
        } else {
            FULL
        };
        let one_is_short = open.min(piece) < self.scaled(SHORT);
        together <= self.scaled(full) || (one_is_short && together <= self.scaled(LONGEST))
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "between 0 and a few hundred"
    )]
    fn scaled(&self, phonemes: usize) -> usize {
        ((phonemes as f32 * (2.0 * self.speed).min(1.0)) as usize).max(2)
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "between 0 and a few thousand"
    )]
    fn pause_after(&self, phonemes: &str, ends_line: bool) -> u32 {
        let pause = match phonemes
            .trim_end_matches(['”', '"', ')'])
            .chars()
            .next_back()
        {
            _ if ends_line => AFTER_LINE,
            Some('.' | '!' | '?' | '…') => AFTER_SENTENCE,
            _ => AFTER_CLAUSE,
        };
        (pause as f32 / self.speed) as u32
    }
}

/// Whether a piece may end before the blank at this place.
type Seam = fn(&[char], usize) -> bool;

fn after_word(phonemes: &[char], at: usize) -> bool {
    phonemes[at] == ' '
}

fn after_mark(phonemes: &[char], at: usize) -> bool {
    after_word(phonemes, at)
        && (MARKS.contains(&phonemes[at - 1]) || BRACKETS.contains(&phonemes[at - 1]))
}

fn after_sentence(phonemes: &[char], at: usize) -> bool {
    after_word(phonemes, at) && matches!(phonemes[at - 1], '.' | '!' | '?' | '…')
}

/// The place nearest to `ideal`, at least half of it and at most `longest`, with the first of the `seams`
/// that has one there.
fn cut(phonemes: &[char], ideal: usize, longest: usize, seams: &[Seam]) -> Option<usize> {
    let places = (ideal / 2).max(1)..=longest.min(phonemes.len() - 1);
    seams.iter().find_map(|seam| {
        places
            .clone()
            .filter(|at| seam(phonemes, *at))
            .min_by_key(|at| at.abs_diff(ideal))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(sentences: &[&str]) -> Vec<Chunk> {
        let sentences: Vec<Sentence> = sentences
            .iter()
            .map(|phonemes| Sentence {
                phonemes: (*phonemes).to_owned(),
                ends_line: false,
            })
            .collect();
        pack(&sentences, 1.0)
    }

    fn lengths(sentences: &[&str]) -> Vec<usize> {
        packed(sentences)
            .iter()
            .map(|chunk| chunk.phonemes.chars().count())
            .collect()
    }

    #[test]
    fn the_first_chunk_is_short_and_the_others_are_filled() {
        let sentence = format!("{}.", "a".repeat(69));
        assert_eq!(lengths(&[sentence.as_str(); 5]), [70, 141, 141]);
    }

    #[test]
    fn a_short_sentence_is_never_alone() {
        let long = "a".repeat(150);
        assert_eq!(lengths(&["yes.", &long]), [156]);
        assert_eq!(lengths(&[&long, &long, "no."]), [151, 155]);
        assert_eq!(lengths(&["yes."]), [4]);
    }

    #[test]
    fn a_long_first_sentence_is_cut_at_a_mark_but_not_between_words() {
        let clause = "a".repeat(90);
        let chunks = packed(&[&format!("{clause}, {clause}.")]);
        assert_eq!(
            chunks[0],
            Chunk {
                phonemes: format!("{clause},"),
                pause_ms: AFTER_CLAUSE
            }
        );
        assert_eq!(lengths(&[&"ab ".repeat(60)]), [180]);
    }

    #[test]
    fn over_long_sentences_are_cut_evenly_and_nothing_is_lost() {
        let sentences = [
            "ab ".repeat(250),
            "a".repeat(1000),
            "ab, ".repeat(301),
            "ab cd. ".repeat(99),
        ];
        for sentence in sentences {
            for speed in [0.25, 1.0, 4.0] {
                let spoken = Sentence {
                    phonemes: sentence.clone(),
                    ends_line: true,
                };
                let chunks = pack(&[spoken.clone(), spoken], speed);
                let lengths = chunks.iter().map(|chunk| chunk.phonemes.chars().count());
                assert!(lengths.max() <= Some(LONGEST));
                let sounds = |text: &str| text.replace([' ', ',', '.'], "");
                let said: String = chunks.iter().map(|chunk| sounds(&chunk.phonemes)).collect();
                assert_eq!(said, sounds(&sentence).repeat(2));
            }
        }
    }

    #[test]
    fn the_pause_follows_the_closing_mark() {
        let long = "a".repeat(150);
        let pauses = |end: &str| packed(&[&format!("{long}{end}"), &long])[0].pause_ms;
        assert_eq!(pauses("."), AFTER_SENTENCE);
        assert_eq!(pauses("?”"), AFTER_SENTENCE);
        assert_eq!(pauses(","), AFTER_CLAUSE);
    }
}
