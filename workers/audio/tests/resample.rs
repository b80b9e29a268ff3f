//! Changing the rate: length, ends, pitch, and what must not come through.

use std::f64::consts::TAU;

use proptest::prelude::*;
use voicefleet_audio::resample;
use voicefleet_core::audio::Pcm;

fn sine(hertz: f64, rate: u32, seconds: f64) -> Pcm {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a small positive number, and samples within [-1, 1]"
    )]
    let samples = (0..(seconds * f64::from(rate)) as u32)
        .map(|n| (TAU * hertz * f64::from(n) / f64::from(rate)).sin() as f32)
        .collect();
    Pcm { samples, rate }
}

/// Loudest difference, away from the ends, where a sine that starts at once rings.
fn difference(a: &Pcm, b: &Pcm) -> f32 {
    let inner = a.samples.len() / 5..a.samples.len() * 4 / 5;
    a.samples[inner.clone()]
        .iter()
        .zip(&b.samples[inner])
        .fold(0.0, |most, (a, b)| most.max((a - b).abs()))
}

#[test]
fn a_tone_is_the_same_tone_at_another_rate() {
    for (from, to) in [
        (8_000, 16_000),
        (22_050, 24_000),
        (24_000, 16_000),
        (44_100, 16_000),
        (48_000, 16_000),
        (22_050, 48_000),
        (23_456, 24_000),
        (44_099, 16_000),
    ] {
        // Low, and at nine tenths of the narrower band.
        for hertz in [200.0, 0.9 * f64::from(from.min(to)) / 2.0] {
            let heard = resample(&sine(hertz, from, 2.0), to);
            let off = difference(&sine(hertz, to, 2.0), &heard);
            assert!(off < 1e-3, "{hertz} Hz, {from} -> {to}: {off}");
        }
    }
}

#[test]
fn what_the_new_rate_cannot_carry_is_left_out() {
    let heard = resample(&sine(9_000.0, 48_000, 2.0), 16_000);
    let silence = Pcm {
        samples: vec![0.0; heard.samples.len()],
        rate: 16_000,
    };
    assert!(difference(&silence, &heard) < 1e-4);
}

/// A click right at the start and one at the very end are both still there, in their places.
#[test]
fn neither_end_is_cut_off() {
    for (from, to) in [(16_000_u32, 48_000_u32), (48_000, 16_000), (22_050, 24_000)] {
        let mut click = vec![0.0; 10_000];
        click[3] = 1.0;
        click[9_996] = 1.0;
        let heard = resample(
            &Pcm {
                samples: click,
                rate: from,
            },
            to,
        )
        .samples;
        let loudest = |part: &[f32]| {
            let loudest = part.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
            loudest.map(|(at, _)| at).expect("there are samples")
        };
        let place = |at: usize| at * to as usize / from as usize;
        let half = heard.len() / 2;
        assert!(loudest(&heard[..half]).abs_diff(place(3)) <= 1);
        assert!((half + loudest(&heard[half..])).abs_diff(place(9_996)) <= 1);
    }
}

#[test]
fn equal_rates_change_nothing() {
    let clip = sine(440.0, 16_000, 0.1);
    assert_eq!(resample(&clip, 16_000), clip);
}

#[test]
fn no_time_gives_no_samples() {
    let clip = Pcm {
        samples: vec![0.5; 100],
        rate: 0,
    };
    assert!(resample(&clip, 16_000).samples.is_empty());
    assert!(resample(&sine(440.0, 16_000, 0.1), 0).samples.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn the_length_is_right_for_any_rates(from in 1_u32..100_000, to in 1_u32..100_000, length in 0_u32..3_000) {
        let ratio = f64::from(to) / f64::from(from);
        prop_assume!(ratio < 1_000.0);
        let clip = Pcm { samples: vec![0.25; length as usize], rate: from };
        let expected = (u64::from(length) * u64::from(to)).div_ceil(u64::from(from));
        prop_assert_eq!(resample(&clip, to).samples.len() as u64, expected);
    }
}
