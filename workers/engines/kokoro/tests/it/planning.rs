//! Texts to chunks: nothing lost, nothing too long.

use std::{collections::HashMap, sync::LazyLock};

use proptest::prelude::*;
use serde::Deserialize;
use voicefleet_testkit::model_file;

use crate::{phonemes, plan};

#[derive(Deserialize)]
struct VocabularyFile {
    vocab: HashMap<char, i64>,
}

static KNOWN: LazyLock<HashMap<char, i64>> = LazyLock::new(|| {
    let json = std::fs::read(model_file("kokoro/vocab.json")).expect("the vocabulary");
    serde_json::from_slice::<VocabularyFile>(&json)
        .expect("JSON")
        .vocab
});

/// The most token ids that a run of the network takes.
const RUN: usize = 510;

/// 3,000 characters of prose, paragraphs and short and long sentences among them.
fn long_text() -> String {
    let paragraph = "The old lighthouse stood at the end of the peninsula, where the wind never seemed to rest. Yes. \
        Every evening the keeper climbed the stairs, counted the steps under his breath, and lit the great lamp! Why? \
        He had lived alone since his daughter moved to the city, but he did not feel lonely, because the sea was \
        always talking to him, and on clear days he could see the fishing boats far out on the horizon, small as \
        toys, and he knew most of their captains by name, and when storms came he stayed awake beside the lamp, \
        listening to the waves.\n";
    paragraph.repeat(6)
}

fn words(phonemes: &str) -> usize {
    phonemes
        .split(' ')
        .filter(|word| word.chars().any(char::is_alphabetic))
        .count()
}

#[test]
fn of_a_long_text_nothing_is_lost() {
    let text = long_text();
    assert!(text.chars().count() >= 3000);
    let said = phonemes("af_heart", &text);
    assert_eq!(words(&said), text.split_whitespace().count());
    // Packing changes nothing but the gaps: the same as line by line.
    let lines: Vec<String> = text
        .lines()
        .map(|line| phonemes("af_heart", line))
        .collect();
    assert_eq!(said, lines.join(" "));
}

#[test]
fn chunks_have_a_length_that_is_spoken_well() {
    let chunks = plan("af_heart", 1.0, &long_text()).expect("a plan");
    let lengths: Vec<usize> = chunks
        .iter()
        .map(|chunk| chunk.phonemes.chars().count())
        .collect();
    assert!(
        lengths.iter().all(|length| (30..=300).contains(length)),
        "{lengths:?}"
    );
    assert!(
        lengths[0] <= 130,
        "who waits for the first chunk waits for {} phonemes",
        lengths[0]
    );
}

#[test]
fn slow_speech_has_shorter_chunks_so_that_a_run_stays_bounded() {
    let longest = |speed| {
        let chunks = plan("af_heart", speed, &long_text()).expect("a plan");
        chunks
            .iter()
            .map(|chunk| chunk.phonemes.chars().count())
            .max()
            .expect("a chunk")
    };
    let (normal, slow) = (longest(1.0), longest(0.25));
    assert!(normal > 150 && slow <= 150, "{normal} and {slow} phonemes");
}

#[test]
fn a_word_without_end_is_spoken_whole() {
    let chunks = plan("af_heart", 1.0, &"supercalifragilistic".repeat(100)).expect("a plan");
    let phonemes: usize = chunks
        .iter()
        .map(|chunk| chunk.phonemes.chars().count())
        .sum();
    assert!(
        chunks.len() > 3 && phonemes > 1500,
        "{phonemes} in {} chunks",
        chunks.len()
    );
}

#[test]
fn pauses_follow_the_marks_and_the_speed() {
    let text = format!(
        "{}.\n{}.",
        "one long paragraph ".repeat(8),
        "another long paragraph ".repeat(8)
    );
    let pause = |speed| plan("af_heart", speed, &text).expect("a plan")[0].pause_ms;
    let sentences = format!(
        "{}. {}.",
        "one long sentence ".repeat(8),
        "another long sentence ".repeat(8)
    );
    let after_sentence = plan("af_heart", 1.0, &sentences).expect("a plan")[0].pause_ms;
    assert!(pause(1.0) > after_sentence && after_sentence > 200);
    assert_eq!(pause(2.0), pause(1.0) / 2);
}

#[test]
fn foreign_texts_are_spoken_whole_too() {
    for (voice, text) in [
        (
            "ef_dora",
            "Hola, ¿cómo estás? El niño pequeño juega en el jardín con veinticinco perros y la guitarra.",
        ),
        (
            "ff_siwis",
            "Le garçon mange un œuf et un bon vin blanc pendant l'été, c'est très agréable aujourd'hui.",
        ),
        (
            "hf_alpha",
            "नमस्ते, आप कैसे हैं? मैं आज बाज़ार जाकर ताज़ी सब्ज़ियाँ और भारत की घड़ी ख़रीदूँगा।",
        ),
        (
            "if_sara",
            "Buongiorno, gli gnocchi della nonna sono buonissimi e la pizza è già pronta, mezzo zaino.",
        ),
        (
            "pf_dora",
            "Amanhã vamos à praia com as crianças e o coração cheio de alegria; não tenho relógio.",
        ),
    ] {
        let said = phonemes(voice, text);
        // espeak-ng joins some small words, so not quite one group of phonemes for each word.
        let (heard, written) = (words(&said), text.split_whitespace().count());
        assert!(
            heard * 4 >= written * 3,
            "{voice}: {heard} of {written}: {said}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_text_only_known_phonemes_and_no_overlong_run(
        text in "(\\PC{1,12} |[a-zé]{1,9}ing |[A-Z]{1,4}[0-9.,:$-]{0,4} |[a-z]{1,9}[.,!?]? ){1,30}",
        voice in prop::sample::select(vec!["af_heart", "bm_george", "ef_dora", "ff_siwis", "hf_alpha", "if_sara", "pf_dora"]),
    ) {
        let Ok(chunks) = plan(voice, 1.0, &text) else { return Ok(()) };
        prop_assert!(!chunks.is_empty());
        for chunk in chunks {
            prop_assert!((1..=RUN).contains(&chunk.phonemes.chars().count()));
            prop_assert!(chunk.phonemes.chars().all(|phoneme| KNOWN.contains_key(&phoneme)), "{}", chunk.phonemes);
        }
    }
}
