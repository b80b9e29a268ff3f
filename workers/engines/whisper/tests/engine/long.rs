//! Recordings longer than a window.

use voicefleet_core::Pcm;

use crate::{
    audio::{JFK, JFK_TIMES, RATE, jfk, part, pcm, silence},
    support::{TINY_EN, engine, hear, plain, spoken, timed},
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
    let audio = repeated(8, &silence(3));
    assert!(audio.seconds() > 90.0);
    let engine = engine(TINY_EN);
    let windows = engine.plan(&audio).unwrap();
    assert!(windows.len() >= 4);
    assert!(
        windows
            .iter()
            .all(|window| window.end - window.start <= LONGEST)
    );
    let segments = hear(&*engine, &audio);
    assert_eq!(spoken(&segments), vec![plain(JFK); 8].concat());
    // The times are those of the recording, not of the windows.
    let period = 11.3;
    for (index, word) in timed(&segments).iter().enumerate() {
        let (_, start, _) = JFK_TIMES[index % 22];
        let start = start + period * f64::from(u32::try_from(index / 22).unwrap());
        assert!(
            (word.start - start).abs() < 0.35,
            "{word:?} begins at {start}"
        );
    }
}

#[test]
fn speech_without_a_pause_is_cut_between_words() {
    // The clip's sentences without the pauses between them, so that no silence is longer than 0.15 s.
    let clip = jfk();
    let sentences = [
        part(&clip, 3, 22),
        part(&clip, 33, 43),
        part(&clip, 54, 76),
        part(&clip, 82, 105),
    ];
    let text = plain(JFK);
    let audio = pcm(vec![sentences.concat(); 8].concat());
    assert!(audio.seconds() > 55.0);
    let engine = engine(TINY_EN);
    let windows = engine.plan(&audio).unwrap();
    assert!(
        windows
            .iter()
            .all(|window| window.end - window.start <= LONGEST)
    );
    let heard = spoken(&hear(&*engine, &audio));
    assert_eq!(heard, vec![text; 8].concat());
}
