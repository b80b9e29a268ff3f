//! Audio from the real network.

use std::thread;

use voicefleet_core::{ErrorCode, Pcm, ports::EngineError};
use voicefleet_testkit::model_file;

use crate::{ENGINE, plan, speak};

/// Each voice, by name, in order.
fn voices() -> Vec<String> {
    let files = std::fs::read_dir(model_file("kokoro/voices")).expect("the voices folder");
    let names = files.map(|file| {
        file.expect("a file")
            .path()
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned()
    });
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// A sentence of about a second in the voice's language.
fn sentence(voice: &str) -> &'static str {
    match &voice[..1] {
        "e" => "Buenos días, niño.",
        "f" => "Bonjour, mon garçon.",
        "h" => "नमस्ते भारत।",
        "i" => "Buongiorno, bambino.",
        "p" => "Bom dia, menino.",
        _ => "Good morning, boy.",
    }
}

fn seconds(samples: &[f32]) -> f64 {
    Pcm {
        samples: samples.to_vec(),
        rate: 24_000,
    }
    .seconds()
}

/// Root mean square.
fn rms(samples: &[f32]) -> f64 {
    let squares = samples.iter().map(|sample| f64::from(sample * sample));
    (squares.sum::<f64>() / (seconds(samples) * 24_000.0)).sqrt()
}

#[test]
fn each_of_the_54_voices_speaks_or_says_why_not() {
    let voices = voices();
    assert_eq!(voices.len(), 54);
    for voice in voices {
        if voice.starts_with(['j', 'z']) {
            let Err(EngineError::Refused(failure)) = plan(&voice, 1.0, "你好。こんにちは。")
            else {
                panic!("{voice} is not refused");
            };
            assert_eq!(failure.code, ErrorCode::UnknownLanguage, "{voice}");
            assert!(failure.message.contains(&voice), "{failure}");
            continue;
        }
        let audio = speak(&voice, 1.0, sentence(&voice));
        assert!(
            (0.6..2.5).contains(&seconds(&audio)),
            "{voice}: {} s",
            seconds(&audio)
        );
        assert!(
            (0.01..0.25).contains(&rms(&audio)),
            "{voice}: RMS {}",
            rms(&audio)
        );
        assert!(
            audio
                .iter()
                .all(|sample| sample.is_finite() && sample.abs() <= 1.0),
            "{voice} exceeds full scale"
        );
    }
}

#[test]
fn the_same_text_gives_the_same_samples() {
    let text = "Twice the same.";
    assert_eq!(speak("af_heart", 1.0, text), speak("af_heart", 1.0, text));
}

#[test]
fn a_voice_mixed_with_itself_is_that_voice_and_with_another_it_is_not() {
    let text = "Who is speaking?";
    let bella = speak("af_bella", 1.0, text);
    assert_eq!(speak("af_bella+af_bella", 1.0, text), bella);
    assert_eq!(speak("af_bella(7)", 1.0, text), bella);
    let mixed = speak("af_bella(2)+am_adam", 1.0, text);
    assert_ne!(mixed, bella);
    assert_ne!(mixed, speak("af_bella+am_adam(2)", 1.0, text));
    assert!((0.01..0.25).contains(&rms(&mixed)));
}

#[test]
fn double_speed_halves_the_duration_and_half_speed_doubles_it() {
    let text = "The captain gave the keeper a painting of the tower. They went home.";
    let normal = seconds(&speak("af_heart", 1.0, text));
    for speed in [2.0, 4.0, 0.5] {
        let ratio = seconds(&speak("af_heart", speed, text)) * f64::from(speed) / normal;
        assert!((0.9..1.1).contains(&ratio), "speed {speed}: {ratio}");
    }
}

#[test]
fn chunks_begin_at_once_and_end_with_their_pause() {
    let chunks = plan(
        "am_michael",
        1.0,
        &"This is a sentence of middling length, one of a few. ".repeat(6),
    )
    .expect("a plan");
    assert!(chunks.len() > 1);
    for chunk in &chunks {
        let audio = ENGINE.speak(chunk).expect("audio").samples;
        let loud = |sample: &f32| sample.abs() > 0.02;
        let first = audio.iter().position(loud).expect("sound");
        let last = audio.iter().rposition(loud).expect("sound");
        let pause = chunk.pause_ms as usize * 24;
        assert!(first < 24 * 150, "{first} samples before the first sound");
        assert!(
            (pause..pause + 24 * 250).contains(&(audio.len() - last)),
            "{} after the last",
            audio.len() - last
        );
    }
    assert_eq!(chunks.last().map(|chunk| chunk.pause_ms), Some(0));
}

#[test]
fn two_lanes_speak_at_the_same_time_as_one_does() {
    let text = "Side by side.";
    let alone = speak("af_sky", 1.0, text);
    let together: Vec<Vec<f32>> = thread::scope(|scope| {
        let jobs: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| speak("af_sky", 1.0, text)))
            .collect();
        jobs.into_iter()
            .map(|job| job.join().expect("no panic"))
            .collect()
    });
    assert!(together.iter().all(|audio| *audio == alone));
}

#[test]
fn the_longest_chunk_is_spoken_to_its_end() {
    // At the limit of the plan the network must still give audio in proportion.
    let words = "and the keeper counted the steps under his breath ";
    let chunks = plan("af_heart", 1.0, &words.repeat(6)).expect("a plan");
    let longest = chunks
        .iter()
        .max_by_key(|chunk| chunk.phonemes.chars().count())
        .expect("a chunk");
    let phonemes = u32::try_from(longest.phonemes.chars().count()).expect("few");
    assert!(phonemes > 200, "{phonemes}");
    let each = ENGINE.speak(longest).expect("audio").seconds() * 1000.0 / f64::from(phonemes);
    assert!((40.0..100.0).contains(&each), "{each} ms for each phoneme");
}
