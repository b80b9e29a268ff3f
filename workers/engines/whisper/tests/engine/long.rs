//! Recordings longer than a window.

use voicefleet_core::Pcm;

use crate::{
    audio::{JFK, JFK_TIMES, RATE, jfk, part, pcm, silence},
    support::{TINY_EN, TINY_EN_CT2, edits, engine, hear, plain, spoken, timed},
};

const LONGEST: usize = 30 * RATE;

/// The clip over and over, this many times.
fn repeated(times: usize, between: &[f32]) -> Pcm {
    let clip = jfk().samples;
    pcm((0..times)
        .flat_map(|_| [clip.as_slice(), between].concat())
        .collect())
}

#[test]
fn windows_are_short_and_no_word_is_lost_at_a_cut() {
    no_word_is_lost_at_a_cut(TINY_EN);
}

#[test]
fn windows_of_ctranslate2_are_short_and_no_word_is_lost_at_a_cut() {
    no_word_is_lost_at_a_cut(TINY_EN_CT2);
}

fn no_word_is_lost_at_a_cut(model: &str) {
    let audio = repeated(8, &silence(3));
    assert!(audio.seconds() > 90.0);
    let engine = engine(model);
    let windows = engine.plan(&audio).expect("the test's own audio");
    assert!(windows.len() >= 4);
    assert!(
        windows
            .iter()
            .all(|window| window.end - window.start <= LONGEST)
    );
    let segments = hear(&*engine, &audio);
    // A model may mishear "my" as "am I" where a window begins with it; a lost sentence is eight words.
    let wrong = edits(&spoken(&segments), &vec![plain(JFK); 8].concat());
    assert!(wrong <= 4, "{wrong} of 176 words are wrong");
    // The times are those of the recording, not of the windows.
    let period = 11.3;
    let words = timed(&segments);
    let fellows = words.iter().filter(|word| word.word == "fellow");
    let (_, said, _) = JFK_TIMES[3];
    let mut repetitions = 0;
    for (word, number) in fellows.zip(0_u8..) {
        let start = said + period * f64::from(number);
        assert!(
            (word.start - start).abs() < 0.3,
            "{word:?} begins at {start}"
        );
        repetitions += 1;
    }
    assert_eq!(repetitions, 8);
}

#[test]
fn speech_without_a_pause_is_cut_between_words() {
    cut_between_words(TINY_EN);
}

#[test]
fn speech_without_a_pause_is_cut_between_words_for_ctranslate2() {
    cut_between_words(TINY_EN_CT2);
}

fn cut_between_words(model: &str) {
    // Two of the clip's sentences without the pauses between them.
    let clip = jfk();
    let sentences = [part(&clip, 54, 76), part(&clip, 82, 105)].concat();
    let text = plain(JFK)[7..].to_vec();
    let audio = pcm(vec![sentences; 14].concat());
    assert!(audio.seconds() > 55.0);
    let engine = engine(model);
    let windows = engine.plan(&audio).expect("the test's own audio");
    assert!(
        windows
            .iter()
            .all(|window| window.end - window.start <= LONGEST)
    );
    let wrong = edits(&spoken(&hear(&*engine, &audio)), &vec![text; 14].concat());
    assert!(wrong <= 4, "{wrong} of 210 words are wrong");
}
