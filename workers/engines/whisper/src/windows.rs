//! Cuts a recording into windows at silences.

use voicefleet_core::ports::Window;

use crate::{condensed::LONGEST_PAUSE, speech::Stretch};

/// Longest window, samples: the 30 s that a Whisper model hears at once.
pub(crate) const LONGEST: usize = 30 * SECOND;

/// Samples per second.
const SECOND: usize = 16_000;

/// Silence kept before and after speech, where there is as much: a soft onset is speech, too.
const MARGIN: usize = SECOND * 2 / 5;

/// Speech that goes on for longer than a window is cut at the quietest place of its last seconds.
const CUT_WITHIN: usize = 6 * SECOND;

/// How long a place to cut at must be quiet: half a short syllable on both sides.
const QUIET: usize = SECOND / 5;

/// Windows that together hold all the speech, in time order: at most [`LONGEST`], of which a model hears at most `longest`
/// samples, since long silences are [condensed](crate::condensed).
///
/// A window is as long as it can be, since every one has a fixed cost; where it has to end, it ends at the
/// longest silence of its second half. `longest` is at least twice what a stretch is cut within, and no more than [`LONGEST`].
pub(crate) fn pack(samples: &[f32], stretches: Vec<Stretch>, longest: usize) -> Vec<Window> {
    let mut windows = Vec::new();
    let mut open: Vec<Stretch> = Vec::new();
    for stretch in stretches
        .into_iter()
        .flat_map(|stretch| split_long(samples, stretch, longest))
    {
        while !open.is_empty() && !fits(&open, &stretch, longest) {
            let cut = widest_silence(&open, &stretch, longest);
            windows.push(open.drain(..cut).collect::<Vec<_>>());
        }
        open.push(stretch);
    }
    windows.push(open);
    with_margins(&windows, samples.len())
}

/// Whether one window can hold these stretches and the next one.
fn fits(open: &[Stretch], next: &Stretch, longest: usize) -> bool {
    let span = next.end - open[0].start;
    let skipped: usize = open
        .iter()
        .zip(open[1..].iter().chain([next]))
        .map(|(before, after)| silence_between(before, after).saturating_sub(LONGEST_PAUSE))
        .sum();
    span <= LONGEST - 2 * MARGIN && span - skipped <= longest - 2 * MARGIN
}

/// Pieces of a stretch that fit a window with its margins.
fn split_long(samples: &[f32], stretch: Stretch, longest: usize) -> Vec<Stretch> {
    let fitting = longest - 2 * MARGIN;
    let mut pieces = Vec::new();
    let mut rest = stretch;
    while rest.len() > fitting {
        let latest = rest.start + fitting;
        let cut = quietest(samples, latest - CUT_WITHIN..latest);
        pieces.push(rest.start..cut);
        rest = cut..rest.end;
    }
    pieces.push(rest);
    pieces
}

/// The middle of the [`QUIET`] samples within `range` that have the least energy.
fn quietest(samples: &[f32], range: std::ops::Range<usize>) -> usize {
    // Sums over short steps, then over a sliding row of them: cheap, and exact enough for a cut.
    const STEP: usize = SECOND / 100;
    const ROW: usize = QUIET / STEP;
    let energies: Vec<f32> = samples[range.clone()]
        .chunks_exact(STEP)
        .map(|step| step.iter().map(|sample| sample * sample).sum())
        .collect();
    let row_energy = |row: &[f32]| row.iter().sum::<f32>();
    let quietest_row = energies
        .windows(ROW)
        .enumerate()
        .min_by(|(_, a), (_, b)| row_energy(a).total_cmp(&row_energy(b)))
        .map_or(0, |(index, _)| index);
    range.start + quietest_row * STEP + QUIET / 2
}

fn silence_between(before: &Stretch, after: &Stretch) -> usize {
    after.start.saturating_sub(before.end)
}

/// How many of the open stretches to close so that the cut lies in the longest silence of the second
/// half of what a window can hold.
fn widest_silence(open: &[Stretch], next: &Stretch, longest: usize) -> usize {
    let second_half = open[0].start + longest / 2;
    let following = open[1..].iter().chain([next]);
    open.iter()
        .zip(following)
        .enumerate()
        .filter(|(_, (before, _))| before.end >= second_half)
        .max_by_key(|(_, (before, after))| silence_between(before, after))
        .map_or(open.len(), |(index, _)| index + 1)
}

