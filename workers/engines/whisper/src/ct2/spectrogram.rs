//! Log-mel spectrograms as Whisper models were trained on them.
//!
//! Shape and constants are those of OpenAI's reference (`whisper/audio.py`): frames of 25 ms every 10 ms under a Hann window,
//! mel bands after Slaney's Auditory Toolbox (linear below 1 kHz, logarithmic above, each band of the same area), the
//! logarithm of their power within 80 dB of the loudest.

use std::{f64::consts::PI, sync::Arc};

use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex};

use crate::SAMPLE_RATE;

/// Samples of a frame, and from one frame to the next.
const FRAME: usize = 400;
const STEP: usize = 160;

/// Hertz up to which mels are linear, hertz per mel there, and mels per factor e above.
const LINEAR_UNTIL: f64 = 1_000.0;
const HERTZ_PER_MEL: f64 = 200.0 / 3.0;
const MELS_PER_E: f64 = 27.0 / 1.856_297_990_365_626; // ln 6.4

/// Power below which all is silence, and how far below the loudest (powers of ten) the quietest is.
const LEAST_POWER: f32 = 1e-10;
const RANGE: f32 = 8.0;

/// Computes spectrograms of so many bands; shared by all calls.
pub(super) struct Spectrograms {
    bands: Vec<Band>,
    window: Vec<f32>,
    transform: Arc<dyn RealToComplex<f32>>,
}

/// A mel band: its first bin of the transform, and the weights from there on.
struct Band {
    first: usize,
    weights: Vec<f32>,
}

/// A spectrogram: `bands` times `frames` values, one band after the other.
pub(super) struct Spectrogram {
    pub(super) frames: usize,
    pub(super) values: Vec<f32>,
}

impl Spectrograms {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "a few hundred samples of a window between 0 and 1"
    )]
    pub(super) fn new(bands: usize) -> Self {
        let hann = |sample: usize| 0.5 - 0.5 * (2.0 * PI * sample as f64 / FRAME as f64).cos();
        Self {
            bands: mel_bands(bands),
            window: (0..FRAME).map(|sample| hann(sample) as f32).collect(),
            transform: RealFftPlanner::new().plan_fft_forward(FRAME),
        }
    }

    /// The spectrogram of samples at 16 kHz, one frame for each 10 ms that they begin.
    pub(super) fn of(&self, samples: &[f32]) -> Spectrogram {
        let padded = reflected(samples);
        let frames = samples.len() / STEP + 1;
        let mut values = vec![0.0; self.bands.len() * frames];
        let mut input = self.transform.make_input_vec();
        let mut output = self.transform.make_output_vec();
        let mut scratch = self.transform.make_scratch_vec();
        let mut loudest = f32::MIN;
        for frame in 0..frames {
            let samples = &padded[frame * STEP..frame * STEP + FRAME];
            for ((input, sample), weight) in input.iter_mut().zip(samples).zip(&self.window) {
                *input = sample * weight;
            }
            // The lengths are the transform's own, so there is nothing that it could refuse.
            let _ = (self.transform).process_with_scratch(&mut input, &mut output, &mut scratch);
            let powers: Vec<f32> = output.iter().map(Complex::norm_sqr).collect();
            for (band, value) in self
                .bands
                .iter()
                .zip(values[frame..].iter_mut().step_by(frames))
            {
                *value = band.power(&powers).max(LEAST_POWER).log10();
                loudest = loudest.max(*value);
            }
        }
        for value in &mut values {
            *value = (value.max(loudest - RANGE) + 4.0) / 4.0;
        }
        Spectrogram { frames, values }
    }
}

impl Band {
    fn power(&self, powers: &[f32]) -> f32 {
        let bins = &powers[self.first..];
        self.weights
            .iter()
            .zip(bins)
            .map(|(weight, power)| weight * power)
            .sum()
    }
}

impl Spectrogram {
    /// The same with `frames` frames: cut, or with zeros behind it.
    pub(super) fn with_frames(&self, frames: usize) -> Vec<f32> {
        let kept = frames.min(self.frames);
        let mut values = Vec::with_capacity(self.values.len() / self.frames * frames);
        for band in self.values.chunks_exact(self.frames) {
            values.extend_from_slice(&band[..kept]);
            values.resize(values.len() + frames - kept, 0.0);
        }
        values
    }
}

