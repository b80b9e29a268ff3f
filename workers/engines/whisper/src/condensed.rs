//! A window without its long silences.
//!
//! Models invent words in silence, and their alignment wanders there: a word before a pause of 2 s was
//! placed up to a second late. So a pass gets the speech with short pauses, and times are put back after.

use crate::{
    speech::Stretch,
    time::{sample, seconds},
};

/// What is left of a pause on each side of it, samples. Models read sentence ends from pauses, so some
/// must be left.
const KEPT: usize = 6_400;

/// What is left of a pause, at most, samples.
pub(crate) const LONGEST_PAUSE: usize = 2 * KEPT;

/// Audio with its long silences cut out.
pub(crate) struct Condensed {
    pub(crate) samples: Vec<f32>,
    /// Where in `samples` somebody speaks.
    pub(crate) stretches: Vec<Stretch>,
    /// Runs of samples that were kept: (start in `samples`, start in the original), in order.
    runs: Vec<(usize, usize)>,
}

/// Cuts out what lies further than [`KEPT`] from any stretch of speech.
pub(crate) fn condense(samples: &[f32], stretches: &[Stretch]) -> Condensed {
    let mut condensed = Condensed {
        samples: Vec::with_capacity(samples.len()),
        stretches: Vec::with_capacity(stretches.len()),
        runs: Vec::new(),
    };
    let mut kept_until = 0;
    for stretch in stretches {
        let from = stretch.start.saturating_sub(KEPT).max(kept_until);
        let until = (stretch.end + KEPT).min(samples.len());
        let next = condensed.samples.len();
        if from > kept_until || condensed.runs.is_empty() {
            condensed.runs.push((next, from));
        }
        let start = next + stretch.start - from;
        condensed.stretches.push(start..start + stretch.len());
        condensed.samples.extend_from_slice(&samples[from..until]);
        kept_until = until;
    }
    condensed
}

impl Condensed {
    /// The moment in the original, for a moment in the condensed audio; both in seconds.
    pub(crate) fn original(&self, moment: f64) -> f64 {
        let at = sample(moment);
        let run = self.runs.partition_point(|(start, _)| *start <= at);
        match run.checked_sub(1).and_then(|run| self.runs.get(run)) {
            Some((start, original)) => moment - seconds(*start) + seconds(*original),
            None => moment,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Samples that are their own index, so that one can tell where they come from.
    fn numbered(count: u16) -> Vec<f32> {
        (0..count).map(f32::from).collect()
    }

    #[test]
    fn long_silences_go_and_short_pauses_stay() {
        let samples = numbered(60_000);
        let condensed = condense(&samples, &[10_000..12_000, 16_000..18_000, 50_000..52_000]);
        // 3 600 to 24 400 (the pause of 4 000 stays whole), then 43 600 to 58 400.
        assert_eq!(condensed.samples.len(), 20_800 + 14_800);
        assert_eq!(condensed.samples[20_799..20_801], [24_399.0, 43_600.0]);
        assert_eq!(condensed.stretches[2], 27_200..29_200);
    }

    #[test]
    fn speech_up_to_both_ends_is_kept_whole() {
        let samples = numbered(1_000);
        let condensed = condense(&samples, &[0..300, 600..1_000]);
        assert_eq!(condensed.samples, samples);
        assert_eq!(condensed.stretches, [0..300, 600..1_000]);
    }

    proptest! {
        #[test]
        fn every_kept_sample_is_found_again(
            layout in proptest::collection::vec((0_usize..12_000, 1_usize..2_000), 1..5),
            tail in 0_usize..9_000,
        ) {
            let mut at = 0;
            let stretches: Vec<Stretch> = layout.iter().map(|(gap, length)| {
                let start = at + gap;
                at = start + length;
                start..at
            }).collect();
            let samples = numbered(u16::try_from(at + tail).expect("short"));
            let condensed = condense(&samples, &stretches);
            for (new, old) in condensed.stretches.iter().zip(&stretches) {
                prop_assert_eq!(&condensed.samples[new.clone()], &samples[old.clone()]);
            }
            for (index, original) in condensed.samples.iter().enumerate() {
                // The middle of the sample, so that rounding cannot move it.
                let moment = seconds(index) + 0.5 / 16_000.0;
                prop_assert_eq!(sample(condensed.original(moment)), sample(f64::from(*original) / 16_000.0 + 0.5 / 16_000.0));
            }
        }
    }
}
