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

use std::{
    arch::x86_64::{
        _mm512_add_epi32, _mm512_add_ps, _mm512_cvtepi32_ps, _mm512_dpbusd_epi32, _mm512_mul_ps,
        _mm512_mullo_epi32, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_si512,
        _mm512_sub_epi32,
    },
    ops::Range,
};

use crate::{
    Input, Instructions, Scratch,
    amx::{self, Columns, Tiles},
    convolution::{Convolution, Scaling},
    order::SIDE_OF_TILE,
};
use product::{ROWS, VECTORS};
use vectors::{LANES, load, load_integers, load_words, store, store_floats};

/// Vectors of time that a tile of the input is made of where AMX multiplies: three times as many as it computes together.
const VECTORS_OF_TILES: usize = 3 * amx::TIMES / LANES;

/// Runs a convolution. The slices have the lengths that they should have, and the instructions are there.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vnni")]
pub(crate) fn run(
    convolution: &Convolution,
    input: &Input<'_>,
    scratch: &mut Scratch,
    output: &mut [f32],
) {
    match convolution.order().instructions {
        Instructions::Vectors => with_vectors(convolution, input, scratch, output),
        Instructions::Tiles => with_tiles(convolution, input, scratch, output),
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vnni")]
fn with_vectors(
    convolution: &Convolution,
    input: &Input<'_>,
    scratch: &mut Scratch,
    output: &mut [f32],
) {
    let order = convolution.order();
    let (panels, _) = convolution.packed().as_chunks();
    let blocks = panels.chunks_exact(order.taps * order.rows());
    in_tiles::<VECTORS>(convolution, input, scratch, |tile, part| {
        for (panels, first) in blocks.clone().zip((0..).step_by(ROWS)) {
            let sums = product::multiply(panels, tile, part.width, part.offsets);
            for (sums, index) in sums.iter().zip(first..order.outputs) {
                part.write(index, sums, 0, output);
            }
        }
    });
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vnni")]
fn with_tiles(
    convolution: &Convolution,
    input: &Input<'_>,
    scratch: &mut Scratch,
    output: &mut [f32],
) {
    let order = convolution.order();
    let of_block = order.taps * order.rows() / SIDE_OF_TILE;
    let amx = Tiles::new();
    let mut sums = [[0; amx::TIMES]; amx::ROWS];
    in_tiles::<VECTORS_OF_TILES>(convolution, input, scratch, |tile, part| {
        let blocks = amx::pairs(convolution.packed(), of_block);
        for (weights, row) in blocks.zip((0..).step_by(amx::ROWS)) {
            for first in (0..part.times.len()).step_by(amx::TIMES) {
                let columns = Columns {
                    words: tile,
                    width: part.width,
                    first,
                    offsets: part.offsets,
                };
                amx.multiply_bytes(weights, columns, &mut sums);
                for (sums, index) in sums.iter().zip(row..order.outputs) {
                    part.write(index, sums, first, output);
                }
            }
        }
    });
}

/// What there is to say of a tile of the input.
struct Part<'a> {
    /// Of a row, words.
    width: usize,
    /// Where each tap begins to read.
    offsets: &'a [usize],
    /// Steps of the output.
    times: Range<usize>,
    /// Of the whole output.
    length: usize,
    /// What the weights' zero adds to each sum, at each of the steps.
    excess: &'a [i32],
    scalings: &'a [Scaling],
    residual: Option<&'a [f32]>,
}

impl Part<'_> {
    /// Writes sums of output `index`, from step `first` of the part on, as far as there are steps.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vnni")]
    fn write(&self, index: usize, sums: &[i32], first: usize, output: &mut [f32]) {
        let count = sums.len().min(self.times.len() - first);
        let begin = index * self.length + self.times.start + first;
        let at = begin..begin + count;
        let residual = self.residual.map(|residual| &residual[at.clone()]);
        let excess = &self.excess[first..];
        write(
            sums,
            excess,
            self.scalings[index],
            residual,
            &mut output[at],
        );
    }
}

/// Quantises the input and does `each` with each tile of it (`[rows][width]`), for `VECTORS` vectors of time.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vnni")]
fn in_tiles<const VECTORS: usize>(
    convolution: &Convolution,
    input: &Input<'_>,
    scratch: &mut Scratch,
    mut each: impl FnMut(&[u32], &Part<'_>),
) {
    let (shape, order) = (convolution.shape(), convolution.order());
    let padding = shape.padding();
    let length = input.length;
    let times = VECTORS * LANES;
    let Scratch { words, tile } = scratch;
    let whole = length.next_multiple_of(times);
    let row = whole + 2 * padding;
    let quantised = quantise::quantise(input, words, padding, whole - length + padding);
    // What is in these rows weighs nothing.
    words.resize(order.rows() * row, 0);
    let scalings: Vec<Scaling> = (0..shape.outputs)
        .map(|index| convolution.scaling(index, quantised))
        .collect();
    let offsets: Vec<usize> = (0..shape.taps).map(|tap| tap * shape.dilation).collect();
    let width = times + 2 * padding;
    let zero = convolution.zero();
    for start in (0..length).step_by(times) {
        // A tile of the input, together in the cache.
        tile.clear();
        for row in words.chunks_exact(row) {
            tile.extend_from_slice(&row[start..start + width]);
        }
        let excess = excess::<VECTORS>(&tile[..order.words * width], width, &offsets, zero);
        let part = Part {
            width,
            offsets: &offsets,
            times: start..length.min(start + times),
            length,
            excess: excess.as_flattened(),
            scalings: &scalings,
            residual: input.residual,
        };
        each(tile, &part);
    }
}

/// The sum of the input at each time, over all channels and taps, times `zero`.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vnni")]
fn excess<const VECTORS: usize>(
    tile: &[u32],
    width: usize,
    offsets: &[usize],
    zero: i32,
) -> [[i32; LANES]; VECTORS] {
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
    let mut excess = [[0; LANES]; VECTORS];
    for (sum, out) in sums.iter().zip(&mut excess) {
        store(_mm512_mullo_epi32(*sum, _mm512_set1_epi32(zero)), out);
    }
    excess
}

/// Integers to floats, into `output`, which can be shorter. Where integers are read a whole vector of them is there.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vnni")]
fn write(
    sums: &[i32],
    excess: &[i32],
    scaling: Scaling,
    residual: Option<&[f32]>,
    output: &mut [f32],
) {
    let constant = _mm512_set1_epi32(scaling.constant);
    let scale = _mm512_set1_ps(scaling.scale);
    let bias = _mm512_set1_ps(scaling.bias);
    for at in (0..output.len()).step_by(LANES) {
        let excess = _mm512_sub_epi32(constant, load_integers(excess, at));
        let sum = _mm512_add_epi32(load_integers(sums, at), excess);
        let mut value = _mm512_add_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(sum), scale), bias);
        if let Some(residual) = residual {
            value = _mm512_add_ps(value, load(residual, at));
        }
        store_floats(value, output, at);
    }
}
