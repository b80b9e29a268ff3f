//! Weights of bytes in the order in which the product reads them.

use std::iter;

use crate::{Shape, order::Order};

/// Packs weights `[outputs][inputs][taps]` into words of four signed bytes, and sums them by output. Outputs and words that there
/// are not weigh nothing; inputs that a word lacks weigh as much as `zero`.
pub(crate) fn pack(shape: &Shape, order: &Order, weights: &[u8], zero: u8) -> (Vec<u32>, Vec<i32>) {
    let Shape { inputs, taps, .. } = *shape;
    let mut words = vec![0; order.length()];
    let mut sums = vec![0_i32; shape.outputs];
    let absent = 4 * order.words - inputs;
    for (output, weights) in weights.chunks_exact(inputs * taps).enumerate() {
        let of_absent = iter::repeat_n(zero, absent * taps);
        sums[output] = (weights.iter().copied().chain(of_absent))
            .map(less_128)
            .sum();
        for (group, weights) in weights.chunks(4 * taps).enumerate() {
            for tap in 0..taps {
                // Four inputs at one tap, or as many as there are.
                let mut word = [zero ^ 0x80; 4];
                for (byte, weights) in word.iter_mut().zip(weights.chunks_exact(taps)) {
                    *byte = weights[tap] ^ 0x80;
                }
                words[order.index(output, tap, group)] = u32::from_le_bytes(word);
            }
        }
    }
    (words, sums)
}

fn less_128(byte: u8) -> i32 {
    i32::from(byte) - 128
}
