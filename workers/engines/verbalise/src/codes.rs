//! Digits that are read one by one: telephone and card numbers, IP addresses, versions.

use std::sync::LazyLock;

use regex::Regex;

use crate::{
    rewrite::{pattern, rewrite},
    words::{cardinal, decimal, digit_by_digit, label},
};

static PHONE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\+[0-9]{1,3}(?:[ .-]?\(?[0-9]{1,4}\)?){2,5}|(?:\b1[ .-])?\([0-9]{3}\)[ .-]?[0-9]{3}[ .-][0-9]{4}|\b(?:1[ .-])?[0-9]{3}[ .-][0-9]{3}[ .-][0-9]{4}|\b[0-9]{3}-[0-9]{4}\b",
    )
});
static DIALLED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b([Cc]all(?:ed|ing)?|[Dd]ial(?:ed|ing)?|[Pp]hone|[Tt]ext|extension|ext\.?|PIN|zip code|ZIP code|code)(\s(?:is\s|number\s)?)([0-9]{3,})\b",
    )
});
/// Card numbers, ISBNs and other chains of at least three groups.
static CHAIN: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\b[0-9]+(?:-[0-9]+){2,}\b|\b[0-9]{4}(?: [0-9]{4}){2,4}\b"));
static IP: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b[0-9]{1,3}(?:\.[0-9]{1,3}){3}\b"));
static VERSION: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b(v|V)?([0-9]+(?:\.[0-9]+)+)\b"));

/// Telephone numbers, addresses and versions in words. Groups of digits are set apart by commas.
pub(crate) fn digit_groups(text: &str) -> String {
    let text = rewrite(text, &PHONE, |number, around| {
        let glued = around.joined_left("-.$€£") || around.joined_right("-");
        (!glued).then(|| {
            let plus = if number[0].starts_with('+') {
                "plus "
            } else {
                ""
            };
            format!("{plus}{}", groups(&number[0]))
        })
    });
    let text = rewrite(&text, &DIALLED, |found, around| {
        (!around.joined_right("-"))
            .then(|| format!("{}{}{}", &found[1], &found[2], digit_by_digit(&found[3])))
    });
    let text = rewrite(&text, &CHAIN, |chain, around| {
        (!around.joined_left("-.$€£") && !around.joined_right("-")).then(|| groups(&chain[0]))
    });
    let text = rewrite(&text, &IP, |address, around| {
        let octets: Vec<String> = address[0].split('.').map(digit_by_digit).collect();
        (!around.joined_left(".")).then(|| octets.join(" dot "))
    });
    rewrite(&text, &VERSION, |version, around| {
        if around.joined_left(".,$€£-") {
            return None;
        }
        let parts: Vec<&str> = version[2].split('.').collect();
        let number = match parts.as_slice() {
            [_, _] => decimal(&version[2]),
            parts => parts
                .iter()
                .map(|part| cardinal(part))
                .collect::<Vec<_>>()
                .join(" point "),
        };
        match version.get(1) {
            Some(_) => Some(format!("version {number}")),
            None => (parts.len() > 2).then_some(number),
        }
    })
}

/// "five five five, one two three": each group digit by digit, "800" and the like as "eight hundred".
fn groups(number: &str) -> String {
    let spoken: Vec<String> = number
        .split(|c: char| !c.is_ascii_digit())
        .filter(|group| !group.is_empty())
        .map(|group| {
            if group.len() == 3 && group.ends_with("00") {
                label(group)
            } else {
                digit_by_digit(group)
            }
        })
        .collect();
    spoken.join(", ")
}
