//! Where speech begins and ends, to a hundredth of a second.
//!
//! Voice activity detection hears windows of 32 ms and needs several to be sure: it finds a soft first word up to 150 ms
//! late, and goes on for up to 110 ms after the last one. How loud it is tells more.

use crate::speech::Stretch;

/// Samples from one level to the next (10 ms), and samples that a level is taken over.
const STEP: usize = 160;
const BREADTH: usize = 2 * STEP;

/// Levels on each side of an edge by which pause and speech are judged.
const AROUND: usize = 35;

/// Levels that an edge is moved by at most.
const REACH: usize = 20;

/// Speech must be this much louder than the pause beside it for its edge to be heard, dB.
const CONTRAST: f32 = 12.0;

/// Speech begins this much of the way up from the pause's level to its own, and at least [`LEAST_RISE`] dB above the
/// pause.
const RISE: f32 = 0.3;
const LEAST_RISE: f32 = 6.0;

/// What is softer is as good as silent, dB of full scale.
const SILENCE: f32 = -70.0;

/// The stretches of speech with their edges moved to where they are heard; in order, and still apart.
pub(crate) fn sharpened(samples: &[f32], stretches: &[Stretch]) -> Vec<Stretch> {
    let levels = levels(samples);
    let between = |from: usize, to: usize| {
        let last = to.div_ceil(STEP).min(levels.len());
        &levels[(from / STEP).min(last)..last]
    };
    let mut sharpened = Vec::with_capacity(stretches.len());
    for (index, stretch) in stretches.iter().enumerate() {
        let before = index.checked_sub(1).map(|index| &stretches[index]);
        let after = stretches.get(index + 1);
        // Half of a pause is each neighbour's.
        let earliest = before.map_or(0, |before| usize::midpoint(before.end, stretch.start));
        let latest = after.map_or(samples.len(), |after| {
            usize::midpoint(stretch.end, after.start)
        });
        let speech = between(stretch.start, stretch.end);
        let start = match edge(&reversed(between(earliest, stretch.start)), speech) {
            Edge::Out(steps) => stretch.start.saturating_sub(steps * STEP).max(earliest),
            Edge::In(steps) => stretch.start + steps * STEP,
        };
        let end = match edge(between(stretch.end, latest), &reversed(speech)) {
            Edge::Out(steps) => (stretch.end + steps * STEP).min(latest),
            Edge::In(steps) => stretch.end.saturating_sub(steps * STEP),
        };
        // A burst so short that both edges would meet stays as it was.
        sharpened.push(if start < end {
            start..end
        } else {
            stretch.clone()
        });
    }
    sharpened
}

/// By how many levels an edge is to be moved, and whether into the pause or into the speech.
#[derive(Debug, PartialEq)]
enum Edge {
    Out(usize),
    In(usize),
}

/// Where the edge is heard, given the levels on both of its sides, those next to it first.
fn edge(pause: &[f32], speech: &[f32]) -> Edge {
    let pause = &pause[..pause.len().min(AROUND)];
    let speech = &speech[..speech.len().min(AROUND)];
    let (Some(quiet), Some(loud)) = (quantile(pause, 4), quantile(speech, 2)) else {
        return Edge::In(0);
    };
    if loud - quiet < CONTRAST {
        return Edge::In(0);
    }
    let threshold = quiet + LEAST_RISE.max(RISE * (loud - quiet));
    let run = |levels: &[f32], is_loud: bool| {
        levels
            .iter()
            .take(REACH)
            .take_while(|level| (**level >= threshold) == is_loud)
            .count()
    };
    match run(pause, true) {
        0 => Edge::In(run(speech, false)),
        steps => Edge::Out(steps),
    }
}

/// The level that one in `parts` levels are at most as high as; `None` of none.
fn quantile(levels: &[f32], parts: usize) -> Option<f32> {
    let mut sorted = levels.to_vec();
    sorted.sort_by(f32::total_cmp);
    sorted.get(sorted.len() / parts).copied()
}

fn reversed(levels: &[f32]) -> Vec<f32> {
    levels.iter().rev().copied().collect()
}

