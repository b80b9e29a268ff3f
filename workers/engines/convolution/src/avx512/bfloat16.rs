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
use crate::{
    Instructions,
    amx::{self, Columns, Tiles},
    bfloat16::{Convolution, Form, Input, Scratch},
    order::{OUTPUTS_OF_VECTORS as ROWS, SIDE_OF_TILE},
};

/// Vectors of time that are computed together: with [`ROWS`], 24 of the 32 registers are sums.
const VECTORS: usize = 3;
/// Steps of time that are computed together.
const TIMES: usize = VECTORS * LANES;
/// Steps of time of which a tile of the input is made: those of tiles read the weights that often.
const TIMES_OF_TILES: usize = 3 * amx::TIMES;
/// Steps of time that are rounded together, of either: memory does not grow with the input, and what two such parts both need is
/// little.
const TIMES_TOGETHER: usize = 960;

/// Sums that are interleaved together at most.
const MOST_SUMS: usize = amx::ROWS * amx::TIMES;

/// The weights of [`ROWS`] output channels for one tap and two input channels.
type Panel = [u32; ROWS];
type Sums = [[__m512; VECTORS]; ROWS];

/// Runs a convolution. The slices have the lengths that they should have, and the instructions are there.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub(crate) fn run(
    convolution: &Convolution<'_>,
    input: &Input<'_>,
    scratch: &mut Scratch,
    output: &mut [f32],
) {
    match convolution.order().instructions {
        Instructions::Vectors => with_vectors(convolution, input, scratch, output),
        Instructions::Tiles => with_tiles(convolution, input, scratch, output),
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn with_vectors(
    convolution: &Convolution<'_>,
    input: &Input<'_>,
    scratch: &mut Scratch,
    output: &mut [f32],
) {
    let form = convolution.form();
    let (panels, _) = convolution.packed().as_chunks::<ROWS>();
    let blocks = panels.chunks_exact(form.taps * convolution.order().rows());
    let blocks = blocks.zip(convolution.bias().chunks(ROWS));
    let offsets = offsets(form);
    let length = form.length(input.length);
    let mut samples = [0.0; MOST_SUMS];
    in_parts::<TIMES>(convolution, input, scratch, |tile, width, steps| {
        for ((panels, bias), first) in blocks.clone().zip((0..).step_by(ROWS)) {
            let sums = multiply(panels, bias, tile, width, &offsets);
            let place = Place {
                rows: first..first + bias.len(),
                steps: steps.clone(),
                length,
            };
            if form.is_plain() {
                write(&sums, &place, input.added, output);
            } else {
                let mut values = [[0.0; TIMES]; ROWS];
                for (sums, values) in sums.iter().zip(&mut values) {
                    for (sum, begin) in sums.iter().zip((0..).step_by(LANES)) {
                        store_floats(*sum, values, begin);
                    }
                }
                interleave(&values, &place, form, &mut samples, output);
            }
        }
    });
}

#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn with_tiles(
    convolution: &Convolution<'_>,
    input: &Input<'_>,
    scratch: &mut Scratch,
    output: &mut [f32],
) {
    let form = convolution.form();
    let of_block = form.taps * convolution.order().rows() / SIDE_OF_TILE;
    let offsets = offsets(form);
    let length = form.length(input.length);
    let amx = Tiles::new();
    let mut sums = [[0.0; amx::TIMES]; amx::ROWS];
    let mut samples = [0.0; MOST_SUMS];
    in_parts::<TIMES_OF_TILES>(convolution, input, scratch, |tile, width, steps| {
        let blocks =
            amx::pairs(convolution.packed(), of_block).zip(convolution.bias().chunks(amx::ROWS));
        for ((weights, bias), row) in blocks.zip((0..).step_by(amx::ROWS)) {
            for start in steps.clone().step_by(amx::TIMES) {
                let columns = Columns {
                    words: tile,
                    width,
                    first: start - steps.start,
                    offsets: &offsets,
                };
                amx.multiply_bfloat16(weights, columns, &mut sums);
                let place = Place {
                    rows: row..row + bias.len(),
                    steps: start..steps.end.min(start + amx::TIMES),
                    length,
                };
                if form.is_plain() {
                    write_biased(&sums, bias, &place, input.added, output);
                } else {
                    add_bias(&mut sums, bias);
                    interleave(&sums, &place, form, &mut samples, output);
                }
            }
        }
    });
}

/// Where each tap begins to read.
fn offsets(form: &Form) -> Vec<usize> {
    (0..form.taps).map(|tap| tap * form.dilation).collect()
}

/// Rounds the input in parts and does `each` with each tile of it, which is `[rows][width]` words for so many steps of time at most:
/// `STEPS`, which a tile always has room for.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn in_parts<const STEPS: usize>(
    convolution: &Convolution<'_>,
    input: &Input<'_>,
    scratch: &mut Scratch,
    mut each: impl FnMut(&[u32], usize, Range<usize>),
) {
    let form = convolution.form();
    let Scratch { words, tile } = scratch;
    let steps = form.steps(input.length);
    let part = steps.clamp(1, TIMES_TOGETHER).next_multiple_of(STEPS);
    let row = part + form.reach();
    // Kept as long as the longest was: what is cut off would be zeroed when it comes back.
    let needed = convolution.order().rows() * row;
    words.resize(needed.max(words.len()), 0);
    let words = &mut words[..needed];
    let width = STEPS + form.reach();
    for first in (0..steps).step_by(part) {
        round(input, words, first, form.padding[0], row);
        for start in (first..steps.min(first + part)).step_by(STEPS) {
            // A tile of the input, together in the cache.
            tile.clear();
            for row in words.chunks_exact(row) {
                tile.extend_from_slice(&row[start - first..start - first + width]);
            }
            each(tile, width, start..steps.min(start + STEPS));
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
    let mut rows = words.chunks_exact_mut(row);
    for (pair, words) in pairs.zip(&mut rows) {
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
    // No number, though it weighs nothing, would make the sum none.
    rows.for_each(|words| words.fill(0));
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

/// The same for sums without a bias.
#[target_feature(enable = "avx512f")]
fn write_biased(
    sums: &amx::Sums<f32>,
    bias: &[f32],
    place: &Place,
    added: &[&[f32]],
    output: &mut [f32],
) {
    for ((sums, bias), row) in sums.iter().zip(bias).zip(place.rows.clone()) {
        let at = row * place.length + place.steps.start;
        let output = &mut output[at..at + place.steps.len()];
        let bias = _mm512_set1_ps(*bias);
        for begin in (0..output.len()).step_by(LANES) {
            let mut sum = _mm512_add_ps(load(sums, begin), bias);
            for added in added {
                sum = _mm512_add_ps(sum, load(added, at + begin));
            }
            store_floats(sum, output, begin);
        }
    }
}

fn add_bias(sums: &mut amx::Sums<f32>, bias: &[f32]) {
    for (sums, bias) in sums.iter_mut().zip(bias) {
        for sum in sums {
            *sum += bias;
        }
    }
}

/// Sums, of which those of one channel come to lie side by side, by way of `samples`.
#[target_feature(enable = "avx512f")]
fn interleave<const STEPS: usize>(
    values: &[[f32; STEPS]],
    place: &Place,
    form: &Form,
    samples: &mut [f32; MOST_SUMS],
    output: &mut [f32],
) {
    let phases = form.phases;
    let values = &values[..place.rows.len()];
    let firsts = place.rows.clone().step_by(phases);
    for (of_channel, first) in values.chunks(phases).zip(firsts) {
        match phases {
            8 => side_by_side::<8, STEPS>(of_channel, samples),
            4 => side_by_side::<4, STEPS>(of_channel, samples),
            2 => side_by_side::<2, STEPS>(of_channel, samples),
            1 => side_by_side::<1, STEPS>(of_channel, samples),
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
fn side_by_side<const PHASES: usize, const STEPS: usize>(
    values: &[[f32; STEPS]],
    samples: &mut [f32],
) {
    let (samples, _) = samples.as_chunks_mut::<PHASES>();
    for (step, samples) in samples.iter_mut().enumerate().take(STEPS) {
        for (sample, values) in samples.iter_mut().zip(values) {
            *sample = values[step];
        }
    }
}

/// The same one by one.
fn scatter<const STEPS: usize>(
    values: &[[f32; STEPS]],
    place: &Place,
    form: &Form,
    output: &mut [f32],
) {
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
