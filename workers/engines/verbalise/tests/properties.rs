//! What holds for every text.

use proptest::prelude::*;
use voicefleet_verbalise::verbalise;

/// Words that are no abbreviation, no unit and no month.
fn prose() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "The",
        "quick",
        "brown",
        "fox",
        "jumps",
        "over",
        "a",
        "lazy",
        "dog",
        "it's",
        "I",
        "don\u{2019}t",
        "well-known",
        "caf\u{e9}",
        "NASA",
        "said",
        "\u{201c}Yes\u{201d}",
        "(maybe)",
        "may",
        "march",
        "no",
        "in",
        "at",
        "am",
        "street",
        "na\u{ef}ve",
        "\u{2014}",
    ]);
    let end = prop::sample::select(vec![
        " ",
        ", ",
        ". ",
        "! ",
        "? ",
        "; ",
        ": ",
        "\u{2026} ",
        "\n",
    ]);
    prop::collection::vec((word, end), 0..40).prop_map(|words| {
        words
            .into_iter()
            .map(|(word, end)| word.to_owned() + end)
            .collect()
    })
}

/// Pieces that the passes look for, in any order.
fn conventions() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "$",
        "5",
        "1999",
        ".",
        ",",
        "-",
        "\u{2013}",
        "/",
        ":",
        " ",
        " ",
        " ",
        "Dr.",
        "St.",
        "A",
        "B.",
        "pm",
        "a.m.",
        "March",
        "Jan.",
        "kg",
        "km/h",
        "%",
        "\u{b0}C",
        "#",
        "@",
        "&",
        "+",
        "=",
        "x",
        "10",
        "0",
        "01",
        "st",
        "th",
        "s",
        "k",
        "M",
        "No.",
        "etc.",
        "U.S.",
        "Henry",
        "IV",
        "http://",
        "www.",
        "example.com",
        "a",
        "(",
        ")",
        "\u{bd}",
        "'",
        "\"",
        "\u{20ac}",
        "bn",
        "^",
        "*",
        "_",
        "T",
        "e",
        "the",
        "\n",
        "\u{1f44d}",
        "\u{a0}",
        "[",
        "](",
        "<",
        ">",
        "~",
    ]);
    prop::collection::vec(piece, 0..25).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn plain_prose_is_left_alone(text in prose()) {
        prop_assert_eq!(verbalise(&text), text);
    }

    #[test]
    fn saying_it_twice_changes_nothing(text in prop_oneof![conventions(), "\\PC{0,60}"]) {
        let once = verbalise(&text);
        prop_assert_eq!(verbalise(&once), once);
    }

    #[test]
    fn no_digit_is_left(text in prop_oneof![conventions(), "[ -~]{0,60}"]) {
        let said = verbalise(&text);
        prop_assert!(!said.contains(|c: char| c.is_ascii_digit()), "{}", said);
    }

    #[test]
    fn a_number_can_be_heard_back(number in prop_oneof![0..1100u64, 2100..1_000_000_000_000u64]) {
        prop_assert_eq!(heard(&verbalise(&number.to_string())), Some(number));
    }

    #[test]
    fn words_are_kept_in_order(words in prop::collection::vec("[b-z]{5,9}", 1..8), gaps in prop::collection::vec(conventions(), 8)) {
        let pieces: Vec<String> = words.iter().zip(&gaps).map(|(word, gap)| format!(" {word} {gap} ")).collect();
        let text = pieces.concat();
        let said = verbalise(&text.replace("](", " "));
        let mut rest = said.as_str();
        for word in &words {
            let at = rest.find(word.as_str());
            prop_assert!(at.is_some(), "{} is missing in {}", word, said);
            rest = &rest[at.unwrap_or(0) + word.len()..];
        }
    }
}

/// The number that the words mean.
fn heard(words: &str) -> Option<u64> {
    const SMALL: [&str; 20] = [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ];
    const TENS: [&str; 8] = [
        "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
    ];
    let (mut total, mut group) = (0, 0);
    for word in words.split(' ') {
        let place = |names: &[&str]| {
            names
                .iter()
                .position(|name| *name == word)
                .map(|at| at as u64)
        };
        match word {
            "hundred" => group *= 100,
            "thousand" => (total, group) = (total + group * 1_000, 0),
            "million" => (total, group) = (total + group * 1_000_000, 0),
            "billion" => (total, group) = (total + group * 1_000_000_000, 0),
            _ => group += place(&SMALL).or_else(|| place(&TENS).map(|tens| (tens + 2) * 10))?,
        }
    }
    Some(total + group)
}
