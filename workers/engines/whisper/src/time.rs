//! Samples and seconds.

use crate::SAMPLE_RATE;

/// Seconds that this many samples last.
#[expect(
    clippy::cast_precision_loss,
    reason = "recordings are shorter than 2^52 samples"
)]
pub(crate) fn seconds(samples: usize) -> f64 {
    samples as f64 / f64::from(SAMPLE_RATE)
}

/// The sample at this time.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a time within a recording; a negative one would saturate to 0"
)]
pub(crate) fn sample(seconds: f64) -> usize {
    (seconds * f64::from(SAMPLE_RATE)) as usize
}
