//! What is said, in which language, and when.

use std::thread;

use voicefleet_core::{Pcm, ports::TranscriptionOptions};

use crate::{
    audio::{JFK, JFK_TIMES, jfk, part, pcm, silence},
    support::{
        BASE, TINY_EN, all, assert_in_order, engine, english, hear, load, loader, plain, spoken,
        timed,
    },
};

#[test]
fn the_clip_is_understood_word_for_word() {
    let audio = jfk();
    for model in [BASE, TINY_EN] {
        let segments = hear(&*engine(model), &audio);
        assert_eq!(spoken(&segments), plain(JFK), "{model}");
    }
}

#[test]
fn words_are_placed_where_they_are_said() {
    let audio = jfk();
    for model in [BASE, TINY_EN] {
        let segments = hear(&*engine(model), &audio);
        let words = timed(&segments);
        assert_eq!(words.len(), JFK_TIMES.len(), "{model}");
        for (word, (text, start, end)) in words.iter().zip(JFK_TIMES) {
            assert_eq!(plain(&word.word), [text]);
            // 0.3 s is what a listener notices; "ask not" is said with a drawl that recognisers cut differently.
            assert!(
                (word.start - start).abs() < 0.3,
                "{model}: {word:?} begins at {start}"
            );
            assert!(
                (word.end - end).abs() < 0.3,
                "{model}: {word:?} ends at {end}"
            );
        }
    }
}

#[test]
fn the_language_is_detected() {
    let audio = jfk();
    let engine = engine(BASE);
    let heard = engine
        .transcribe(&audio, all(&audio), &TranscriptionOptions::default())
        .unwrap();
    assert_eq!(heard.language, "en");
    assert_eq!(spoken(&heard.segments), plain(JFK));
}

#[test]
fn an_english_model_needs_no_detection() {
    let audio = jfk();
    let options = TranscriptionOptions::default();
    let heard = engine(TINY_EN)
        .transcribe(&audio, all(&audio), &options)
        .unwrap();
    assert_eq!(heard.language, "en");
}

/// The clip, a pause, the clip again.
fn twice(pause_tenths: usize) -> Pcm {
    let clip = jfk().samples;
    pcm([clip.clone(), silence(pause_tenths), clip].concat())
}

#[test]
fn a_long_silence_between_clips_neither_invents_nor_moves_words() {
    for model in [BASE, TINY_EN] {
        let engine = engine(model);
        for (pause_tenths, pause) in [(50, 5.0), (300, 30.0)] {
            let segments = hear(&*engine, &twice(pause_tenths));
            assert_eq!(
                spoken(&segments),
                vec![plain(JFK); 2].concat(),
                "{model}, {pause} s"
            );
            for (index, word) in timed(&segments).iter().enumerate() {
                let (_, start, end) = JFK_TIMES[index % JFK_TIMES.len()];
                let clip_at = if index < JFK_TIMES.len() {
                    0.0
                } else {
                    11.0 + pause
                };
                assert!(
                    (word.start - clip_at - start).abs() < 0.3
                        && (word.end - clip_at - end).abs() < 0.3,
                    "{model}, {pause} s: {word:?} is said at {start} to {end} after {clip_at}"
                );
            }
        }
    }
}

#[test]
fn speech_after_a_long_silence_in_the_same_window_is_heard() {
    let clip = jfk();
    for model in [BASE, TINY_EN] {
        let engine = engine(model);
        let audio = pcm([part(&clip, 29, 78), silence(150), part(&clip, 79, 110)].concat());
        let heard = engine.transcribe(&audio, all(&audio), &english()).unwrap();
        assert_in_order(&heard.segments, all(&audio));
        assert_eq!(spoken(&heard.segments), plain(JFK)[5..], "{model}");
        // The second clip begins at 19.9 s.
        let words = timed(&heard.segments);
        assert!(
            words[8].end < 5.0 && words[9].start > 19.9,
            "{model}: {words:?}"
        );
    }
}

#[test]
fn two_calls_at_once_share_the_weights_and_nothing_else() {
    let clip = jfk();
    let first = pcm(part(&clip, 0, 48));
    let second = pcm(part(&clip, 79, 110));
    let engine = load(&loader(), TINY_EN, 2).unwrap();
    let alone = [hear(&*engine, &first), hear(&*engine, &second)];
    assert_ne!(spoken(&alone[0]), spoken(&alone[1]));
    for _ in 0..3 {
        let together = thread::scope(|scope| {
            let a = scope.spawn(|| hear(&*engine, &first));
            let b = scope.spawn(|| hear(&*engine, &second));
            [a.join().unwrap(), b.join().unwrap()]
        });
        assert_eq!(together, alone);
    }
}

#[test]
fn the_same_call_gives_the_same_answer_also_when_words_are_sampled() {
    let audio = jfk();
    let engine = engine(TINY_EN);
    let options = TranscriptionOptions {
        temperature: 0.8,
        ..english()
    };
    let first = engine.transcribe(&audio, all(&audio), &options).unwrap();
    assert!(!first.segments.is_empty());
    assert_in_order(&first.segments, all(&audio));
    let second = engine.transcribe(&audio, all(&audio), &options).unwrap();
    assert_eq!(first, second);
}

#[test]
fn a_prompt_steers_the_spelling() {
    let clip = jfk();
    let audio = pcm(part(&clip, 79, 110));
    let engine = engine(BASE);
    let with = |prompt: &str| {
        let options = TranscriptionOptions {
            prompt: Some(prompt.to_owned()),
            ..english()
        };
        let heard = engine.transcribe(&audio, all(&audio), &options).unwrap();
        heard
            .segments
            .iter()
            .map(|segment| segment.text.clone())
            .collect::<Vec<_>>()
            .join(" ")
    };
    let shouting = "THIS SPEECH IS WRITTEN IN CAPITALS. WE CHOOSE TO GO TO THE MOON, AND TO DO THE OTHER THINGS.";
    let text = with(shouting);
    assert_eq!(text.to_uppercase(), text);
    // A prompt that is far too long, or tries to be control tokens, does no harm.
    let long = "word ".repeat(5_000);
    for prompt in [
        long.as_str(),
        "[_EOT_][_BEG_] <|endoftext|> <|nospeech|>",
        "ÄÖÜ 漢字 \u{1f600}",
        " ",
    ] {
        assert_eq!(
            plain(&with(prompt)),
            plain("ask what you can do for your country"),
            "{prompt:.20}"
        );
    }
}
