//! Convolutions in the instructions of AVX-512 with bfloat16.
//!
//! `vdpbf16ps` multiplies 32 numbers of 16 bits with 32 others and adds each two products to one of 16 floats.
//! As with bytes, but with two channels for four: the input is 16 steps of time by two channels, the weights are of two, the same
//! for all times, and taps are the same input a few words further on.

use std::{
    arch::x86_64::{
        __m512, _mm512_add_ps, _mm512_cvtne2ps_pbh, _mm512_dpbf16_ps, _mm512_max_ps, _mm512_mul_ps,
        _mm512_permutexvar_epi16, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps,
    },
    ops::Range,
};

use super::vectors::{
    LANES, as_halves, as_words, load, load_words, store_floats, store_words, words_of,
};
use crate::bfloat16::{Convolution, Form, Input, Panel, ROWS, Scratch};

/// Vectors of time that are computed together: with [`ROWS`], 24 of the 32 registers are sums.
const VECTORS: usize = 3;
/// Steps of time that are computed together.
const TIMES: usize = VECTORS * LANES;
/// Steps of time that are rounded together: memory does not grow with the input, and what two such parts both need is little.
const TIMES_TOGETHER: usize = 20 * TIMES;

type Sums = [[__m512; VECTORS]; ROWS];

/// Runs a convolution. The slices have the lengths that they should have.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub(crate) fn run(
    convolution: &Convolution<'_>,
    input: &Input<'_>,
    scratch: &mut Scratch,
    output: &mut [f32],
) {
    let form = convolution.form();
    let Scratch { words, tile } = scratch;
    let steps = form.steps(input.length);
    let part = steps.clamp(1, TIMES_TOGETHER).next_multiple_of(TIMES);
    let row = part + form.reach();
    // Kept as long as the longest was: what is cut off would be zeroed when it comes back.
    let needed = form.pairs() * row;
    words.resize(needed.max(words.len()), 0);
    let words = &mut words[..needed];
    let offsets: Vec<usize> = (0..form.taps).map(|tap| tap * form.dilation).collect();
    let width = TIMES + form.reach();
    let length = form.length(input.length);
    for first in (0..steps).step_by(part) {
        round(input, words, first, form.padding[0], row);
        for start in (first..steps.min(first + part)).step_by(TIMES) {
            // A tile of the input, together in the cache.
            tile.clear();
            for row in words.chunks_exact(row) {
                tile.extend_from_slice(&row[start - first..start - first + width]);
            }
            for ((panels, bias), first) in convolution.blocks().zip((0..).step_by(ROWS)) {
                let sums = multiply(panels, bias, tile, width, &offsets);
                let place = Place {
                    rows: first..first + bias.len(),
                    steps: start..steps.min(start + TIMES),
                    length,
                };
                if form.is_plain() {
                    write(&sums, &place, input.added, output);
                } else {
                    interleave(&sums, &place, form, output);
                }
            }
        }
    }
}

/// Bends the input, with `before` zeros before it and zeros behind it, and rounds what begins at `first` of that into rows of `row`
/// words: the values of two channels.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn round(input: &Input<'_>, words: &mut [u32], first: usize, before: usize, row: usize) {
    let length = input.length;
    let zeros = before.saturating_sub(first).min(row);
    let from = (first + zeros).saturating_sub(before).min(length);
    let taken = (length - from).min(row - zeros);
    let pairs = input.values.chunks(2 * length);
    let slope = _mm512_set1_ps(input.slope);
    // Of a vector with the first channel's 16 numbers and then the second's: one of each in turn.
    let in_turn = words_of(std::array::from_fn(|word| {
        let word = u32::try_from(word).unwrap_or(0);
        word | (word + 16) << 16
    }));
    for (pair, words) in pairs.zip(words.chunks_exact_mut(row)) {
        let (one, other) = pair.split_at(length);
        let one = &one[from..from + taken];
        let other = other.get(from..from + taken);
        words[..zeros].fill(0);
        words[zeros + taken..].fill(0);
        let words = &mut words[zeros..zeros + taken];
        for at in (0..taken).step_by(LANES) {
            let bent = |row: &[f32]| {
                let values = load(row, at);
                _mm512_max_ps(values, _mm512_mul_ps(values, slope))
            };
            let other = match other {
                Some(row) => bent(row),
                None => _mm512_setzero_ps(),
            };
            let rounded = as_words(_mm512_cvtne2ps_pbh(other, bent(one)));
            store_words(_mm512_permutexvar_epi16(in_turn, rounded), words, at);
        }
    }
}

