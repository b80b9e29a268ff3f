//! The convolution in the instructions of AVX-512 with VNNI.
//!
//! `vpdpbusd` multiplies 64 unsigned bytes with 64 signed ones and adds each four products to one of 16
//! sums. The unsigned bytes are the input, 16 steps of time by four channels; the signed ones are weights
//! of four channels, the same for all times, less 128 to be signed. So the sums are an output channel over
//! time, as it is wanted, and taps are the same input a few words further on.

mod bend;
pub(crate) mod bfloat16;
mod product;
mod quantise;
mod vectors;

use std::arch::x86_64::{_mm512_dpbusd_epi32, _mm512_set1_epi32, _mm512_setzero_si512};

use crate::{
    Input, Scratch,
    convolution::{Convolution, Scaling},
    pack::ROWS,
};
use product::{TIMES, VECTORS};
use vectors::{LANES, load_words, store};

/// Runs a convolution. The slices have the lengths that they should have.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vnni")]
pub(crate) fn run(
    convolution: &Convolution,
    input: &Input<'_>,
    scratch: &mut Scratch,
    output: &mut [f32],
) {
    let shape = convolution.shape();
    let padding = shape.padding();
    let length = input.length;
    let Scratch { words, tile } = scratch;
    let whole = length.next_multiple_of(TIMES);
    let quantised = quantise::quantise(input, words, padding, whole - length + padding);
    let scalings: Vec<Scaling> = (0..shape.outputs)
        .map(|index| convolution.scaling(index, quantised))
        .collect();
    let offsets: Vec<usize> = (0..shape.taps).map(|tap| tap * shape.dilation).collect();
    let width = TIMES + 2 * padding;
    let blocks = convolution
        .panels()
        .chunks_exact(shape.taps * convolution.groups());
    for start in (0..length).step_by(TIMES) {
        // A tile of the input, together in the cache.
        tile.clear();
        for row in words.chunks_exact(whole + 2 * padding) {
            tile.extend_from_slice(&row[start..start + width]);
        }
        let totals = totals(tile, width, &offsets);
        let times = start..length.min(start + TIMES);
        for (panels, first) in blocks.clone().zip((0..).step_by(ROWS)) {
            let sums = product::multiply(panels, tile, width, &offsets);
            for ((sums, scaling), index) in sums.iter().zip(&scalings[first..]).zip(first..) {
                let at = index * length + times.start..index * length + times.end;
                let residual = input.residual.map(|residual| &residual[at.clone()]);
                write(sums, &totals, *scaling, residual, &mut output[at]);
            }
        }
    }
}

/// The sum of the input at each time, over all channels and taps.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vnni")]
fn totals(tile: &[u32], width: usize, offsets: &[usize]) -> [i32; TIMES] {
    let ones = _mm512_set1_epi32(0x0101_0101);
    let mut sums = [_mm512_setzero_si512(); VECTORS];
    for row in tile.chunks_exact(width) {
        for offset in offsets {
            for (vector, sum) in sums.iter_mut().enumerate() {
                let words = load_words(row, offset + vector * LANES);
                *sum = _mm512_dpbusd_epi32(*sum, words, ones);
            }
        }
    }
    let mut totals = [0; TIMES];
    for (sum, out) in sums.iter().zip(totals.as_chunks_mut().0) {
        store(*sum, out);
    }
    totals
}

/// Integers to floats, into `output`, which can be shorter than a tile.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vnni")]
fn write(
    sums: &[i32; TIMES],
    totals: &[i32; TIMES],
    scaling: Scaling,
    residual: Option<&[f32]>,
    output: &mut [f32],
) {
    let sums = sums.iter().zip(totals).map(|(sum, total)| {
        #[expect(clippy::cast_precision_loss, reason = "as the quantised model does")]
        let sum = (sum - scaling.zero * total + scaling.constant) as f32;
        sum * scaling.scale + scaling.bias
    });
    match residual {
        None => {
            for (sum, output) in sums.zip(output) {
                *output = sum;
            }
        }
        Some(residual) => {
            for ((sum, output), residual) in sums.zip(output).zip(residual) {
                *output = sum + residual;
            }
        }
    }
}
