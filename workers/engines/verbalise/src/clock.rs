//! Times of day.

use std::sync::LazyLock;

use regex::Regex;

use crate::{
    rewrite::{pattern, rewrite},
    sentence::ends_here,
    words::cardinal,
};

const HALF: &str = r"(a\.m\.|p\.m\.|A\.M\.|P\.M\.|[aApP][mM]\b)";

static CLOCK: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"\b([01]?[0-9]|2[0-4]):([0-5][0-9])(?::([0-5][0-9]))?(?:[\s\u{{a0}}\u{{202f}}]?{HALF})?"
    ))
});
static HOUR: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"\b(?:(1[0-2]|[1-9])(:[0-5][0-9])?\s?(?:[-–—]|to)\s?)?(1[0-2]|[1-9])(:[0-5][0-9])?[\s\u{{a0}}\u{{202f}}]?{HALF}"
    ))
});

/// Times in words: "ten thirty PM", "five o'clock", "seventeen forty five".
pub(crate) fn times(text: &str) -> String {
    let text = rewrite(text, &HOUR, |found, around| {
        if around.joined_left(".,:$€£-–/") {
            return None;
        }
        let from = found.get(1).map(|hour| {
            let minutes = found.get(2).map(|minutes| &minutes.as_str()[1..]);
            format!("{} to ", read(hour.as_str(), minutes))
        });
        let minutes = found.get(4).map(|minutes| &minutes.as_str()[1..]);
        let half = half_of_day(&found[5], around.after);
        Some(format!(
            "{}{} {half}",
            from.unwrap_or_default(),
            read(&found[3], minutes)
        ))
    });
    rewrite(&text, &CLOCK, |found, around| {
        if around.joined_left(".,:$€£-")
            || around
                .after
                .starts_with(|c: char| c.is_ascii_digit() || c == ':')
        {
            return None;
        }
        let half = found
            .get(4)
            .map(|half| half_of_day(half.as_str(), around.after));
        let clock = match (&found[1], &found[2], found.get(3), &half) {
            ("00" | "0" | "24", "00", None, None) => "midnight".to_owned(),
            (hour, "00", None, None) => full_hour(hour),
            (hour, minutes, _, _) => read(hour, Some(minutes)),
        };
        let seconds = found.get(3).map(|seconds| match seconds.as_str() {
            "00" => String::new(),
            "01" => " and one second".to_owned(),
            seconds => format!(" and {} seconds", cardinal(seconds)),
        });
        let half = half.map(|half| format!(" {half}")).unwrap_or_default();
        Some(format!("{clock}{}{half}", seconds.unwrap_or_default()))
    })
}

fn full_hour(hour: &str) -> String {
    match hour.parse::<u8>() {
        Ok(1..=12) => format!("{} o'clock", cardinal(hour)),
        _ => format!("{} hundred", cardinal(hour)),
    }
}

/// "ten", "ten thirty", "ten oh five".
fn read(hour: &str, minutes: Option<&str>) -> String {
    let hour = cardinal(hour);
    match minutes {
        None | Some("00") => hour,
        Some(minutes) if minutes.starts_with('0') => format!("{hour} oh {}", cardinal(minutes)),
        Some(minutes) => format!("{hour} {}", cardinal(minutes)),
    }
}

fn half_of_day(written: &str, after: &str) -> String {
    let half = if written.starts_with(['a', 'A']) {
        "AM"
    } else {
        "PM"
    };
    if written.ends_with('.') && ends_here(after) && !after.starts_with('.') {
        format!("{half}.")
    } else {
        half.to_owned()
    }
}
