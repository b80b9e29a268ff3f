//! What is left of numbers: ordinals, fractions, ranges, arithmetic, years, decimals, plain numbers.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::{
    rewrite::{Around, pattern, rewrite},
    words::{cardinal, decimal, digit_by_digit, label, ordinal, year},
};

const NUMBER: &str = r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+";

static ORDINAL: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\b([0-9][0-9,]*)(st|nd|rd|th|ST|ND|RD|TH)\b"));
static FRACTION: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\b(?:([0-9]+)[\s-])?([0-9]{1,3})\s?[/⁄]\s?([0-9]{1,4})\b"));
static COUNTED: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?:\b(No|Nos|no)\.\s?|#\s?)([0-9]+)(?:\s?[-–]\s?([0-9]+))?\b"));
static MAGNITUDE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"\b([0-9]{1,3}(?:,[0-9]{3})+|[0-9]+(?:\.[0-9]+)?)\s?(k|K|M|mn|mln|bn|tn)\b")
});
static TIMES: LazyLock<Regex> =
    LazyLock::new(|| pattern(&format!(r"\b({NUMBER})\s?[x×*]\s?({NUMBER})\b")));
static FOLD: LazyLock<Regex> =
    LazyLock::new(|| pattern(&format!(r"\b({NUMBER})[x×]([\s.,;:!?)]|$)")));
static RANGE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"({NUMBER})(\s?[-–—]\s?|\s?:\s?)({NUMBER})(\s?=)?"
    ))
});
static SCIENTIFIC: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\b([0-9]+(?:\.[0-9]+)?)[eE]([+-]?)([0-9]{1,3})\b"));
static POWER: LazyLock<Regex> = LazyLock::new(|| pattern(r"\^\s?([-−]?)([0-9]+)\b"));
static PLAIN: LazyLock<Regex> =
    LazyLock::new(|| pattern(&format!(r"([-−]|[+±~≈<>≤≥]\s?)?({NUMBER})")));

/// Numbers in words. After this pass no ASCII digit is left.
pub(crate) fn numbers(text: &str) -> String {
    let text = rewrite(text, &SCIENTIFIC, |found, _| {
        let minus = if &found[2] == "-" { "minus " } else { "" };
        Some(format!(
            "{} times ten to the {minus}{}",
            decimal(&found[1]),
            cardinal(&found[3])
        ))
    });
    let text = rewrite(&text, &ORDINAL, |found, _| Some(ordinal(&found[1])));
    let text = rewrite(&text, &COUNTED, |found, around| {
        if around.joined_left("#&") || around.joined_right("") {
            return None;
        }
        let numbers = if found.get(3).is_some() {
            "numbers"
        } else {
            "number"
        };
        let to = found
            .get(3)
            .map(|to| format!(" to {}", cardinal(to.as_str())));
        Some(format!(
            "{numbers} {}{}",
            count(&found[2]),
            to.unwrap_or_default()
        ))
    });
    let text = rewrite(&text, &MAGNITUDE, magnitude);
    let text = rewrite(&text, &FRACTION, fraction);
    let text = rewrite(&text, &TIMES, |found, around| {
        Some(if around.after.trim_start().starts_with('=') {
            format!("{} times {}", count(&found[1]), count(&found[2]))
        } else {
            format!("{} by {}", side(&found[1]), side(&found[2]))
        })
    });
    let text = rewrite(&text, &FOLD, |found, _| {
        Some(format!("{} times{}", decimal(&found[1]), &found[2]))
    });
    let text = rewrite(&text, &POWER, |found, _| {
        let minus = if found[1].is_empty() { "" } else { "minus " };
        Some(match &found[2] {
            "2" if minus.is_empty() => " squared".to_owned(),
            "3" if minus.is_empty() => " cubed".to_owned(),
            exponent => format!(" to the power of {minus}{}", cardinal(exponent)),
        })
    });
    let text = rewrite(&text, &RANGE, range);
    rewrite(&text, &PLAIN, plain)
}

