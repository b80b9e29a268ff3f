//! Words made of letters and digits: `221B`, `COVID-19`, `GPT-4o`, `CO2`, `A1234-B`, `F-16`.

use std::sync::LazyLock;

use regex::Regex;

use crate::{
    rewrite::{pattern, rewrite},
    words::label,
};

static CODE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(#\s?)?\b((?:[A-Za-z]+[0-9][A-Za-z0-9]*|[0-9]+[A-Za-z][A-Za-z0-9]*|[A-Z][A-Za-z]*-[0-9]+[A-Za-z]*)(?:[-_][A-Za-z0-9]+)*)\b",
    )
});
/// Numbers with an ending that the pass over numbers knows.
static COUNTED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?:[0-9]+(?:st|nd|rd|th|ST|ND|RD|TH|k|M|mn|mln|bn|tn|x)|[0-9]{2,}K|[0-9]+[eE]-?[0-9]+|[0-9]+x[0-9]+)$",
    )
});
static PLURAL: LazyLock<Regex> = LazyLock::new(|| pattern(r"^([0-9]+)['’]?s$"));

/// Reads letter and digit groups one after the other; short groups of capitals letter by letter.
pub(crate) fn codes(text: &str) -> String {
    rewrite(text, &CODE, |found, around| {
        let code = &found[2];
        if COUNTED.is_match(code)
            || around.joined_left(".,")
            || !code.bytes().any(|byte| byte.is_ascii_digit())
        {
            return None;
        }
        let number = if found.get(1).is_some() {
            "number "
        } else {
            ""
        };
        if let Some(plural) = PLURAL.captures(code) {
            return Some(number.to_owned() + &several(&label(&plural[1])));
        }
        let spoken: Vec<String> = groups(code).into_iter().map(read).collect();
        Some(number.to_owned() + &spoken.join(" "))
    })
}

/// "sevens", "sixes", "twenties".
fn several(number: &str) -> String {
    match number.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if number.ends_with('x') => format!("{number}es"),
        None => format!("{number}s"),
    }
}

fn groups(code: &str) -> Vec<&str> {
    let mut groups = Vec::new();
    for part in code.split(['-', '_']) {
        let mut start = 0;
        for (at, pair) in part.as_bytes().windows(2).enumerate() {
            if pair[0].is_ascii_digit() != pair[1].is_ascii_digit() {
                groups.push(&part[start..=at]);
                start = at + 1;
            }
        }
        groups.push(&part[start..]);
    }
    groups
}

fn read(group: &str) -> String {
    if group.starts_with(|c: char| c.is_ascii_digit()) {
        return label(group);
    }
    let letters = group.len() <= 3 && group.bytes().all(|byte| byte.is_ascii_uppercase());
    if letters || group.len() == 1 {
        let letters: Vec<String> = group
            .chars()
            .map(|c| c.to_ascii_uppercase().to_string())
            .collect();
        return letters.join(" ");
    }
    group.to_owned()
}