/// Adds silence on both sides of every group, up to the middle of the silence between two groups.
fn with_margins(groups: &[Vec<Stretch>], end: usize) -> Vec<Window> {
    let bounds: Vec<Stretch> = groups
        .iter()
        .filter_map(|group| Some(group.first()?.start..group.last()?.end))
        .collect();
    let mut windows = Vec::with_capacity(bounds.len());
    for (index, speech) in bounds.iter().enumerate() {
        let before = match index.checked_sub(1) {
            Some(previous) => silence_between(&bounds[previous], speech) / 2,
            None => speech.start,
        };
        let after = match bounds.get(index + 1) {
            Some(next) => silence_between(speech, next) / 2,
            None => end.saturating_sub(speech.end),
        };
        windows.push(Window {
            start: speech.start - before.min(MARGIN),
            end: speech.end + after.min(MARGIN),
        });
    }
    windows
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Stretches from pairs of (silence before, speech), in milliseconds.
    fn stretches(gaps_and_lengths: &[(usize, usize)]) -> Vec<Stretch> {
        let mut at = 0;
        gaps_and_lengths
            .iter()
            .map(|(silence, speech)| {
                let start = at + silence * 16;
                at = start + speech * 16;
                start..at
            })
            .collect()
    }

    proptest! {
        #[test]
        fn windows_are_short_ordered_and_hold_all_speech(
            longest in 15_usize..=30,
            layout in proptest::collection::vec((200_usize..9_000, 150_usize..70_000), 0..30),
            tail in 0_usize..20_000,
        ) {
            let stretches = stretches(&layout);
            let end = stretches.last().map_or(0, |last| last.end) + tail;
            let longest = longest * SECOND;
            let windows = pack(&vec![0.0; end], stretches.clone(), longest);
            for window in &windows {
                prop_assert!(window.start < window.end && window.end <= end);
                prop_assert!(window.end - window.start <= LONGEST);
                let inside = stretches.iter().map(|stretch| {
                    stretch.end.min(window.end).saturating_sub(stretch.start.max(window.start))
                });
                prop_assert!(inside.sum::<usize>() <= longest);
            }
            for pair in windows.windows(2) {
                prop_assert!(pair[0].end <= pair[1].start);
            }
            for stretch in stretches {
                let held: usize = windows
                    .iter()
                    .map(|window| window.end.min(stretch.end).saturating_sub(window.start.max(stretch.start)))
                    .sum();
                prop_assert_eq!(held, stretch.len());
            }
        }

        #[test]
        fn stretches_that_fit_are_never_cut(
            layout in proptest::collection::vec((200_usize..3_000, 150_usize..29_000), 1..30),
        ) {
            let stretches = stretches(&layout);
            let end = stretches.last().map_or(0, |last| last.end);
            for window in pack(&vec![0.0; end], stretches.clone(), LONGEST) {
                for stretch in &stretches {
                    prop_assert!(window.end <= stretch.start || stretch.end <= window.end);
                }
            }
        }
    }

    #[test]
    fn nothing_spoken_is_no_window() {
        assert_eq!(pack(&vec![0.0; 16_000], Vec::new(), LONGEST), Vec::new());
    }

    #[test]
    fn sentences_share_a_window_as_long_as_they_fit() {
        let windows = pack(
            &vec![0.0; 40 * SECOND],
            stretches(&[(1_000, 3_000), (6_000, 3_000), (20_000, 3_000)]),
            LONGEST,
        );
        assert_eq!(
            windows,
            [
                Window {
                    start: SECOND - MARGIN,
                    end: 13 * SECOND + MARGIN
                },
                Window {
                    start: 33 * SECOND - MARGIN,
                    end: 36 * SECOND + MARGIN
                },
            ]
        );
    }

    #[test]
    fn a_long_silence_takes_no_room_that_a_model_would_hear() {
        let layout = stretches(&[(0, 6_000), (8_000, 6_000), (300, 6_000)]);
        let windows = pack(&vec![0.0; 30 * SECOND], layout, 15 * SECOND);
        assert_eq!(windows.len(), 2);
        assert_eq!(windows[0].end, 20 * SECOND + QUIET * 3 / 4);
    }

    #[test]
    fn a_full_window_ends_at_its_longest_late_silence() {
        // Silences at 10 s (2 s long), 18 s (1 s long) and 25 s (0.3 s long); the last one does not fit.
        let layout = [(0, 10_000), (2_000, 6_000), (1_000, 6_000), (300, 8_000)];
        let windows = pack(&vec![0.0; 40 * SECOND], stretches(&layout), LONGEST);
        assert_eq!(windows.len(), 2);
        assert_eq!(windows[0].end, 18 * SECOND + MARGIN);
    }

    #[test]
    fn endless_speech_is_cut_where_it_is_quietest() {
        let mut samples = vec![0.5; 50 * SECOND];
        samples[26 * SECOND..26 * SECOND + QUIET].fill(0.01);
        let windows = pack(&samples, stretches(&[(0, 50_000)]), LONGEST);
        assert_eq!(windows.len(), 2);
        assert_eq!(windows[0].end, windows[1].start);
        assert!(windows[0].end.abs_diff(26 * SECOND + QUIET / 2) <= SECOND / 100);
    }
}
