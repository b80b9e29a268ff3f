//! Where nobody speaks, nothing is heard.

use crate::{
    audio::{RATE, brown, pcm, silence, tones, white},
    support::{MODELS, TINY_EN, TINY_EN_CT2, all, engine, english},
};

fn noises() -> Vec<(&'static str, Vec<f32>)> {
    let length = 10 * RATE;
    let clicks = white(length, 0.8)
        .into_iter()
        .enumerate()
        .map(|(index, sample)| if index % (RATE / 2) < 40 { sample } else { 0.0 })
        .collect();
    let notes = [262.0, 330.0, 392.0, 523.0, 440.0, 349.0];
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a small positive number"
    )]
    let tune = move |time: f32| {
        let beat = time * 2.5;
        (
            notes[beat as usize % notes.len()],
            0.3 * (-beat.fract() * 3.0).exp(),
        )
    };
    vec![
        ("silence", silence(100)),
        ("white noise", white(length, 0.1)),
        ("loud white noise", white(length, 0.9)),
        ("brown noise", brown(length)),
        ("mains hum", tones(length, |_| (50.0, 0.2))),
        ("dial tone", tones(length, |_| (425.0, 0.2))),
        ("tune", tones(length, tune)),
        (
            "siren",
            tones(length, |time| (700.0 + 300.0 * (time * 3.0).sin(), 0.2)),
        ),
        ("clicks", clicks),
    ]
}

#[test]
fn silence_and_noise_have_no_windows() {
    let engine = engine(TINY_EN);
    for (name, samples) in noises() {
        assert_eq!(engine.plan(&pcm(samples)).unwrap(), [], "{name}");
    }
}

#[test]
fn nothing_is_invented_in_a_window_without_speech() {
    for model in MODELS {
        let engine = engine(model);
        for (name, samples) in noises() {
            let audio = pcm(samples);
            let heard = engine.transcribe(&audio, all(&audio), &english()).unwrap();
            assert_eq!(heard.segments, [], "{model}: {name}");
        }
    }
}

#[test]
fn an_empty_recording_and_a_very_short_one_are_no_speech() {
    for model in [TINY_EN, TINY_EN_CT2] {
        let engine = engine(model);
        for length in [0, 1, 100, 511, 2_000] {
            let audio = pcm(white(length, 0.1));
            assert_eq!(engine.plan(&audio).unwrap(), []);
            let heard = engine.transcribe(&audio, all(&audio), &english()).unwrap();
            assert_eq!(heard.segments, [], "{model}");
        }
    }
}
