//! A row of a matrix rounded to 8 bits.

/// What the largest value of a row becomes.
const LARGEST: f32 = 127.0;

/// 1.5 * 2^23. A number of at most 2^22 that is added to it is rounded to an integer, half to even, and the sum's lowest
/// bits are that integer: what processors without an instruction for rounding can do to many numbers at a time.
const TO_INTEGER: f32 = 12_582_912.0;

/// Appends `values` times a scale to `rounded`, as signed bytes, and returns that scale.
pub(super) fn round_row(values: &[f32], rounded: &mut Vec<u8>) -> f32 {
    let largest = largest_of(values);
    let scale = if largest == 0.0 {
        1.0
    } else {
        LARGEST / largest
    };
    let byte = |value: &f32| (value * scale + TO_INTEGER).to_bits().to_le_bytes()[0];
    rounded.extend(values.iter().map(byte));
    scale
}

/// The largest magnitude. Without their sign, floats are in the order of their bits, and of integers several are compared at
/// a time.
fn largest_of(values: &[f32]) -> f32 {
    let magnitude = |value: &f32| value.to_bits() & 0x7fff_ffff;
    f32::from_bits(values.iter().map(magnitude).max().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "what is cast lies between -127 and 127, and bytes are compared"
    )]
    fn expected(values: &[f32]) -> (Vec<u8>, f32) {
        let largest = values.iter().fold(0.0_f32, |most, v| most.max(v.abs()));
        let scale = if largest == 0.0 { 1.0 } else { 127.0 / largest };
        let rounded = values.iter().map(|v| (v * scale).round_ties_even());
        (rounded.map(|v| v as i8 as u8).collect(), scale)
    }

    fn rounded(values: &[f32]) -> (Vec<u8>, f32) {
        let mut bytes = Vec::new();
        let scale = round_row(values, &mut bytes);
        (bytes, scale)
    }

    #[test]
    fn halves_go_to_the_even_neighbour_and_zeros_stay() {
        let row = [127.0, 0.5, 1.5, 2.5, -0.5, -1.5, -127.0, 0.0, -0.0];
        let expected = [127, 0, 2, 2, 0, 254, 129, 0, 0];
        assert_eq!(rounded(&row), (expected.to_vec(), 1.0));
        assert_eq!(rounded(&[0.0, -0.0]), (vec![0, 0], 1.0));
    }

    proptest! {
        #[test]
        fn rows_are_rounded_as_arithmetic_says(row in prop::collection::vec(-3.0_f32..3.0, 0..200)) {
            prop_assert_eq!(rounded(&row), expected(&row));
        }
    }
}
