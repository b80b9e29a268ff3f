//! A few rows times many weights, with AVX-512 VNNI.
//!
//! Weights lie one output after the other, so a sum over the input reads them as they lie: 64 of them at a time, for four
//! outputs and up to six rows side by side.
#![expect(unsafe_code, reason = "loads of the processor's vectors")]

use std::{
    arch::x86_64::{
        __m128i, __m512i, _MM_HINT_T0, _mm_add_epi32, _mm_loadu_epi32, _mm_prefetch,
        _mm_storeu_epi32, _mm256_add_epi32, _mm256_castsi256_si128, _mm256_extracti128_si256,
        _mm512_add_epi32, _mm512_castsi512_si256, _mm512_dpbusd_epi32, _mm512_extracti64x4_epi64,
        _mm512_loadu_si512, _mm512_setzero_si512, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64,
        _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
    },
    mem::MaybeUninit,
};

/// Inputs that are multiplied at a time: their count is a multiple of this.
pub(super) const BLOCK: usize = 64;

/// Outputs that are summed up side by side.
pub(super) const WEIGHTS_AT_A_TIME: usize = 4;

/// Rows that are summed up side by side: with four outputs each, as many sums as there are registers for.
const ROWS_AT_A_TIME: usize = 6;

/// How far ahead weights are asked for, outputs: what processors foresee themselves ends with each 4 KiB.
const AHEAD: usize = 8;

/// The most rows that are done here; what copying the weights into another order costs is spread over more of them.
pub(super) const MOST_ROWS: usize = 24;

/// The rows, 8 bits without a sign.
pub(super) struct Rows<'a> {
    pub(super) values: &'a [u8],
    pub(super) count: usize,
    /// From one row to the next.
    pub(super) stride: usize,
}

/// The weights, 8 bits with a sign, a row of `length` for each output.
pub(super) struct Weights<'a> {
    pub(super) values: &'a [i8],
    pub(super) count: usize,
    /// From one output to the next.
    pub(super) stride: usize,
    /// A multiple of [`BLOCK`].
    pub(super) length: usize,
}

/// Whether this processor has the instructions.
pub(super) fn is_supported() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vnni")
}

/// Writes `shift[output] + sum(row * weights of the output)` to `sums[row * stride + output]`, of which nothing is read. Only
/// where [`is_supported`].
pub(super) fn multiply(
    rows: &Rows<'_>,
    weights: &Weights<'_>,
    shift: &[i32],
    sums: &mut [MaybeUninit<i32>],
    stride: usize,
) {
    assert!(weights.length.is_multiple_of(BLOCK) && weights.count >= WEIGHTS_AT_A_TIME);
    assert!(rows.values.len() >= (rows.count - 1) * rows.stride + weights.length);
    assert!(weights.values.len() >= (weights.count - 1) * weights.stride + weights.length);
    assert!(
        sums.len() >= (rows.count - 1) * stride + weights.count && shift.len() >= weights.count
    );
    let mut output = 0;
    while output < weights.count {
        // The last ones are summed up again with their neighbours, if they are fewer.
        output = output.min(weights.count - WEIGHTS_AT_A_TIME);
        let mut row = 0;
        while row < rows.count {
            let side_by_side = (rows.count - row).min(ROWS_AT_A_TIME);
            let block = match side_by_side {
                1 => block::<1>,
                2 => block::<2>,
                3 => block::<3>,
                4 => block::<4>,
                5 => block::<5>,
                _ => block::<ROWS_AT_A_TIME>,
            };
            // SAFETY: the processor has the instructions, and all lengths were looked at above.
            unsafe {
                let from = rows.values.as_ptr().add(row * rows.stride);
                let with = weights.values.as_ptr().add(output * weights.stride);
                let begin = shift.as_ptr().add(output);
                let to = sums.as_mut_ptr().cast::<i32>().add(row * stride + output);
                block(
                    (from, rows.stride),
                    (with, weights.stride),
                    weights.length,
                    begin,
                    (to, stride),
                );
            }
            row += side_by_side;
        }
        output += WEIGHTS_AT_A_TIME;
    }
}

