//! Speaking faster than the network can.

use std::num::{NonZeroU16, NonZeroU32};

use voicefleet_core::ports::EngineError;

use crate::model::SAMPLE_RATE;

/// The fastest that the network is asked to speak.
///
/// It rounds each phoneme to frames of 25 ms, at least one, so it falls behind: asked for 1.5 it speaks
/// 1.56 times as fast, for 2.0 1.79 times, for 4.0 2.38 times (`af_heart`, 139 phonemes).
const FASTEST: f32 = 1.5;

/// Splits a speed into what the network does and the factor that is left for [`quicken`].
pub(crate) fn split(speed: f32) -> (f32, f32) {
    let network = speed.min(FASTEST);
    (network, speed / network)
}

/// Shortens audio to `1 / factor` of its length without changing its pitch (WSOLA).
pub(crate) fn quicken(samples: &[f32], factor: f32) -> Result<Vec<f32>, EngineError> {
    const RATE: NonZeroU32 = NonZeroU32::new(SAMPLE_RATE).expect("not zero");
    if factor <= 1.0 {
        return Ok(samples.to_vec());
    }
    wsola::stretch(samples, RATE, NonZeroU16::MIN, factor)
        .map_err(|error| EngineError::Inference(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_factors_multiply_to_the_speed() {
        for speed in [0.25, 1.0, 1.5, 2.0, 4.0] {
            let (network, rest) = split(speed);
            assert!(network <= FASTEST && (network * rest - speed).abs() < 1e-6);
        }
    }

    #[test]
    fn the_length_changes_and_the_pitch_does_not() {
        let tone: Vec<f32> = (0..24_000_u16)
            .map(|n| (f32::from(n) * 0.05).sin())
            .collect();
        let quick = quicken(&tone, 2.0).expect("no error");
        assert!((11_000..13_000).contains(&quick.len()), "{}", quick.len());
        let turns = |samples: &[f32]| {
            samples
                .windows(2)
                .filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0)
                .count()
        };
        assert!(turns(&quick).abs_diff(turns(&tone) / 2) <= 3);
        assert_eq!(quicken(&tone, 1.0).expect("no error"), tone);
    }
}
