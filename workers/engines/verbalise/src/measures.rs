//! Quantities with a unit: `5 kg`, `100 Mbps`, `-12°C`, `12.5%`, `6'2"`, `20 km/h`.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::{
    rewrite::{Around, pattern, rewrite},
    sentence::keep_stop,
    words::{cardinal, decimal, is_one},
};

/// Symbol, singular, plural.
const UNITS: [(&str, &str, &str); 79] = [
    ("km", "kilometer", "kilometers"),
    ("m", "meter", "meters"),
    ("cm", "centimeter", "centimeters"),
    ("mm", "millimeter", "millimeters"),
    ("µm", "micrometer", "micrometers"),
    ("nm", "nanometer", "nanometers"),
    ("mi", "mile", "miles"),
    ("ft", "foot", "feet"),
    ("in", "inch", "inches"),
    ("yd", "yard", "yards"),
    ("sq ft", "square foot", "square feet"),
    ("sq mi", "square mile", "square miles"),
    ("km²", "square kilometer", "square kilometers"),
    ("km2", "square kilometer", "square kilometers"),
    ("m²", "square meter", "square meters"),
    ("m2", "square meter", "square meters"),
    ("cm²", "square centimeter", "square centimeters"),
    ("ft²", "square foot", "square feet"),
    ("m³", "cubic meter", "cubic meters"),
    ("m3", "cubic meter", "cubic meters"),
    ("cm³", "cubic centimeter", "cubic centimeters"),
    ("kg", "kilogram", "kilograms"),
    ("g", "gram", "grams"),
    ("mg", "milligram", "milligrams"),
    ("µg", "microgram", "micrograms"),
    ("lb", "pound", "pounds"),
    ("lbs", "pound", "pounds"),
    ("oz", "ounce", "ounces"),
    ("L", "liter", "liters"),
    ("l", "liter", "liters"),
    ("ml", "milliliter", "milliliters"),
    ("mL", "milliliter", "milliliters"),
    ("cl", "centiliter", "centiliters"),
    ("gal", "gallon", "gallons"),
    ("h", "hour", "hours"),
    ("hr", "hour", "hours"),
    ("hrs", "hour", "hours"),
    ("min", "minute", "minutes"),
    ("mins", "minute", "minutes"),
    ("s", "second", "seconds"),
    ("sec", "second", "seconds"),
    ("secs", "second", "seconds"),
    ("ms", "millisecond", "milliseconds"),
    ("µs", "microsecond", "microseconds"),
    ("ns", "nanosecond", "nanoseconds"),
    ("Hz", "hertz", "hertz"),
    ("kHz", "kilohertz", "kilohertz"),
    ("MHz", "megahertz", "megahertz"),
    ("GHz", "gigahertz", "gigahertz"),
    ("KB", "kilobyte", "kilobytes"),
    ("kB", "kilobyte", "kilobytes"),
    ("MB", "megabyte", "megabytes"),
    ("GB", "gigabyte", "gigabytes"),
    ("TB", "terabyte", "terabytes"),
    ("PB", "petabyte", "petabytes"),
    ("KiB", "kibibyte", "kibibytes"),
    ("MiB", "mebibyte", "mebibytes"),
    ("GiB", "gibibyte", "gibibytes"),
    ("kbps", "kilobit per second", "kilobits per second"),
    ("Kbps", "kilobit per second", "kilobits per second"),
    ("Mbps", "megabit per second", "megabits per second"),
    ("Gbps", "gigabit per second", "gigabits per second"),
    ("W", "watt", "watts"),
    ("kW", "kilowatt", "kilowatts"),
    ("MW", "megawatt", "megawatts"),
    ("kWh", "kilowatt hour", "kilowatt hours"),
    ("MWh", "megawatt hour", "megawatt hours"),
    ("V", "volt", "volts"),
    ("kV", "kilovolt", "kilovolts"),
    ("mA", "milliamp", "milliamps"),
    ("mAh", "milliamp hour", "milliamp hours"),
    ("kcal", "kilocalorie", "kilocalories"),
    ("hPa", "hectopascal", "hectopascals"),
    ("psi", "P S I", "P S I"),
    ("mph", "mile per hour", "miles per hour"),
    ("kph", "kilometer per hour", "kilometers per hour"),
    ("rpm", "revolution per minute", "revolutions per minute"),
    ("fps", "frame per second", "frames per second"),
    ("dB", "decibel", "decibels"),
];

const NUMBER: &str = r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+";
/// Sign, lower end of a range, number.
const QUANTITY: &str = r"([-−]|[+±~≈<>≤≥]\s?)?(?:(NUMBER)\s?[-–—]\s?)?(NUMBER)";

fn after_quantity(rest: &str) -> Regex {
    pattern(&(QUANTITY.replace("NUMBER", NUMBER) + rest))
}

