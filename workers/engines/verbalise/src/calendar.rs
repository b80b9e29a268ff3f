//! Dates, spans of years and decades. Days written in figures alone are month first, as in America,
//! unless that gives no date.

use std::sync::LazyLock;

use regex::Regex;

use crate::{
    rewrite::{pattern, rewrite},
    words::{cardinal, ordinal, year},
};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const MONTH: &str = r"\b(Jan(?:uary|\.)?|Feb(?:ruary|\.)?|Mar(?:ch|\.)?|Apr(?:il|\.)?|May|June?\.?|July?\.?|Aug(?:ust|\.)?|Sept?(?:ember|\.)?|Oct(?:ober|\.)?|Nov(?:ember|\.)?|Dec(?:ember|\.)?)";
const DAY: &str = r"(0?[1-9]|[12][0-9]|3[01])";
const YEAR: &str = r"([12][0-9]{3})";

static ISO: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"\b{YEAR}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])(?:T([0-9]{{2}}:[0-9]{{2}}(?::[0-9]{{2}})?)(?:\.[0-9]+)?Z?)?\b"
    ))
});
static FIGURES: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\b([0-9]{1,2})([/.-])([0-9]{1,2})([/.-])([12][0-9]{3}|[0-9]{2})\b"));
static MONTH_DAY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"{MONTH}\s{DAY}(?:st|nd|rd|th)?(?:\s?[-–—]\s?{DAY}(?:st|nd|rd|th)?)?\b(?:(,?\s){YEAR}\b)?"
    ))
});
static DAY_MONTH: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"\b(the\s|The\s)?{DAY}(?:st|nd|rd|th)?\s(?:of\s)?{MONTH}(?:(,?\s){YEAR}\b)?"
    ))
});
static MONTH_YEAR: LazyLock<Regex> = LazyLock::new(|| pattern(&format!(r"{MONTH}\s{YEAR}\b")));
/// Only those that are no name and no other word.
static LONE_MONTH: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b(Feb|Aug|Sept|Oct|Nov|Dec)\."));
static YEAR_SPAN: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\b([12][0-9]{3})\s?[-–—]\s?([12][0-9]{3}|[0-9]{2})\b"));
static DECADE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?:\b([12][0-9])|(['’‘]))?([0-9])0['’]?s\b"));

/// Before a bare `20s` these make it a decade; else it may be twenty seconds.
const DECADE_AFTER: [&str; 12] = [
    "the", "The", "his", "her", "their", "my", "your", "mid", "early", "late", "low", "high",
];

/// Dates in words: "January fifteenth, twenty twenty four".
pub(crate) fn dates(text: &str) -> String {
    let text = rewrite(text, &ISO, |found, around| {
        let time = found
            .get(4)
            .map_or(String::new(), |time| format!(" at {}", time.as_str()));
        let date = say(month(found[2].parse().ok()?)?, &found[3], Some(&found[1]));
        (!around.joined_left("-/.") && !around.joined_right("-/")).then(|| date + &time)
    });
    let text = rewrite(&text, &FIGURES, |found, around| {
        if found[2] != found[4] || around.joined_left("-/.") || around.joined_right("-/") {
            return None;
        }
        let (first, second): (usize, usize) = (found[1].parse().ok()?, found[3].parse().ok()?);
        let european = first > 12 || &found[2] == ".";
        let (month_number, day) = if european {
            (second, first)
        } else {
            (first, second)
        };
        if !(1..=31).contains(&day) || (&found[2] == "-" && found[5].len() == 2) {
            return None;
        }
        Some(say(month(month_number)?, &day.to_string(), Some(&found[5])))
    });
    let text = rewrite(&text, &DAY_MONTH, |found, around| {
        let month = month_called(&found[3]);
        if around.joined_left("-–/.,:$") {
            return None;
        }
        let the = found.get(1).map_or("the ", |the| the.as_str());
        let year = year_after(found.get(4), found.get(5));
        Some(format!("{the}{} of {month}{year}", ordinal(&found[2])))
    });
    let text = rewrite(&text, &MONTH_DAY, |found, around| {
        if around.after.starts_with([':', '/']) || decimal_follows(around.after) {
            return None;
        }
        let to = found.get(3).map_or(String::new(), |day| {
            format!(" to {}", ordinal(day.as_str()))
        });
        let year = year_after(found.get(4), found.get(5));
        Some(format!(
            "{} {}{to}{year}",
            month_called(&found[1]),
            ordinal(&found[2])
        ))
    });
    let text = rewrite(&text, &MONTH_YEAR, |found, _| {
        Some(format!("{} {}", month_called(&found[1]), year(&found[2])))
    });
    let text = rewrite(&text, &LONE_MONTH, |found, around| {
        Some(crate::sentence::keep_stop(
            month_called(&found[1]),
            around.after,
        ))
    });
    spans(&text)
}

fn spans(text: &str) -> String {
    let text = rewrite(text, &YEAR_SPAN, |found, around| {
        let (from, to) = (&found[1], &found[2]);
        let end = if to.len() == 2 { &from[2..] } else { from };
        if to <= end
            || around.joined_left("-–.,$/")
            || around.joined_right("-–/%")
            || decimal_follows(around.after)
        {
            return None;
        }
        let to = if to.len() == 2 {
            cardinal(to)
        } else {
            year(to)
        };
        Some(format!("{} to {to}", year(from)))
    });
    rewrite(&text, &DECADE, |found, around| {
        if around.joined_left("$€£.,") {
            return None;
        }
        let tens = [
            "thousands",
            "tens",
            "twenties",
            "thirties",
            "forties",
            "fifties",
            "sixties",
            "seventies",
            "eighties",
            "nineties",
        ];
        let decade: usize = found[3].parse().ok()?;
        Some(
            match (found.get(1).map(|century| century.as_str()), decade) {
                (None, 0) => return None,
                (None, _)
                    if found.get(2).is_none() && !DECADE_AFTER.contains(&around.word_before()) =>
                {
                    return None;
                }
                (None, _) => tens[decade].to_owned(),
                (Some(thousand @ ("10" | "20")), 0) => {
                    format!("{} thousands", cardinal(&thousand[..1]))
                }
                (Some(century), 0) => format!("{} hundreds", cardinal(century)),
                (Some(century), _) => format!("{} {}", cardinal(century), tens[decade]),
            },
        )
    })
}

fn say(month: &str, day: &str, year_digits: Option<&str>) -> String {
    let day = ordinal(day);
    match year_digits {
        None => format!("{month} {day}"),
        Some(digits) if digits.len() == 2 => {
            format!("{month} {day}, {}", crate::words::label(digits))
        }
        Some(digits) => format!("{month} {day}, {}", year(digits)),
    }
}

fn year_after(gap: Option<regex::Match<'_>>, digits: Option<regex::Match<'_>>) -> String {
    match (gap, digits) {
        (Some(_), Some(digits)) => format!(", {}", year(digits.as_str())),
        _ => String::new(),
    }
}

fn decimal_follows(after: &str) -> bool {
    let mut next = after.chars();
    matches!(next.next(), Some('.' | ',')) && next.next().is_some_and(|c| c.is_ascii_digit())
}

fn month(number: usize) -> Option<&'static str> {
    MONTHS.get(number.checked_sub(1)?).copied()
}

/// The full name of a month that the patterns above found.
fn month_called(name: &str) -> &'static str {
    let start = name.trim_end_matches('.');
    let start = if start.len() > 3 { &start[..3] } else { start };
    MONTHS
        .iter()
        .find(|month| month.starts_with(start))
        .unwrap_or(&"")
}
