//! The product itself.

use std::arch::x86_64::{__m512i, _mm512_dpbusd_epi32, _mm512_set1_epi32, _mm512_setzero_si512};

use super::vectors::{LANES, load_words, store};
use crate::order::OUTPUTS_OF_VECTORS;

/// Vectors of time that are computed together: with [`ROWS`], 24 of the 32 registers are sums.
pub(super) const VECTORS: usize = 3;
/// Steps of time that are computed together.
pub(super) const TIMES: usize = VECTORS * LANES;

/// Outputs that are computed together.
pub(super) const ROWS: usize = OUTPUTS_OF_VECTORS;
/// The weights of [`ROWS`] output channels for one tap and four input channels, a byte each.
pub(super) type Panel = [u32; ROWS];

/// The sums of [`ROWS`] outputs: `panels` (`[taps][groups]`) times the tile (`[groups][width]`).
#[target_feature(enable = "avx512f,avx512vnni")]
pub(super) fn multiply(
    panels: &[Panel],
    tile: &[u32],
    width: usize,
    offsets: &[usize],
) -> [[i32; TIMES]; ROWS] {
    let groups = tile.len() / width;
    let mut sums = [[_mm512_setzero_si512(); VECTORS]; ROWS];
    for (offset, panels) in offsets.iter().zip(panels.chunks_exact(groups)) {
        for (panel, row) in panels.iter().zip(tile.chunks_exact(width)) {
            let row = &row[*offset..*offset + TIMES];
            let inputs: [__m512i; VECTORS] = [
                load_words(row, 0),
                load_words(row, LANES),
                load_words(row, 2 * LANES),
            ];
            for (sums, weights) in sums.iter_mut().zip(panel) {
                let weights = _mm512_set1_epi32(weights.cast_signed());
                for (sum, input) in sums.iter_mut().zip(inputs) {
                    *sum = _mm512_dpbusd_epi32(*sum, input, weights);
                }
            }
        }
    }
    let mut out = [[0; TIMES]; ROWS];
    for (sums, out) in sums.iter().zip(&mut out) {
        for (sum, out) in sums.iter().zip(out.as_chunks_mut().0) {
            store(*sum, out);
        }
    }
    out
}
