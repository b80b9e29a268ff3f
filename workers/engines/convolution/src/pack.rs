//! Weights in the order in which the product reads them.

use crate::Shape;

/// Output channels that are computed together.
pub(crate) const ROWS: usize = 8;

/// The weights of [`ROWS`] output channels for one tap and four input channels, a byte each.
pub(crate) type Panel = [i32; ROWS];

/// Packs weights `[outputs][inputs][taps]` into panels `[outputs / ROWS][taps][groups]` of signed bytes, and
/// sums them by output. Outputs and inputs that a panel lacks weigh nothing.
pub(crate) fn pack(
    shape: &Shape,
    groups: usize,
    weights: &[u8],
    zero: u8,
) -> (Vec<Panel>, Vec<i32>) {
    let Shape { inputs, taps, .. } = *shape;
    let blocks = shape.outputs.div_ceil(ROWS);
    let mut panels = vec![[0_i32; ROWS]; blocks * taps * groups];
    let mut sums = vec![0_i32; shape.outputs];
    for (output, weights) in weights.chunks_exact(inputs * taps).enumerate() {
        let (block, row) = (output / ROWS, output % ROWS);
        for group in 0..groups {
            for tap in 0..taps {
                let word: [u8; 4] = std::array::from_fn(|position| {
                    let at = (4 * group + position) * taps + tap;
                    weights.get(at).copied().unwrap_or(zero) ^ 0x80
                });
                let signed = word.map(|byte| i32::from(byte.cast_signed()));
                sums[output] += signed.iter().sum::<i32>();
                panels[(block * taps + tap) * groups + group][row] = i32::from_le_bytes(word);
            }
        }
    }
    (panels, sums)
}