/// Four outputs of `ROWS` rows; matrices as (begin, stride).
///
/// # Safety
/// Where [`is_supported`]; `length` values can be read from each of the rows and weights, four from `shift`, and written to
/// each row of sums.
#[target_feature(enable = "avx512f,avx512vl,avx512vnni")]
unsafe fn block<const ROWS: usize>(
    rows: (*const u8, usize),
    weights: (*const i8, usize),
    length: usize,
    shift: *const i32,
    sums: (*mut i32, usize),
) {
    let mut totals = [[_mm512_setzero_si512(); WEIGHTS_AT_A_TIME]; ROWS];
    for at in (0..length).step_by(BLOCK) {
        let weights: [__m512i; WEIGHTS_AT_A_TIME] = std::array::from_fn(|output| {
            let begin = weights.0.wrapping_add(output * weights.1 + at);
            _mm_prefetch::<_MM_HINT_T0>(begin.wrapping_add(AHEAD * weights.1));
            // SAFETY: 64 values from `at` on are within the length.
            unsafe { _mm512_loadu_si512(begin.cast()) }
        });
        for (row, totals) in totals.iter_mut().enumerate() {
            // SAFETY: as above.
            let row = unsafe { _mm512_loadu_si512(rows.0.add(row * rows.1 + at).cast()) };
            for (total, weights) in totals.iter_mut().zip(weights) {
                *total = _mm512_dpbusd_epi32(*total, row, weights);
            }
        }
    }
    for (row, totals) in totals.into_iter().enumerate() {
        // SAFETY: four values can be read and written there.
        unsafe {
            let shift = _mm_loadu_epi32(shift);
            let to = sums.0.add(row * sums.1);
            _mm_storeu_epi32(to, _mm_add_epi32(across(totals), shift));
        }
    }
}

/// The sum of the sixteen numbers of each of the four.
#[target_feature(enable = "avx512f")]
fn across([a, b, c, d]: [__m512i; WEIGHTS_AT_A_TIME]) -> __m128i {
    let pairs = |a, b| _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    let (ab, cd) = (pairs(a, b), pairs(c, d));
    let lanes = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
    let half = _mm256_add_epi32(
        _mm512_castsi512_si256(lanes),
        _mm512_extracti64x4_epi64::<1>(lanes),
    );
    _mm_add_epi32(
        _mm256_castsi256_si128(half),
        _mm256_extracti128_si256::<1>(half),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn sums_are_exact_for_every_number_of_rows_and_outputs(
            count in 1..=MOST_ROWS,
            outputs in WEIGHTS_AT_A_TIME..40,
            blocks in 1..6_usize,
            apart in 0..3_usize,
            seed: u64,
        ) {
            if !is_supported() {
                return Ok(());
            }
            let length = blocks * BLOCK;
            let stride = length + apart;
            let mut state = seed | 1;
            let mut byte = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 56) as u8
            };
            let values: Vec<u8> = (0..count * stride).map(|_| byte()).collect();
            let with: Vec<i8> = (0..outputs * stride).map(|_| byte().cast_signed()).collect();
            let shift: Vec<i32> = (0..outputs).map(|_| i32::from(byte()) * -1_000).collect();
            let mut sums = vec![MaybeUninit::new(7); count * (outputs + apart)];
            let rows = Rows { values: &values, count, stride };
            let weights = Weights { values: &with, count: outputs, stride, length };
            multiply(&rows, &weights, &shift, &mut sums, outputs + apart);
            // SAFETY: each was written at least once.
            let sums: Vec<i32> = sums.iter().map(|sum| unsafe { sum.assume_init() }).collect();
            for (row, sums) in sums.chunks_exact(outputs + apart).enumerate() {
                for output in 0..outputs {
                    let row = &values[row * stride..][..length];
                    let with = &with[output * stride..][..length];
                    let expected: i32 = row.iter().zip(with).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum();
                    prop_assert_eq!(sums[output], shift[output] + expected);
                }
                prop_assert!(sums[outputs..].iter().all(|untouched| *untouched == 7));
            }
        }
    }
}
