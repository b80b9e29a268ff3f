//! Vectors to and from memory: the one place where pointers are used.
#![expect(unsafe_code, reason = "loads and stores take pointers")]

use std::arch::x86_64::{
    __m512, __m512bh, __m512i, __mmask16, _mm512_loadu_si512, _mm512_mask_storeu_epi32,
    _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps, _mm512_storeu_si512,
};

/// Numbers in a vector.
pub(super) const LANES: usize = 16;

/// The lanes that `count` numbers fill.
pub(super) fn filled(count: usize) -> __mmask16 {
    if count >= LANES {
        __mmask16::MAX
    } else {
        (1 << count) - 1
    }
}

/// The numbers from `at` on; lanes beyond the end are zero.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn load(values: &[f32], at: usize) -> __m512 {
    let values = &values[at..];
    // SAFETY: only lanes inside the slice are read; no alignment is needed.
    unsafe { _mm512_maskz_loadu_ps(filled(values.len()), values.as_ptr()) }
}

/// The words from `at` on, which must be enough to fill a vector.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn load_words(words: &[u32], at: usize) -> __m512i {
    let words = &words[at..at + LANES];
    // SAFETY: the slice fills a vector; no alignment is needed.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

/// The integers from `at` on, which must be enough to fill a vector.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn load_integers(integers: &[i32], at: usize) -> __m512i {
    let integers = &integers[at..at + LANES];
    // SAFETY: the slice fills a vector; no alignment is needed.
    unsafe { _mm512_loadu_si512(integers.as_ptr().cast()) }
}

/// Writes words from `at` on, as many as there is place for.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn store_words(vector: __m512i, words: &mut [u32], at: usize) {
    let words = &mut words[at..];
    // SAFETY: only lanes inside the slice are written; no alignment is needed.
    unsafe {
        _mm512_mask_storeu_epi32(words.as_mut_ptr().cast(), filled(words.len()), vector);
    }
}

/// Writes a whole vector.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn store(vector: __m512i, out: &mut [i32; LANES]) {
    // SAFETY: the array is as long as a vector; no alignment is needed.
    unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), vector) }
}

/// Writes floats from `at` on, as many as there is place for.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn store_floats(vector: __m512, floats: &mut [f32], at: usize) {
    let floats = &mut floats[at..];
    // SAFETY: only lanes inside the slice are written; no alignment is needed.
    unsafe {
        _mm512_mask_storeu_ps(floats.as_mut_ptr(), filled(floats.len()), vector);
    }
}

/// A vector of these words.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn words_of(words: [u32; LANES]) -> __m512i {
    load_words(&words, 0)
}

/// The same bits as numbers of 16 bits.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn as_halves(words: __m512i) -> __m512bh {
    // SAFETY: both are 64 bytes, of which every pattern is a value.
    unsafe { std::mem::transmute(words) }
}

/// The same bits as words.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn as_words(halves: __m512bh) -> __m512i {
    // SAFETY: both are 64 bytes, of which every pattern is a value.
    unsafe { std::mem::transmute(halves) }
}