static WITH_UNIT: LazyLock<Regex> = LazyLock::new(|| {
    let mut symbols: Vec<String> = UNITS
        .iter()
        .map(|(symbol, ..)| regex::escape(symbol))
        .collect();
    symbols.sort_by_key(|symbol| std::cmp::Reverse(symbol.len()));
    let symbols = symbols.join("|");
    after_quantity(&format!(
        r"([\s\u{{a0}}\u{{202f}}-]?)({symbols})(?:/({symbols}))?(\.)?"
    ))
});
static DEGREES: LazyLock<Regex> = LazyLock::new(|| after_quantity(r"\s?[°º]\s?(C|F|K)?"));
static PERCENT: LazyLock<Regex> = LazyLock::new(|| after_quantity(r"\s?([%‰])"));
static FEET_INCHES: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"\b([0-9]{1,2})\s?['’′]\s?(?:([0-9]{1,2})\s?(?:["”″]|''|’’))"#));
static INCHES: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"\b([0-9]+(?:\.[0-9]+)?)(?:\s?″|["”])"#));

/// Quantities in words.
pub(crate) fn quantities(text: &str) -> String {
    let text = lengths_by_marks(text);
    let text = rewrite(&text, &DEGREES, |found, around| {
        let scale = match found.get(4).map(|scale| scale.as_str()) {
            Some(_) if around.joined_right("") => return None,
            Some("C") => " Celsius",
            Some("F") => " Fahrenheit",
            Some(_) => " Kelvin",
            None => "",
        };
        let degree = if is_singular(found) {
            "degree"
        } else {
            "degrees"
        };
        Some(format!("{} {degree}{scale}", amount(found, around)?))
    });
    let text = rewrite(&text, &PERCENT, |found, around| {
        let sign = if &found[4] == "%" {
            "percent"
        } else {
            "per mille"
        };
        Some(format!("{} {sign}", amount(found, around)?))
    });
    rewrite(&text, &WITH_UNIT, with_unit)
}

fn with_unit(found: &Captures<'_>, around: Around<'_>) -> Option<String> {
    let (gap, symbol) = (&found[4], &found[5]);
    let dot = found.get(7).is_some();
    let glued = around.joined_right(if dot { "" } else { "'’-_" });
    let plural_of_number = symbol == "s" && gap.is_empty() && found[3].len() > 2;
    let preposition = symbol == "in" && !dot;
    if glued || plural_of_number || preposition {
        return None;
    }
    let (_, one, many) = unit(symbol)?;
    let name = if gap == "-" || is_singular(found) {
        one
    } else {
        many
    };
    let per = match found.get(6) {
        Some(per) => format!(" per {}", unit(per.as_str())?.1),
        None => String::new(),
    };
    let words = format!("{} {name}{per}", amount(found, around)?);
    Some(if dot {
        keep_stop(&words, around.after)
    } else {
        words
    })
}

/// `6'2"` and `27"`.
fn lengths_by_marks(text: &str) -> String {
    let text = rewrite(text, &FEET_INCHES, |found, _| {
        Some(format!(
            "{} foot {}",
            cardinal(&found[1]),
            cardinal(&found[2])
        ))
    });
    rewrite(&text, &INCHES, |found, around| {
        let opened = around.before.matches(['"', '“']).count();
        let closes_quotation = opened > around.before.matches('”').count() && opened % 2 == 1;
        let inch = if is_one(&found[1]) { "inch" } else { "inches" };
        (!closes_quotation && !around.joined_left(".,$"))
            .then(|| format!("{} {inch}", decimal(&found[1])))
    })
}

fn is_singular(found: &Captures<'_>) -> bool {
    is_one(&found[3]) && found.get(2).is_none()
}

/// Sign, lower end and number in words; `None` where the digits belong to something longer.
fn amount(found: &Captures<'_>, around: Around<'_>) -> Option<String> {
    if around.joined_left(".,/:_-–") {
        return None;
    }
    let sign = match found.get(1).map(|sign| sign.as_str().trim_end()) {
        Some("-" | "−") => "minus ",
        Some("+") => "plus ",
        Some("±") => "plus or minus ",
        Some("~" | "≈") => "about ",
        Some("<") => "less than ",
        Some(">") => "more than ",
        Some("≤") => "at most ",
        Some("≥") => "at least ",
        _ => "",
    };
    let from = found
        .get(2)
        .map(|from| format!("{} to ", decimal(from.as_str())));
    Some(format!(
        "{sign}{}{}",
        from.unwrap_or_default(),
        decimal(&found[3])
    ))
}

fn unit(symbol: &str) -> Option<&'static (&'static str, &'static str, &'static str)> {
    UNITS.iter().find(|(known, ..)| *known == symbol)
}