/// The sums of [`ROWS`] outputs: `panels` (`[taps][pairs]`) times the tile (`[pairs][width]`).
#[target_feature(enable = "avx512f,avx512bf16")]
fn multiply(panels: &[Panel], bias: &[f32], tile: &[u32], width: usize, offsets: &[usize]) -> Sums {
    let pairs = tile.len() / width;
    let mut sums: Sums = std::array::from_fn(|row| {
        let bias = bias.get(row).copied().unwrap_or_default();
        [_mm512_set1_ps(bias); VECTORS]
    });
    for (offset, panels) in offsets.iter().zip(panels.chunks_exact(pairs)) {
        for (panel, row) in panels.iter().zip(tile.chunks_exact(width)) {
            let row = &row[*offset..*offset + TIMES];
            let inputs: [_; VECTORS] =
                std::array::from_fn(|vector| as_halves(load_words(row, vector * LANES)));
            for (sums, weights) in sums.iter_mut().zip(panel) {
                let weights = as_halves(_mm512_set1_epi32(weights.cast_signed()));
                for (sum, input) in sums.iter_mut().zip(inputs) {
                    *sum = _mm512_dpbf16_ps(*sum, input, weights);
                }
            }
        }
    }
    sums
}

/// Where sums belong.
struct Place {
    /// Outputs: at most [`ROWS`].
    rows: Range<usize>,
    /// At most [`TIMES`].
    steps: Range<usize>,
    /// Samples of a channel.
    length: usize,
}

/// Sums, each of which is a sample, with what is added to them.
#[inline]
#[target_feature(enable = "avx512f")]
fn write(sums: &Sums, place: &Place, added: &[&[f32]], output: &mut [f32]) {
    for (sums, row) in sums.iter().zip(place.rows.clone()) {
        let at = row * place.length + place.steps.start;
        let output = &mut output[at..at + place.steps.len()];
        for (sum, begin) in sums.iter().zip((0..output.len()).step_by(LANES)) {
            let mut sum = *sum;
            for added in added {
                sum = _mm512_add_ps(sum, load(added, at + begin));
            }
            store_floats(sum, output, begin);
        }
    }
}

/// Sums, of which those of one channel come to lie side by side.
#[target_feature(enable = "avx512f")]
fn interleave(sums: &Sums, place: &Place, form: &Form, output: &mut [f32]) {
    let mut values = [[0.0; TIMES]; ROWS];
    for (sums, values) in sums.iter().zip(&mut values) {
        for (sum, begin) in sums.iter().zip((0..).step_by(LANES)) {
            store_floats(*sum, values, begin);
        }
    }
    let phases = form.phases;
    let values = &values[..place.rows.len()];
    let mut samples = [0.0; TIMES * ROWS];
    let firsts = place.rows.clone().step_by(phases);
    for (of_channel, first) in values.chunks(phases).zip(firsts) {
        match phases {
            8 => side_by_side::<8>(of_channel, &mut samples),
            4 => side_by_side::<4>(of_channel, &mut samples),
            2 => side_by_side::<2>(of_channel, &mut samples),
            1 => side_by_side::<1>(of_channel, &mut samples),
            // Channels lie in two blocks of rows, or there are no such upsamplings.
            _ => return scatter(values, place, form, output),
        }
        let channel = &mut output[first / phases * place.length..][..place.length];
        let [begin, end] = [place.steps.start, place.steps.end].map(|step| step * phases);
        let from = begin.max(form.cut[0]);
        let to = end.min(form.cut[0] + place.length);
        if from < to {
            let samples = &samples[from - begin..to - begin];
            channel[from - form.cut[0]..to - form.cut[0]].copy_from_slice(samples);
        }
    }
}

/// As many samples of each of the rows in turn.
fn side_by_side<const PHASES: usize>(values: &[[f32; TIMES]], samples: &mut [f32]) {
    let (samples, _) = samples.as_chunks_mut::<PHASES>();
    for (step, samples) in samples.iter_mut().enumerate().take(TIMES) {
        for (sample, values) in samples.iter_mut().zip(values) {
            *sample = values[step];
        }
    }
}

/// The same one by one.
fn scatter(values: &[[f32; TIMES]], place: &Place, form: &Form, output: &mut [f32]) {
    for (values, row) in values.iter().zip(place.rows.clone()) {
        let channel = &mut output[row / form.phases * place.length..][..place.length];
        let first = place.steps.start * form.phases + row % form.phases;
        let places = (first..).step_by(form.phases);
        for (value, at) in values[..place.steps.len()].iter().zip(places) {
            let at = at.checked_sub(form.cut[0]);
            if let Some(sample) = at.and_then(|at| channel.get_mut(at)) {
                *sample = *value;
            }
        }
    }
}