/// How loud it is around the middle of every [`STEP`] samples, dB of full scale.
#[expect(clippy::cast_precision_loss, reason = "a few hundred samples")]
fn levels(samples: &[f32]) -> Vec<f32> {
    (0..samples.len() / STEP)
        .map(|step| {
            let from = (step * STEP).saturating_sub((BREADTH - STEP) / 2);
            let around = &samples[from..(from + BREADTH).min(samples.len())];
            let power =
                around.iter().map(|sample| sample * sample).sum::<f32>() / around.len() as f32;
            (10.0 * power.log10()).max(SILENCE)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Samples of these (milliseconds, amplitude) parts.
    fn parts(parts: &[(usize, f32)]) -> Vec<f32> {
        parts
            .iter()
            .flat_map(|(milliseconds, amplitude)| {
                (0..milliseconds * 16).map(move |index| {
                    if index % 2 == 0 {
                        *amplitude
                    } else {
                        -amplitude
                    }
                })
            })
            .collect()
    }

    fn ms(from: usize, to: usize) -> Stretch {
        from * 16..to * 16
    }

    fn sharpened_alone(samples: &[f32], stretch: Stretch) -> Stretch {
        sharpened(samples, &[stretch]).remove(0)
    }

    /// Apart by a level at most.
    fn assert_near(stretch: &Stretch, expected: &Stretch) {
        let near = |a: usize, b: usize| a.abs_diff(b) <= STEP;
        assert!(
            near(stretch.start, expected.start) && near(stretch.end, expected.end),
            "{stretch:?} {expected:?}"
        );
    }

    #[test]
    fn a_soft_onset_before_the_stretch_is_part_of_it() {
        let samples = parts(&[(400, 0.003), (130, 0.02), (600, 0.2), (400, 0.003)]);
        assert_near(&sharpened_alone(&samples, ms(530, 1_130)), &ms(400, 1_130));
    }

    #[test]
    fn silence_within_the_stretch_is_cut_off() {
        let samples = parts(&[(400, 0.003), (600, 0.2), (400, 0.003)]);
        assert_near(&sharpened_alone(&samples, ms(350, 1_110)), &ms(400, 1_000));
    }

    #[test]
    fn an_edge_moves_by_a_fifth_of_a_second_at_most() {
        let samples = parts(&[(460, 0.003), (240, 0.1), (600, 0.2)]);
        assert_near(&sharpened_alone(&samples, ms(700, 1_300)), &ms(500, 1_300));
    }

    #[test]
    fn edges_in_noise_stay() {
        let samples = parts(&[(400, 0.06), (600, 0.2), (400, 0.06)]);
        assert_eq!(sharpened_alone(&samples, ms(350, 1_110)), ms(350, 1_110));
    }

    #[test]
    fn what_is_loud_beside_a_short_pause_belongs_to_the_stretch_it_touches() {
        let samples = parts(&[(400, 0.003), (660, 0.2), (80, 0.003), (1_260, 0.2)]);
        let found = sharpened(&samples, &[ms(400, 1_000), ms(1_200, 2_400)]);
        assert_near(&found[0], &ms(400, 1_060));
        assert_near(&found[1], &ms(1_140, 2_400));
    }

    proptest! {
        #[test]
        fn stretches_stay_in_order_apart_and_within_the_audio(
            layout in proptest::collection::vec((200_usize..900, 150_usize..900), 1..6),
            loudness in proptest::collection::vec(0.0_f32..0.5, 40),
            tail in 0_usize..500,
        ) {
            let mut at = 0;
            let stretches: Vec<Stretch> = layout.iter().map(|(gap, length)| {
                let start = at + gap * 16;
                at = start + length * 16;
                start..at
            }).collect();
            let end = at + tail * 16;
            let samples: Vec<f32> = (0..end).map(|index| loudness[index / 3_000 % 40]).collect();
            let found = sharpened(&samples, &stretches);
            prop_assert_eq!(found.len(), stretches.len());
            prop_assert!(found.iter().all(|stretch| stretch.start < stretch.end && stretch.end <= end));
            prop_assert!(found.windows(2).all(|pair| pair[0].end <= pair[1].start));
        }
    }
}
