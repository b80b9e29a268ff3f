//! Float channels to bytes, four channels to a word, as the product reads them.

use std::arch::x86_64::{
    __m512, _mm512_cvtps_epi32, _mm512_fmadd_ps, _mm512_mask_max_ps, _mm512_mask_min_ps,
    _mm512_max_ps, _mm512_min_ps, _mm512_or_si512, _mm512_reduce_max_ps, _mm512_reduce_min_ps,
    _mm512_set1_ps, _mm512_setzero_ps, _mm512_setzero_si512, _mm512_slli_epi32,
};

use super::{
    bend::Channel,
    vectors::{LANES, filled, load, store_words},
};
use crate::{Input, convolution::Quantisation};

/// Quantises what comes out of the input's normalisation and activation into rows of `before`, length and
/// `after` words.
///
/// Two passes, the first for the range: computing the activation twice costs no more than writing its
/// result down and reading it back.
#[target_feature(enable = "avx512f,avx512bw,avx512dq")]
pub(super) fn quantise(
    input: &Input<'_>,
    words: &mut Vec<u32>,
    before: usize,
    after: usize,
) -> Quantisation {
    let mut range = [_mm512_setzero_ps(); 2];
    let mut channels = Vec::with_capacity(input.values.len() / input.length);
    for (index, row) in input.values.chunks_exact(input.length).enumerate() {
        let channel = Channel::new(input, index, row);
        widen(&mut range, &channel, row);
        channels.push(channel);
    }
    let quantisation = of_range(
        _mm512_reduce_min_ps(range[0]),
        _mm512_reduce_max_ps(range[1]),
    );
    let width = before + input.length + after;
    let zeros = u32::from_ne_bytes([quantisation.zero; 4]);
    words.clear();
    words.resize(channels.len().div_ceil(4) * width, zeros);
    let groups = input
        .values
        .chunks(4 * input.length)
        .zip(channels.chunks(4));
    for ((rows, channels), words) in groups.zip(words.chunks_exact_mut(width)) {
        let words = &mut words[before..before + input.length];
        write_group(rows, channels, quantisation, words);
    }
    quantisation
}

/// ONNX's `DynamicQuantizeLinear`: the range always has zero in it.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to a byte"
)]
fn of_range(low: f32, high: f32) -> Quantisation {
    let scale = if high > low {
        (high - low) / 255.0
    } else {
        1.0
    };
    let zero = (-low / scale).round_ties_even().clamp(0.0, 255.0) as u8;
    Quantisation { scale, zero }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn widen([low, high]: &mut [__m512; 2], channel: &Channel, row: &[f32]) {
    for at in (0..row.len()).step_by(LANES) {
        let lanes = filled(row.len() - at);
        let values = channel.bend(load(row, at));
        *low = _mm512_mask_min_ps(*low, lanes, *low, values);
        *high = _mm512_mask_max_ps(*high, lanes, *high, values);
    }
}

/// Writes up to four channels. What the others of a word are does not count: their weights are zero.
#[inline]
#[target_feature(enable = "avx512f")]
fn write_group(rows: &[f32], channels: &[Channel], quantisation: Quantisation, words: &mut [u32]) {
    let inverse = _mm512_set1_ps(1.0 / quantisation.scale);
    let zero = _mm512_set1_ps(f32::from(quantisation.zero));
    let length = words.len();
    for at in (0..length).step_by(LANES) {
        let mut packed = _mm512_setzero_si512();
        // The last channel comes to lie in the highest byte.
        for (row, channel) in rows.chunks_exact(length).zip(channels).rev() {
            let values = channel.bend(load(row, at));
            let levels = _mm512_fmadd_ps(values, inverse, zero);
            let levels = _mm512_max_ps(levels, _mm512_setzero_ps());
            let levels = _mm512_min_ps(levels, _mm512_set1_ps(255.0));
            packed = _mm512_slli_epi32::<8>(packed);
            packed = _mm512_or_si512(packed, _mm512_cvtps_epi32(levels));
        }
        store_words(packed, words, at);
    }
}
