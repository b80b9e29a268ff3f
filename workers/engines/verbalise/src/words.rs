//! Numbers as words. All functions take ASCII digits; thousands separators (`,`) are ignored.

use num2words::Num2Words;

/// The most digits that are read as one number; longer ones are read digit by digit.
const LONGEST_NUMBER: usize = 15;

fn plain(digits: &str) -> String {
    digits.chars().filter(char::is_ascii_digit).collect()
}

/// Drops what varies between styles: hyphens and the "and" of "one hundred and two".
fn american(words: &str) -> String {
    let words: Vec<&str> = words
        .split([' ', '-'])
        .filter(|word| *word != "and")
        .collect();
    words.join(" ")
}

/// "one two three" for `123`.
pub(crate) fn digit_by_digit(digits: &str) -> String {
    const NAMES: [&str; 10] = [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    ];
    let names: Vec<&str> = digits
        .bytes()
        .filter(u8::is_ascii_digit)
        .map(|digit| NAMES[usize::from(digit - b'0')])
        .collect();
    names.join(" ")
}

/// "one thousand two hundred thirty four" for `1,234`.
pub(crate) fn cardinal(digits: &str) -> String {
    let digits = plain(digits);
    number(&digits)
        .and_then(|number| Num2Words::new(number).to_words().ok())
        .map_or_else(|| digit_by_digit(&digits), |words| american(&words))
}

/// "twenty second" for `22`.
pub(crate) fn ordinal(digits: &str) -> String {
    let digits = plain(digits);
    number(&digits)
        .and_then(|number| Num2Words::new(number).ordinal().to_words().ok())
        .map_or_else(|| digit_by_digit(&digits), |words| american(&words))
}

fn number(digits: &str) -> Option<i64> {
    (digits.len() <= LONGEST_NUMBER)
        .then(|| digits.parse().ok())
        .flatten()
}

/// "three point one four" for `3.14`, "point five" for `.5`; without a point the cardinal.
pub(crate) fn decimal(number: &str) -> String {
    match number.split_once('.') {
        None => cardinal(number),
        Some(("", fraction)) => format!("point {}", digit_by_digit(fraction)),
        Some((whole, fraction)) => {
            format!("{} point {}", cardinal(whole), digit_by_digit(fraction))
        }
    }
}

/// The way four digits are said as a year: "nineteen oh five", "two thousand nine", "twenty ten".
pub(crate) fn year(digits: &str) -> String {
    let (century, rest) = digits.split_at(digits.len() - 2);
    match (century, rest) {
        (_, "00") if century.ends_with('0') => cardinal(digits),
        (_, "00") => format!("{} hundred", cardinal(century)),
        ("10" | "20" | "30" | "40" | "50" | "60" | "70" | "80" | "90", _)
            if rest.starts_with('0') =>
        {
            cardinal(digits)
        }
        _ if rest.starts_with('0') => {
            format!("{} oh {}", cardinal(century), cardinal(rest))
        }
        _ => format!("{} {}", cardinal(century), cardinal(rest)),
    }
}

/// How the digits of a name are said (`Room 221`, `GPT-4`, `Boeing 747`): short ones as numbers, three
/// digits as "two twenty one", four in pairs, more and those with a leading zero digit by digit.
pub(crate) fn label(digits: &str) -> String {
    match digits.len() {
        _ if digits.len() > 1 && digits.starts_with('0') => digit_by_digit(digits),
        0..=2 => cardinal(digits),
        3 if digits.ends_with("00") => cardinal(digits),
        3 => {
            let (hundred, rest) = digits.split_at(1);
            let rest = match rest.strip_prefix('0') {
                Some(unit) => format!("oh {}", cardinal(unit)),
                None => cardinal(rest),
            };
            format!("{} {rest}", cardinal(hundred))
        }
        4 => year(digits),
        _ => digit_by_digit(digits),
    }
}

/// Whether the number is exactly one, so that what it counts is singular.
pub(crate) fn is_one(number: &str) -> bool {
    number == "1"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_said_the_american_way() {
        assert_eq!(cardinal("1,234"), "one thousand two hundred thirty four");
        assert_eq!(cardinal("999999999999999").split(' ').next(), Some("nine"));
        assert_eq!(
            cardinal("1000000000000000"),
            digit_by_digit("1000000000000000")
        );
        assert_eq!(ordinal("112"), "one hundred twelfth");
        assert_eq!(decimal("0.05"), "zero point zero five");
        assert_eq!(decimal(".5"), "point five");
    }

    #[test]
    fn years_are_said_in_pairs() {
        for (digits, words) in [
            ("1066", "ten sixty six"),
            ("1900", "nineteen hundred"),
            ("1905", "nineteen oh five"),
            ("2000", "two thousand"),
            ("2009", "two thousand nine"),
            ("2024", "twenty twenty four"),
        ] {
            assert_eq!(year(digits), words);
        }
    }
}
