//! Whether a prepared voice sounds as the published one.

use realfft::{RealFftPlanner, num_complex::Complex};

/// Of the loudest sample: how much another may be in any sample.
const TOLERANCE: f32 = 1e-4;

/// How far spectra may lie apart, in dB: an error in a network makes it several, 16 bits a few tenths, and what can be heard
/// begins near one.
const TOLERANCE_IN_DB: f64 = 1.0;

/// How far those of any one moment may, so that no click hides among what is right.
const TOLERANCE_OF_A_FRAME_IN_DB: f64 = 6.0;

/// Samples that a spectrum is made of: a twentieth of a second or so.
const FRAME: usize = 1024;

/// Of a spectrum's numbers, as many as are summed up to a band: 345 Hz of 22,050.
const BAND: usize = 16;

/// Bands that are so much below the loudest one, in dB, are as good as silent.
const SILENCE: f64 = 60.0;

/// Whether each sample is the same but for the order in which sums were made.
pub(super) fn in_each_sample(said: &[f32], expected: &[f32]) -> bool {
    let loudest = expected.iter().fold(0.0_f32, |peak, x| peak.max(x.abs()));
    let near = |(one, other): (&f32, &f32)| (one - other).abs() <= TOLERANCE * loudest;
    said.len() == expected.len() && said.iter().zip(expected).all(near)
}

/// Whether the spectra are the same to the ear. The waves need not lie on each other: where a sound's parts begin is not heard.
pub(super) fn in_spectrum(said: &[f32], expected: &[f32]) -> bool {
    let frames = distances(said, expected);
    let worst = frames.iter().copied().fold(0.0, f64::max);
    said.len() == expected.len()
        && root_mean_square(&frames) <= TOLERANCE_IN_DB
        && worst <= TOLERANCE_OF_A_FRAME_IN_DB
}

/// Of each frame the root of the mean square of what its bands differ by, in dB.
fn distances(said: &[f32], expected: &[f32]) -> Vec<f64> {
    let (said, expected) = (bands(said), bands(expected));
    let loudest = expected.iter().fold(0.0_f64, |most, band| most.max(*band));
    let silence = loudest * 10.0_f64.powf(-SILENCE / 10.0) + f64::MIN_POSITIVE;
    let decibels = |power: &f64| 10.0 * (power + silence).log10();
    let differences: Vec<f64> = (said.iter().zip(&expected))
        .map(|(one, other)| decibels(one) - decibels(other))
        .collect();
    let frames = differences.chunks((FRAME / 2 + 1).div_ceil(BAND));
    frames.map(root_mean_square).collect()
}

fn root_mean_square(numbers: &[f64]) -> f64 {
    let squares: f64 = numbers.iter().map(|number| number.powi(2)).sum();
    #[expect(clippy::cast_precision_loss, reason = "fewer than 2^52")]
    let count = numbers.len().max(1) as f64;
    (squares / count).sqrt()
}

/// The power of all bands, frame by frame.
fn bands(samples: &[f32]) -> Vec<f64> {
    let transform = RealFftPlanner::<f32>::new().plan_fft_forward(FRAME);
    let mut frame = transform.make_input_vec();
    let mut spectrum = transform.make_output_vec();
    let mut bands = Vec::new();
    for begin in (0..samples.len()).step_by(FRAME / 2) {
        let samples = &samples[begin..samples.len().min(begin + FRAME)];
        frame.fill(0.0);
        for ((place, sample), at) in frame.iter_mut().zip(samples).zip(0_u16..) {
            *place = sample * hann(at);
        }
        transform
            .process(&mut frame, &mut spectrum)
            .expect("frame and spectrum are of its lengths");
        let power = |band: &[Complex<f32>]| band.iter().map(|x| f64::from(x.norm_sqr())).sum();
        bands.extend(spectrum.chunks(BAND).map(power).collect::<Vec<f64>>());
    }
    bands
}

/// The window of Julius von Hann.
fn hann(at: u16) -> f32 {
    #[expect(clippy::cast_precision_loss, reason = "1024")]
    let turn = std::f32::consts::TAU * f32::from(at) / FRAME as f32;
    0.5 - 0.5 * turn.cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two tones, the second as loud as `second` and begun at `phase`.
    fn tones(second: f32, phase: f32) -> Vec<f32> {
        let tone = |at: f32, step: f32, phase: f32| (at * step + phase).sin();
        (0..8192_u16)
            .map(|at| tone(at.into(), 0.1, 0.0) + second * tone(at.into(), 0.7, phase))
            .collect()
    }

    #[test]
    fn a_phase_is_another_wave_and_the_same_sound() {
        let (one, other) = (tones(1.0, 0.0), tones(1.0, 1.0));
        assert!(!in_each_sample(&one, &other));
        assert!(in_spectrum(&one, &other), "{:?}", distances(&one, &other));
        assert!(in_each_sample(&one, &one));
    }

    #[test]
    fn a_click_is_not_the_same() {
        let one: Vec<f32> = tones(1.0, 0.0).repeat(80);
        let mut other = one.clone();
        other[70_000..70_030].fill(1.0);
        let frames = distances(&other, &one);
        assert!(root_mean_square(&frames) < TOLERANCE_IN_DB, "{frames:?}");
        assert!(!in_spectrum(&other, &one), "{frames:?}");
    }

    #[test]
    fn another_sound_length_or_none_is_not_the_same() {
        let one = tones(1.0, 0.0);
        assert!(!in_spectrum(&tones(0.2, 0.0), &one));
        assert!(!in_spectrum(&vec![0.0; 8192], &one));
        assert!(!in_spectrum(&vec![f32::NAN; 8192], &one));
        assert!(!in_spectrum(&one[1..], &one));
        assert!(!in_each_sample(&one[1..], &one));
    }
}
