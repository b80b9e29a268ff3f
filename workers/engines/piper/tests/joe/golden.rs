//! Sentence by sentence against piper-tts (`golden/make.py` makes the data): the same phonemes, and
//! without chance in the durations the same length of audio.

use serde::Deserialize;
use voicefleet_verbalise::verbalise;

use crate::setup::{Scales, load, request};

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    text: String,
    sentences: Vec<Sentence>,
}

#[derive(Deserialize)]
struct Sentence {
    phonemes: String,
    samples: usize,
    samples_at_half_speed: usize,
}

fn golden() -> Vec<Case> {
    let golden: Golden =
        serde_json::from_str(include_str!("../golden/speech.json")).expect("valid JSON");
    golden.cases
}

#[test]
fn sentences_and_durations_are_those_of_piper_tts() {
    let voice = load(Scales::Fixed, 1);
    // What is put into words first has other words than piper-tts would say; plain prose has the same.
    let (prose, rewritten): (Vec<_>, Vec<_>) = golden()
        .into_iter()
        .partition(|case| verbalise(&case.text) == case.text);
    assert!(
        prose.len() > 2 * rewritten.len(),
        "{} and {}",
        prose.len(),
        rewritten.len()
    );
    for case in prose {
        let chunks = voice.plan(&request(&case.text, 1.0)).unwrap();
        let phonemes: Vec<_> = chunks.iter().map(|chunk| &chunk.phonemes).collect();
        let expected: Vec<_> = case.sentences.iter().map(|s| &s.phonemes).collect();
        assert_eq!(phonemes, expected, "{}", case.text);
        for (chunk, sentence) in chunks.iter().zip(&case.sentences) {
            let audio = voice.speak(chunk).unwrap();
            assert_eq!(audio.samples.len(), sentence.samples, "{}", chunk.phonemes);
            assert_eq!(audio.rate, 22_050);
        }
    }
}

#[test]
fn half_the_speed_is_twice_the_length_scale() {
    let voice = load(Scales::Fixed, 1);
    let prose = |case: &Case| verbalise(&case.text) == case.text;
    for case in golden().into_iter().filter(prose).take(5) {
        let mut chunks = voice.plan(&request(&case.text, 0.5)).unwrap();
        assert_eq!(chunks.len(), case.sentences.len());
        for (chunk, sentence) in chunks.iter_mut().zip(&case.sentences) {
            let audio = voice.speak(chunk).unwrap();
            assert_eq!(
                audio.samples.len(),
                sentence.samples_at_half_speed,
                "{}",
                chunk.phonemes
            );
        }
    }
}
