//! Normalisation and activation of a channel.

use std::arch::x86_64::{
    __m512, _CMP_LT_OQ, _mm512_add_ps, _mm512_cmp_ps_mask, _mm512_fmadd_ps, _mm512_fnmadd_ps,
    _mm512_mask_mul_ps, _mm512_maskz_sub_ps, _mm512_mul_ps, _mm512_reduce_add_ps,
    _mm512_roundscale_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_sub_ps,
};

use super::vectors::{LANES, filled, load};
use crate::{Activation, Input};

/// Sums that are made side by side, since each addition waits for the one before.
const SUMS: usize = 4;

/// What is done to the values of one channel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Channel {
    mean: __m512,
    gain: __m512,
    shift: __m512,
    bend: Bend,
}

#[derive(Clone, Copy, Debug)]
enum Bend {
    None,
    LeakyRelu(__m512),
    Snake { alpha: __m512, inverse: __m512 },
}

impl Channel {
    /// What `input` asks for the channel `index`, whose values are `row`.
    #[target_feature(enable = "avx512f")]
    pub(super) fn new(input: &Input<'_>, index: usize, row: &[f32]) -> Self {
        let (mean, gain, shift) = match input.normalisation {
            None => (0.0, 1.0, 0.0),
            Some(normal) => {
                let (mean, variance) = moments(row);
                let gain = normal.gain[index] / (variance + normal.epsilon).sqrt();
                (mean, gain, normal.shift[index])
            }
        };
        let bend = match input.activation {
            Activation::None => Bend::None,
            Activation::LeakyRelu(slope) => Bend::LeakyRelu(_mm512_set1_ps(slope)),
            Activation::Snake { alpha, inverse } => Bend::Snake {
                alpha: _mm512_set1_ps(alpha[index]),
                inverse: _mm512_set1_ps(inverse[index]),
            },
        };
        Self {
            mean: _mm512_set1_ps(mean),
            gain: _mm512_set1_ps(gain),
            shift: _mm512_set1_ps(shift),
            bend,
        }
    }

    /// The values after normalisation and activation.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn bend(&self, values: __m512) -> __m512 {
        let values = _mm512_fmadd_ps(_mm512_sub_ps(values, self.mean), self.gain, self.shift);
        match self.bend {
            Bend::None => values,
            Bend::LeakyRelu(slope) => {
                let negative = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(values, _mm512_setzero_ps());
                _mm512_mask_mul_ps(values, negative, values, slope)
            }
            Bend::Snake { alpha, inverse } => {
                let sine = sine_up_to_sign(_mm512_mul_ps(alpha, values));
                _mm512_fmadd_ps(inverse, _mm512_mul_ps(sine, sine), values)
            }
        }
    }
}

/// Mean and variance of a channel.
#[target_feature(enable = "avx512f")]
fn moments(row: &[f32]) -> (f32, f32) {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a channel has fewer than 2^24 values"
    )]
    let count = row.len() as f32;
    let mut sums = [_mm512_setzero_ps(); SUMS];
    for at in (0..row.len()).step_by(SUMS * LANES) {
        for (sum, at) in sums.iter_mut().zip((at..).step_by(LANES)) {
            *sum = _mm512_add_ps(*sum, load(row, at.min(row.len())));
        }
    }
    let mean = total(sums) / count;
    let mut squares = [_mm512_setzero_ps(); SUMS];
    for at in (0..row.len()).step_by(SUMS * LANES) {
        for (squares, at) in squares.iter_mut().zip((at..).step_by(LANES)) {
            let at = at.min(row.len());
            let lanes = filled(row.len() - at);
            let distance = _mm512_maskz_sub_ps(lanes, load(row, at), _mm512_set1_ps(mean));
            *squares = _mm512_fmadd_ps(distance, distance, *squares);
        }
    }
    (mean, total(squares) / count)
}

#[target_feature(enable = "avx512f")]
fn total(sums: [__m512; SUMS]) -> f32 {
    let [a, b, c, d] = sums;
    _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(a, b), _mm512_add_ps(c, d)))
}

/// The sine or its negative, to 2e-7 for `|x| < 10^4`: of `x` less the nearest multiple of pi, the Taylor
/// polynomial up to the eleventh power (the next term at pi/2 is 6e-8).
#[inline]
#[target_feature(enable = "avx512f")]
fn sine_up_to_sign(x: __m512) -> __m512 {
    /// Pi in two parts, so that multiples of the first are exact.
    const PI: [f32; 2] = [3.140_625, 9.676_536e-4];
    const TERMS: [f32; 5] = [
        2.755_731_9e-6,
        -1.984_127e-4,
        8.333_333e-3,
        -0.166_666_67,
        1.0,
    ];
    let turns = _mm512_mul_ps(x, _mm512_set1_ps(std::f32::consts::FRAC_1_PI));
    let turns = _mm512_roundscale_ps::<0>(turns);
    let x = _mm512_fnmadd_ps(turns, _mm512_set1_ps(PI[0]), x);
    let x = _mm512_fnmadd_ps(turns, _mm512_set1_ps(PI[1]), x);
    let square = _mm512_mul_ps(x, x);
    let mut sum = _mm512_set1_ps(-2.505_210_8e-8);
    for term in TERMS {
        sum = _mm512_fmadd_ps(sum, square, _mm512_set1_ps(term));
    }
    _mm512_mul_ps(sum, x)
}

#[cfg(test)]
mod tests {
    use std::arch::x86_64::_mm512_cvtss_f32;

    use super::*;
    use crate::Instructions;

    #[target_feature(enable = "avx512f")]
    fn sine(x: f32) -> f32 {
        _mm512_cvtss_f32(sine_up_to_sign(_mm512_set1_ps(x)))
    }

    #[test]
    fn the_sine_is_that_of_the_library_but_for_its_sign() {
        assert!(Instructions::for_bytes().is_some(), "no AVX-512");
        for step in 0..2_000_000_u32 {
            let exact = f64::from(step) * 0.005;
            #[expect(clippy::cast_possible_truncation, reason = "meant")]
            let x = exact as f32;
            #[expect(unsafe_code, reason = "the features are there")]
            // SAFETY: asserted above.
            let sine = unsafe { sine(x) };
            let error = (f64::from(sine).abs() - f64::from(x).sin().abs()).abs();
            assert!(error < 4e-7, "sin({x}) is off by {error}");
        }
    }
}
