//! Signs: made uniform before the other passes, named or dropped after them.

use std::sync::LazyLock;

use regex::Regex;

use crate::rewrite::{pattern, rewrite};

static VULGAR_FRACTION: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?:([0-9])\s?)?([½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞])"));
static GROUPED_BY_BLANKS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\b([0-9]{1,3})((?:[\u{a0}\u{2009}\u{202f}][0-9]{3})+)\b"));

/// One way of writing for what is written in several, where digits are concerned: `½` becomes `1/2`,
/// full-width digits ASCII ones. Invisible characters go.
pub(crate) fn unify(text: &str) -> String {
    let text = rewrite(text, &VULGAR_FRACTION, |found, _| {
        let whole = found.get(1).map(|digit| format!("{} ", digit.as_str()));
        Some(format!(
            "{}{}",
            whole.unwrap_or_default(),
            in_figures(&found[2])?
        ))
    });
    let text = rewrite(&text, &GROUPED_BY_BLANKS, |found, _| {
        let groups: String = found[2].chars().filter(char::is_ascii_digit).collect();
        Some(format!("{}{groups}", &found[1]))
    });
    text.chars()
        .filter(|c| !is_invisible(*c))
        .map(plain_digit)
        .collect()
}

fn in_figures(fraction: &str) -> Option<&'static str> {
    Some(match fraction {
        "½" => "1/2",
        "⅓" => "1/3",
        "⅔" => "2/3",
        "¼" => "1/4",
        "¾" => "3/4",
        "⅕" => "1/5",
        "⅖" => "2/5",
        "⅗" => "3/5",
        "⅘" => "4/5",
        "⅙" => "1/6",
        "⅚" => "5/6",
        "⅛" => "1/8",
        "⅜" => "3/8",
        "⅝" => "5/8",
        "⅞" => "7/8",
        _ => return None,
    })
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{fe00}'..='\u{fe0f}')
}

fn plain_digit(c: char) -> char {
    match c {
        // The full-width digits stand at a fixed distance from the ASCII ones.
        '\u{ff10}'..='\u{ff19}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{2011}' => '-',
        c => c,
    }
}

static TERMS: LazyLock<Regex> = LazyLock::new(|| pattern(r"\bC\+\+|\b[CF]#|\.NET\b"));
static HASHTAG: LazyLock<Regex> = LazyLock::new(|| pattern(r"#(\p{L}[\p{L}_]*)"));
static MENTION: LazyLock<Regex> = LazyLock::new(|| pattern(r"@(\p{L})"));
static HEADING_OR_BULLET: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?m)^[ \t]*(?:#{1,6}[ \t]+|[*+•‣◦▪-][ \t]+|>[ \t]*)"));
static EMPHASIS: LazyLock<Regex> = LazyLock::new(|| pattern(r"[*_`~]+"));
static SIGN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(\s?)(->|=>|<=|>=|!=|==|[&+=@%/\\<>|^$€£¥§©®™°×÷±≈≠≤≥→←·#²³−])(\s?)")
});

/// Names the signs that are read out and drops those that are not (emoji, emphasis, bullets).
pub(crate) fn names(text: &str) -> String {
    let text = rewrite(text, &TERMS, |term, _| {
        Some(
            match &term[0] {
                "C++" => "C plus plus",
                "C#" => "C sharp",
                "F#" => "F sharp",
                _ => "dot net",
            }
            .to_owned(),
        )
    });
    let text = rewrite(&text, &HEADING_OR_BULLET, |_, _| Some(String::new()));
    let text = rewrite(&text, &HASHTAG, |tag, _| {
        Some(format!("hashtag {}", tag[1].replace('_', " ")))
    });
    let text = rewrite(&text, &MENTION, |mention, _| {
        Some(format!("at {}", &mention[1]))
    });
    let text = rewrite(&text, &EMPHASIS, |_, around| {
        let inside = around.joined_left("") && around.joined_right("");
        Some(if inside { " " } else { "" }.to_owned())
    });
    let text = rewrite(&text, &SIGN, |found, around| {
        let Some(name) = name(&found[2]) else {
            return Some(
                if found[1].is_empty() {
                    &found[3]
                } else {
                    &found[1]
                }
                .to_owned(),
            );
        };
        let before = if around.before.is_empty() || around.before.ends_with('\n') {
            ""
        } else {
            " "
        };
        let after = if around.after.is_empty()
            || around
                .after
                .starts_with(['.', ',', ';', ':', '!', '?', ')', '\n'])
        {
            ""
        } else {
            " "
        };
        Some(format!("{before}{name}{after}"))
    });
    text.chars().filter(|c| !is_picture(*c)).collect()
}

fn name(sign: &str) -> Option<&'static str> {
    Some(match sign {
        "&" => "and",
        "+" => "plus",
        "=" | "==" => "equals",
        "!=" | "≠" => "is not equal to",
        "<=" | "≤" => "at most",
        ">=" | "≥" => "at least",
        "@" => "at",
        "%" => "percent",
        "/" => "slash",
        "\\" => "backslash",
        "<" => "less than",
        ">" => "greater than",
        "$" => "dollar",
        "€" => "euro",
        "£" => "pound",
        "¥" => "yen",
        "§" => "section",
        "©" => "copyright",
        "°" => "degrees",
        "×" => "times",
        "÷" => "divided by",
        "±" => "plus or minus",
        "≈" => "about",
        "→" | "->" | "=>" => "to",
        "−" => "minus",
        "#" => "hash",
        "²" => "squared",
        "³" => "cubed",
        _ => return None,
    })
}

fn is_picture(c: char) -> bool {
    matches!(c, '\u{1f000}'..='\u{1faff}' | '\u{2600}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}' | '\u{e0020}'..='\u{e007f}' | '\u{20e3}')
}