/// The samples, 10 ms of silence behind them, with half a frame mirrored at both ends, and no less than one frame.
fn reflected(samples: &[f32]) -> Vec<f32> {
    const HALF: usize = FRAME / 2;
    let mut extended = samples.to_vec();
    extended.resize((samples.len() + STEP).max(HALF + 1), 0.0);
    let last = extended.len() - 1;
    let mut padded = Vec::with_capacity(extended.len() + FRAME);
    padded.extend(extended[1..=HALF].iter().rev());
    padded.extend_from_slice(&extended);
    padded.extend(extended[last - HALF..last].iter().rev());
    padded
}

fn mel(hertz: f64) -> f64 {
    if hertz < LINEAR_UNTIL {
        hertz / HERTZ_PER_MEL
    } else {
        LINEAR_UNTIL / HERTZ_PER_MEL + (hertz / LINEAR_UNTIL).ln() * MELS_PER_E
    }
}

fn hertz(mel: f64) -> f64 {
    let linear = LINEAR_UNTIL / HERTZ_PER_MEL;
    if mel < linear {
        mel * HERTZ_PER_MEL
    } else {
        LINEAR_UNTIL * ((mel - linear) / MELS_PER_E).exp()
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a few hundred bands and bins, weights below 1"
)]
fn mel_bands(count: usize) -> Vec<Band> {
    let highest = mel(f64::from(SAMPLE_RATE) / 2.0);
    let edge = |index: usize| hertz(highest * index as f64 / (count + 1) as f64);
    let bin = |index: usize| index as f64 * f64::from(SAMPLE_RATE) / FRAME as f64;
    let band = |index: usize| {
        let (low, middle, high) = (edge(index), edge(index + 1), edge(index + 2));
        let weight = |hertz: f64| {
            let rising = (hertz - low) / (middle - low);
            let falling = (high - hertz) / (high - middle);
            rising.min(falling).max(0.0) * 2.0 / (high - low)
        };
        let weights: Vec<f32> = (0..=FRAME / 2)
            .map(|index| weight(bin(index)) as f32)
            .collect();
        let first = weights.iter().position(|weight| *weight > 0.0).unwrap_or(0);
        let last = weights
            .iter()
            .rposition(|weight| *weight > 0.0)
            .unwrap_or(0);
        Band {
            first,
            weights: weights[first..=last].to_vec(),
        }
    };
    (0..count).map(band).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A second of a tone.
    fn tone(hertz: f32) -> Vec<f32> {
        let angle = |sample: u16| 2.0 * std::f32::consts::PI * hertz * f32::from(sample) / 16_000.0;
        (0..16_000).map(|sample| angle(sample).sin()).collect()
    }

    #[test]
    fn a_frame_begins_every_ten_milliseconds() {
        let spectrograms = Spectrograms::new(80);
        for (samples, frames) in [(0, 1), (159, 1), (160, 2), (16_000, 101), (480_000, 3_001)] {
            let spectrogram = spectrograms.of(&vec![0.1; samples]);
            assert_eq!(
                (spectrogram.frames, spectrogram.values.len()),
                (frames, frames * 80)
            );
        }
    }

    #[test]
    fn a_tone_is_loudest_in_its_band_and_the_rest_is_within_the_range() {
        let spectrograms = Spectrograms::new(80);
        let spectrogram = spectrograms.of(&tone(1_000.0));
        let middle: Vec<f32> = (0..80)
            .map(|band| spectrogram.values[band * spectrogram.frames + 50])
            .collect();
        let loudest = (0..80)
            .max_by(|a, b| middle[*a].total_cmp(&middle[*b]))
            .unwrap();
        // 1 kHz is mel 15; 8 kHz is mel 45.25, and 80 bands lie between 82 edges.
        assert_eq!(loudest, 26);
        assert!(
            middle
                .iter()
                .all(|value| *value >= middle[loudest] - 2.0 - 1e-6)
        );
    }

    #[test]
    fn silence_has_the_value_that_the_models_know() {
        let spectrogram = Spectrograms::new(80).of(&[0.0; 1_600]);
        assert!(
            spectrogram
                .values
                .iter()
                .all(|value| (value + 1.5).abs() < 1e-6)
        );
    }

    #[test]
    fn each_band_is_cut_or_filled_by_itself() {
        let spectrogram = Spectrogram {
            frames: 3,
            values: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        };
        assert_eq!(spectrogram.with_frames(2), [1.0, 2.0, 4.0, 5.0]);
        assert_eq!(
            spectrogram.with_frames(4),
            [1.0, 2.0, 3.0, 0.0, 4.0, 5.0, 6.0, 0.0]
        );
    }
}
