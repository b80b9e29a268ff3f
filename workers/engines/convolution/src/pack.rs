//! Weights in the order in which the product reads them.

use std::iter;

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
    let absent = 4 * groups - inputs;
    for (output, weights) in weights.chunks_exact(inputs * taps).enumerate() {
        let (block, row) = (output / ROWS, output % ROWS);
        let of_absent = iter::repeat_n(zero, absent * taps);
        sums[output] = (weights.iter().copied().chain(of_absent))
            .map(less_128)
            .sum();
        let panels = &mut panels[block * taps * groups..][..taps * groups];
        for (group, weights) in weights.chunks(4 * taps).enumerate() {
            for tap in 0..taps {
                // Four inputs at one tap, or as many as there are.
                let mut word = [zero ^ 0x80; 4];
                for (byte, weights) in word.iter_mut().zip(weights.chunks_exact(taps)) {
                    *byte = weights[tap] ^ 0x80;
                }
                panels[tap * groups + group][row] = i32::from_le_bytes(word);
            }
        }
    }
    (panels, sums)
}

fn less_128(byte: u8) -> i32 {
    i32::from(byte) - 128
}
