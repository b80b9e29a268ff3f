//! Amounts of money: `$5.20`, `€3.5 million`, `US$ 20`, `£5-10`, `20 EUR`, `50¢`.

use std::sync::LazyLock;

use regex::Regex;

use crate::{
    rewrite::{Around, pattern, rewrite},
    words::{cardinal, decimal, is_one},
};

/// A currency: its unit and hundredth, singular and plural.
struct Currency {
    unit: [&'static str; 2],
    cent: [&'static str; 2],
}

const fn currency(unit: [&'static str; 2], cent: [&'static str; 2]) -> Currency {
    Currency { unit, cent }
}

fn by_sign(sign: &str) -> Option<Currency> {
    let cents = ["cent", "cents"];
    Some(match sign {
        "$" | "US$" | "USD" => currency(["dollar", "dollars"], cents),
        "C$" | "CA$" | "CAD" => currency(["Canadian dollar", "Canadian dollars"], cents),
        "A$" | "AU$" | "AUD" => currency(["Australian dollar", "Australian dollars"], cents),
        "HK$" | "HKD" => currency(["Hong Kong dollar", "Hong Kong dollars"], cents),
        "€" | "EUR" => currency(["euro", "euros"], cents),
        "£" | "GBP" => currency(["pound", "pounds"], ["penny", "pence"]),
        "¥" | "JPY" => currency(["yen", "yen"], ["sen", "sen"]),
        "₹" | "INR" => currency(["rupee", "rupees"], ["paisa", "paise"]),
        "₩" | "KRW" => currency(["won", "won"], ["jeon", "jeon"]),
        "₽" | "RUB" => currency(["ruble", "rubles"], ["kopeck", "kopecks"]),
        "₺" | "TRY" => currency(["lira", "lira"], ["kurus", "kurus"]),
        "CHF" => currency(["Swiss franc", "Swiss francs"], ["centime", "centimes"]),
        "₿" | "BTC" => currency(["bitcoin", "bitcoins"], cents),
        _ => return None,
    })
}

const AMOUNT: &str = r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]+)?|\.[0-9]+";
const MAGNITUDE: &str =
    r"(?:[\s\u{a0}-]?(thousand|million|billion|trillion|mil|mn|bn|tn|[kKmMbBtT])\b)?";

static SIGN_FIRST: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"([-−]\s?)?((?:US|CA?|AU?|HK)?\$|[€£¥₹₩₽₺₿]|\b(?:USD|EUR|GBP|CHF|CAD|AUD|JPY|INR)\b\s)\s?(?:({AMOUNT})\s?[-–—]\s?[$€£]?)?({AMOUNT}){MAGNITUDE}(?:\s?/\s?([a-z]+))?"
    ))
});
static SIGN_LAST: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"\b({AMOUNT}){MAGNITUDE}\s?([€£¥₹₽]|(?:USD|EUR|GBP|CHF|CAD|AUD|JPY|INR)\b)"
    ))
});
static CENTS: LazyLock<Regex> = LazyLock::new(|| pattern(&format!(r"\b({AMOUNT})\s?¢")));

/// Amounts in words.
pub(crate) fn amounts(text: &str) -> String {
    let text = rewrite(text, &SIGN_FIRST, |found, around| {
        let currency = by_sign(found[2].trim())?;
        if around.joined_left("") {
            return None;
        }
        let magnitude = found.get(5).map(|m| magnitude(m.as_str()));
        let attribute = is_attribute(around, found.get(6).is_some());
        let mut spoken = String::new();
        if found.get(1).is_some() {
            spoken.push_str("minus ");
        }
        if let Some(from) = found.get(3) {
            spoken.push_str(&decimal(from.as_str()));
            spoken.push_str(" to ");
        }
        spoken.push_str(&say(&found[4], magnitude, &currency, attribute));
        if let Some(unit) = found.get(6) {
            spoken.push_str(" per ");
            spoken.push_str(per(unit.as_str()));
        }
        Some(spoken)
    });
    let text = rewrite(&text, &SIGN_LAST, |found, around| {
        let currency = by_sign(&found[3])?;
        let magnitude = found.get(2).map(|m| magnitude(m.as_str()));
        (!around.joined_right("")).then(|| say(&found[1], magnitude, &currency, false))
    });
    rewrite(&text, &CENTS, |found, _| {
        let unit = if is_one(&found[1]) { "cent" } else { "cents" };
        Some(format!("{} {unit}", decimal(&found[1])))
    })
}

/// In "a $20 bill" the amount describes the bill and its unit stays singular.
fn is_attribute(around: Around<'_>, per: bool) -> bool {
    let article = matches!(
        around.word_before(),
        "a" | "A" | "an" | "An" | "another" | "each" | "every"
    );
    let rest = around.after.strip_prefix([' ', '-']);
    let noun = rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()));
    let relation = [
        "a ", "an ", "in ", "on ", "to ", "for ", "per ", "and ", "or ", "at ", "from ", "of ",
        "is ",
    ];
    article
        && noun
        && !per
        && !rest.is_some_and(|rest| relation.iter().any(|word| rest.starts_with(word)))
}

fn say(amount: &str, magnitude: Option<&str>, currency: &Currency, attribute: bool) -> String {
    if let Some(magnitude) = magnitude {
        let unit = currency.unit[usize::from(!attribute)];
        return format!("{} {magnitude} {unit}", decimal(amount));
    }
    let unit = |number: &str| currency.unit[usize::from(!(is_one(number) || attribute))];
    let Some((whole, fraction)) = amount.split_once('.') else {
        return format!("{} {}", cardinal(amount), unit(amount));
    };
    let fraction_is_zero = fraction.bytes().all(|digit| digit == b'0');
    let whole_is_zero = whole.bytes().all(|digit| digit == b'0');
    if fraction.len() != 2 && !fraction_is_zero {
        return format!("{} {}", decimal(amount), unit(amount));
    }
    let cents = fraction.trim_start_matches('0');
    let cents = format!(
        "{} {}",
        cardinal(cents),
        currency.cent[usize::from(!is_one(cents))]
    );
    match (whole_is_zero, fraction_is_zero) {
        (_, true) => format!(
            "{} {}",
            cardinal(if whole.is_empty() { "0" } else { whole }),
            unit(whole)
        ),
        (true, false) => cents,
        (false, false) => format!("{} {} and {cents}", cardinal(whole), unit(whole)),
    }
}

fn magnitude(sign: &str) -> &'static str {
    match sign {
        "k" | "K" | "thousand" => "thousand",
        "m" | "M" | "mn" | "mil" | "million" => "million",
        "b" | "B" | "bn" | "billion" => "billion",
        _ => "trillion",
    }
}

fn per(unit: &str) -> &str {
    match unit {
        "mo" => "month",
        "yr" => "year",
        "wk" => "week",
        "d" => "day",
        "h" | "hr" => "hour",
        "min" => "minute",
        "kg" => "kilogram",
        "lb" => "pound",
        "l" => "liter",
        "gal" => "gallon",
        "km" => "kilometer",
        "mi" => "mile",
        other => other,
    }
}
