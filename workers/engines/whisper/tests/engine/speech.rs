//! What is said, in which language, and when.

use std::thread;

use voicefleet_core::ports::TranscriptionOptions;

use crate::{
    audio::{JFK, JFK_TIMES, jfk, part, pcm, silence},
    support::{
        BASE, BASE_CT2, MODELS, TINY_EN, TINY_EN_CT2, all, assert_in_order, engine, english, hear,
        load, loader, plain, spoken, timed,
    },
};

#[test]
fn the_clip_is_understood_word_for_word() {
    let audio = jfk();
    for model in MODELS {
        let segments = hear(&*engine(model), &audio);
        assert_eq!(spoken(&segments), plain(JFK), "{model}");
    }
}

#[test]
fn what_was_planned_is_heard_as_what_was_not() {
    let audio = jfk();
    let window = engine(TINY_EN_CT2).plan(&audio).unwrap()[0];
    let engine = engine(TINY_EN_CT2);
    let heard = || engine.transcribe(&audio, window, &english()).unwrap();
    let alone = heard();
    for _ in 0..2 {
        assert_eq!(engine.plan(&audio).unwrap(), [window]);
        assert_eq!(heard(), alone);
    }
}

#[test]
fn words_are_placed_where_they_are_said() {
    let audio = jfk();
    for model in MODELS {
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
    for model in [BASE, BASE_CT2] {
        let heard = engine(model)
            .transcribe(&audio, all(&audio), &TranscriptionOptions::default())
            .unwrap();
        assert_eq!(heard.language, "en", "{model}");
        assert_eq!(spoken(&heard.segments), plain(JFK), "{model}");
    }
}

#[test]
fn an_english_model_needs_no_detection() {
    let audio = jfk();
    let options = TranscriptionOptions::default();
    for model in [TINY_EN, TINY_EN_CT2] {
        let heard = engine(model)
            .transcribe(&audio, all(&audio), &options)
            .unwrap();
        assert_eq!(heard.language, "en", "{model}");
    }
}

#[test]
fn a_long_silence_between_sentences_neither_invents_nor_moves_words() {
    let clip = jfk();
    // A pause put in after "Americans", after "not", and after "for you".
    for cut in [28, 48, 78] {
        let audio = pcm([part(&clip, 0, cut), silence(50), part(&clip, cut, 110)].concat());
        let cut = f64::from(u8::try_from(cut).unwrap()) / 10.0;
        for model in MODELS {
            let segments = hear(&*engine(model), &audio);
            let words = timed(&segments);
            assert_eq!(spoken(&segments), plain(JFK), "{model}, {cut}");
            for (word, (_, start, end)) in words.iter().zip(JFK_TIMES) {
                let moved = if start > cut { 5.0 } else { 0.0 };
                assert!(
                    (word.start - moved - start).abs() < 0.3
                        && (word.end - moved - end).abs() < 0.3,
                    "{model}, {cut}: {word:?} is said at {start} to {end}, {moved} s later"
                );
            }
        }
    }
}

#[test]
fn speech_after_a_long_silence_in_the_same_window_is_heard() {
    let clip = jfk();
    for model in MODELS {
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
    for model in [TINY_EN, TINY_EN_CT2] {
        let engine = load(&loader(), model, 2).unwrap();
        let alone = [hear(&*engine, &first), hear(&*engine, &second)];
        assert_ne!(spoken(&alone[0]), spoken(&alone[1]));
        for _ in 0..3 {
            let together = thread::scope(|scope| {
                let a = scope.spawn(|| hear(&*engine, &first));
                let b = scope.spawn(|| hear(&*engine, &second));
                [a.join().unwrap(), b.join().unwrap()]
            });
            assert_eq!(together, alone, "{model}");
        }
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
    prompt_steers(BASE);
}

#[test]
fn a_prompt_steers_the_spelling_of_ctranslate2_too() {
    prompt_steers(BASE_CT2);
}

fn prompt_steers(model: &str) {
    let clip = jfk();
    let audio = pcm(part(&clip, 79, 110));
    let engine = engine(model);
    let with = |prompt: &str| {
        let options = TranscriptionOptions {
            prompt: Some(prompt.to_owned()),
            ..english()
        };
        let heard = engine
            .transcribe(&audio, all(&audio), &options)
            .expect("the test's own audio");
        heard
            .segments
            .iter()
            .map(|segment| segment.text.clone())
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(with(""), "Ask what you can do for your country.");
    let careless = "no punctuation is used here and everything is in lower case ok so we go on";
    // Without its full stop; one of the two still begins it with a capital.
    assert_eq!(
        with(careless).to_lowercase(),
        "ask what you can do for your country"
    );
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
