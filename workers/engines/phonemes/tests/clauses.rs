//! espeak-ng as a caller sees it, with the real data.

use std::thread;

use proptest::prelude::*;
use voicefleet_phonemes::{Clause, Espeak, EspeakError};
use voicefleet_testkit::model_file;

fn espeak() -> Espeak {
    Espeak::open(&model_file("espeak-ng-data")).expect("the real data")
}

fn english(text: &str) -> Vec<Clause> {
    espeak().clauses("en-us", text).expect("English")
}

fn clause(phonemes: &str, terminator: Option<char>, ends_sentence: bool) -> Clause {
    Clause {
        phonemes: phonemes.to_owned(),
        terminator,
        ends_sentence,
    }
}

#[test]
fn each_mark_is_told_apart() {
    let text = "One, two; three: four. Five? Six! Seven";
    let expected = [
        clause("wˌʌn", Some(','), false),
        clause("tˈuː", Some(';'), false),
        clause("θɹˈiː", Some(':'), false),
        clause("fˈɔːɹ", Some('.'), true),
        clause("fˈaɪv", Some('?'), true),
        clause("sˈɪks", Some('!'), true),
        clause("sˈɛvən", None, true),
    ];
    assert_eq!(english(text), expected);
}

#[test]
fn a_voice_without_that_name_is_an_error() {
    for voice in ["xx-nowhere", "", "../lang/gmw/en", "en us", &"a".repeat(80)] {
        let error = espeak().clauses(voice, "text").unwrap_err();
        assert_eq!(error, EspeakError::UnknownVoice(voice.to_owned()));
    }
    assert_eq!(english("yes"), [clause("jˈɛs", None, true)]);
}

#[test]
fn control_characters_are_refused_with_their_place() {
    for character in ['\0', '\u{1}', '\u{2}', '\u{1b}', '\u{7f}'] {
        let text = format!("né{character}V");
        let expected = EspeakError::ControlCharacter {
            character,
            position: 3,
        };
        assert_eq!(espeak().clauses("en-us", &text), Err(expected));
    }
}

#[test]
fn unusable_data_folders_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("nothing");
    for (path, reason) in [
        (missing.as_path(), "No such file"),
        (folder.path(), "phontab"),
    ] {
        let message = Espeak::open(path).unwrap_err().to_string();
        assert!(message.contains(&*path.to_string_lossy()), "{message}");
        // Another test of this process may have opened the real folder already.
        assert!(
            message.contains(reason) || message.contains("this process uses"),
            "{message}"
        );
    }
}

#[test]
fn a_second_folder_is_refused_and_the_first_goes_on() {
    let first = espeak();
    let folder = tempfile::tempdir().unwrap();
    let error = Espeak::open(folder.path()).unwrap_err();
    assert!(matches!(error, EspeakError::OtherData { .. }), "{error}");
    assert_eq!(
        first.clauses("en-us", "yes"),
        espeak().clauses("en-us", "yes")
    );
}

#[test]
fn a_text_does_not_depend_on_the_one_before() {
    let long = "word ".repeat(400);
    let texts = [
        "and so", "Wait…", "(", "ça va", "a, b,", "Is it?", "", &long,
    ];
    let alone = texts.map(english);
    for before in texts {
        for (text, expected) in texts.iter().zip(&alone) {
            english(before);
            assert_eq!(&english(text), expected, "'{text}' after '{before}'");
            espeak().clauses("fr", before).unwrap();
            assert_eq!(&english(text), expected, "'{text}' after French");
        }
    }
}

#[test]
fn threads_with_different_voices_do_not_disturb_each_other() {
    let cases = [
        ("en-us", "Good morning, how are you?"),
        ("de", "Guten Morgen, wie geht es?"),
    ];
    let alone = cases.map(|(voice, text)| espeak().clauses(voice, text).unwrap());
    thread::scope(|scope| {
        for ((voice, text), expected) in cases.iter().zip(&alone).cycle().take(4) {
            scope.spawn(move || {
                for _ in 0..50 {
                    assert_eq!(&espeak().clauses(voice, text).unwrap(), expected);
                }
            });
        }
    });
}

/// Each of these has made espeak-ng write past the end of a buffer.
#[test]
fn texts_that_overrun_espeak_ng_are_spoken() {
    for text in ["A.", "é.", "…V .", "'日 [<`", "e|", "a1"] {
        let clauses = english(&text.repeat(400));
        assert!(
            clauses.iter().any(|clause| !clause.phonemes.is_empty()),
            "{text}"
        );
    }
}

/// Each of these has made espeak-ng read before the start of its phonemes.
#[test]
fn scripts_that_meet_in_a_word_are_survived() {
    for voice in ["en-us", "it", "hi"] {
        for text in [
            "mऑ-ऽ",
            "५-तट",
            "Xब-ॠ",
            "ॎऽà॓",
            "ॳऽvॱ",
            "Ꮆóᢦ",
            "Ꮖjॕ",
            ".-ɣ",
            ".-ॺ",
            "..-ɣa",
            "'-ɣ hello",
        ] {
            espeak().clauses(voice, text).unwrap();
        }
    }
}

#[test]
fn a_clause_without_end_is_one_sentence() {
    let clauses = english(&"and then we went on and on ".repeat(100));
    let words = |clause: &Clause| clause.phonemes.split(' ').count();
    assert_eq!(clauses.iter().map(words).sum::<usize>(), 700);
    let (last, cut) = clauses.split_last().unwrap();
    assert!(last.ends_sentence && !cut.is_empty());
    assert!(
        cut.iter()
            .all(|c| !c.ends_sentence && c.terminator.is_none())
    );
}

/// Where a clause is taken to end, so that another may begin, espeak-ng must end it too.
#[test]
fn every_clause_ends_where_its_length_is_counted_to() {
    for mark in [
        ", ", "; ", ": ", "? ", "! ", "，", "。", "；", "：", "？", "！", ". A",
    ] {
        for voice in ["en-us", "de", "hu", "ru", "cmn", "ar"] {
            let clauses = espeak().clauses(voice, &format!("so{mark}so")).unwrap();
            assert_eq!(clauses.len(), 2, "{voice} '{mark}'");
        }
    }
}

proptest! {
    #[test]
    fn any_text_comes_to_an_end(text in "(\\PC|[\\[\\]().,;:!?<&'\"\u{2026}\u{1f600} \n-]|[0-9]{1,40}){0,400}") {
        let clauses = english(&text);
        prop_assert!(clauses.last().is_some());
    }
}
