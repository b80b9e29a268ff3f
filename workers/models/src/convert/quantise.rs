//! ggml's block quantisation: 32 values share a scale (ggml's reference routines
//! `quantize_row_q8_0_ref` and `quantize_row_q5_1_ref`, whose rounding must be met exactly).

use half::f16;

/// Values in a block.
pub(super) const BLOCK: usize = 32;

/// The values in blocks; a last incomplete block is left out.
pub(super) fn blocks(values: &[f16]) -> impl Iterator<Item = [f32; BLOCK]> {
    (values.as_chunks::<BLOCK>().0.iter()).map(|block| block.map(f16::to_f32))
}

/// Scale (f16) and 32 signed bytes: `q = round(x / scale)`, scale = largest absolute value / 127.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the quotient lies within -127 and 127"
)]
pub(super) fn q8_0(block: &[f32; BLOCK], out: &mut Vec<u8>) {
    let largest = block
        .iter()
        .fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let scale = largest / 127.0;
    let inverse = inverse(scale);
    out.extend(f16::from_f32(scale).to_le_bytes());
    out.extend(
        block
            .map(|value| (value * inverse).round() as i8)
            .map(i8::cast_unsigned),
    );
}

/// Scale and minimum (f16), a u32 with the fifth bits, 16 bytes with two low nibbles each:
/// `q = (x - minimum) / scale + 1/2` cut off, scale = range / 31.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the quotient lies within 0 and 31.5"
)]
pub(super) fn q5_1(block: &[f32; BLOCK], out: &mut Vec<u8>) {
    let minimum = block.iter().copied().fold(f32::INFINITY, f32::min);
    let maximum = block.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let scale = (maximum - minimum) / 31.0;
    let inverse = inverse(scale);
    let quants = block.map(|value| ((value - minimum) * inverse + 0.5) as u8);

    out.extend(f16::from_f32(scale).to_le_bytes());
    out.extend(f16::from_f32(minimum).to_le_bytes());
    let fifth_bits = (quants.iter().enumerate()).fold(0_u32, |bits, (index, quant)| {
        bits | u32::from(quant >> 4 & 1) << index
    });
    out.extend(fifth_bits.to_le_bytes());
    let (low, high) = quants.split_at(BLOCK / 2);
    out.extend(
        low.iter()
            .zip(high)
            .map(|(low, high)| (low & 15) | (high & 15) << 4),
    );
}

fn inverse(scale: f32) -> f32 {
    if scale == 0.0 { 0.0 } else { scale.recip() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_of_zeros_stays_zero() {
        let mut out = Vec::new();
        q8_0(&[0.0; BLOCK], &mut out);
        assert_eq!(out, [0; 34]);
        out.clear();
        q5_1(&[0.0; BLOCK], &mut out);
        assert_eq!(out, [0; 24]);
    }

    #[test]
    fn the_extremes_of_a_block_take_the_extreme_codes() {
        let mut block = [0.0; BLOCK];
        (block[0], block[1]) = (-2.0, 1.0);
        let mut out = Vec::new();
        q8_0(&block, &mut out);
        assert_eq!(
            out[2..5]
                .iter()
                .map(|byte| byte.cast_signed())
                .collect::<Vec<_>>(),
            [-127, 64, 0]
        );

        out.clear();
        q5_1(&block, &mut out);
        // -2 is code 0, 1 is code 31 (nibble 15 and the fifth bit); 0 is 2/3 of the way: code 21, nibble 5.
        let fifth_bits = u32::from_le_bytes([out[4], out[5], out[6], out[7]]);
        assert_eq!([8, 9, 10].map(|at: usize| out[at] & 15), [0, 15, 5]);
        assert_eq!(fifth_bits, !1);
    }
}