fn magnitude(found: &Captures<'_>, around: Around<'_>) -> Option<String> {
    if found[0].contains(' ') && found[2].len() == 1 || around.joined_left("-.,") {
        return None;
    }
    let name = match &found[2] {
        "k" | "K" => "thousand",
        "M" | "mn" | "mln" => "million",
        "bn" => "billion",
        _ => "trillion",
    };
    Some(format!("{} {name}", decimal(&found[1])))
}

fn fraction(found: &Captures<'_>, around: Around<'_>) -> Option<String> {
    if around.joined_left("/.,-") || around.joined_right("/") {
        return None;
    }
    let (above, below) = (&found[2], &found[3]);
    let words = match (above, below) {
        ("9", "11") if found.get(1).is_none() => return Some("nine eleven".to_owned()),
        ("24", "7") => return Some("twenty four seven".to_owned()),
        (_, "10" | "100" | "1000") => format!("{} out of {}", cardinal(above), cardinal(below)),
        (_, "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "12" | "16" | "20" | "32" | "64") => {
            part(above, below)
        }
        _ => format!("{} over {}", cardinal(above), cardinal(below)),
    };
    Some(match found.get(1) {
        None => words,
        Some(whole) if above == "1" => {
            let article = if below == "8" { "an" } else { "a" };
            let unit = words.split_once(' ').map_or("", |(_, unit)| unit);
            format!("{} and {article} {unit}", cardinal(whole.as_str()))
        }
        Some(whole) => format!("{} and {words}", cardinal(whole.as_str())),
    })
}

/// "three quarters", "one half".
fn part(above: &str, below: &str) -> String {
    let one = above == "1";
    let unit = match below {
        "2" if one => "half".to_owned(),
        "2" => "halves".to_owned(),
        "4" if one => "quarter".to_owned(),
        "4" => "quarters".to_owned(),
        _ if one => ordinal(below),
        _ => format!("{}s", ordinal(below)),
    };
    format!("{} {unit}", cardinal(above))
}

fn range(found: &Captures<'_>, around: Around<'_>) -> Option<String> {
    if around.joined_left(".,-–") {
        return None;
    }
    let (from, to) = (count(&found[1]), count(&found[3]));
    Some(match found.get(4) {
        Some(equals) if found[2].contains(' ') => format!("{from} minus {to}{}", equals.as_str()),
        Some(equals) => format!("{from} to {to}{}", equals.as_str()),
        None => format!("{from} to {to}"),
    })
}

fn plain(found: &Captures<'_>, around: Around<'_>) -> Option<String> {
    let number = &found[2];
    let sign = match found.get(1).map(|sign| sign.as_str().trim_end()) {
        None => "",
        Some("-" | "−") if around.joined_left(")") => " ",
        Some("-" | "−") => "minus ",
        Some("+") => "plus ",
        Some("±") => "plus or minus ",
        Some("~" | "≈") => "about ",
        Some("<") => "less than ",
        Some(">") => "more than ",
        Some("≤") => "at most ",
        Some("≥") => "at least ",
        Some(_) => return None,
    };
    let before = if sign.is_empty() && around.joined_left(".") {
        " "
    } else {
        ""
    };
    let after = if around.joined_right("") { " " } else { "" };
    Some(format!("{before}{sign}{}{after}", count(number)))
}

/// One side of an area or a screen: `1080` is "ten eighty".
fn side(number: &str) -> String {
    if (3..=4).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit()) {
        label(number)
    } else {
        decimal(number)
    }
}

/// A number as it is counted: a year where it looks like one, digits where it has a leading zero.
fn count(number: &str) -> String {
    let only_digits = number.bytes().all(|byte| byte.is_ascii_digit());
    let padded = only_digits && number.len() > 1 && number.starts_with('0');
    match number.parse::<u32>() {
        _ if padded => digit_by_digit(number),
        Ok(1100..=2099) if only_digits => year(number),
        _ => decimal(number),
    }
}
