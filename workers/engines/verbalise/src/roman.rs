//! Roman numerals where they can be nothing else: after a part of a work, or after a ruler's name.

use std::sync::LazyLock;

use regex::Regex;

use crate::{
    rewrite::{pattern, rewrite},
    words::{cardinal, ordinal},
};

const NUMERAL: &str = r"(X{0,3}(?:IX|IV|V?I{0,3}))";

static PART: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"\b((?:[Cc]hapter|[Pp]art|[Vv]olume|[Ss]ection|[Bb]ook|[Aa]ct|[Ss]cene|[Aa]ppendix|[Aa]rticle|[Pp]hase|[Tt]ype|[Cc]lass|[Ll]evel|[Ss]tage|[Tt]itle|[Ff]igure|[Tt]able|World War|Super Bowl|Final Fantasy)\s){NUMERAL}\b"
    ))
});
static RULER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"\b((?:Henry|Louis|Elizabeth|George|Charles|Edward|William|James|Richard|Paul|Benedict|Pius|Leo|Clement|Gregory|Innocent|Napoleon|Philip|Frederick|Catherine|Nicholas|Alexander|Ivan|Peter|Mary|Victoria|Albert|Otto|Wilhelm|Friedrich|Ramesses|Ramses|Ferdinand|Francis|Felipe|Juan Carlos|Margrethe|Harald|Gustaf)\s){NUMERAL}\b"
    ))
});

/// `Chapter IV` is "Chapter four", `Henry VIII` "Henry the eighth". A lone `I` after a name stays.
pub(crate) fn numerals(text: &str) -> String {
    let text = rewrite(text, &PART, |found, around| {
        let value = value(&found[2])?;
        let pronoun = &found[2] == "I" && around.after.starts_with(' ');
        (!pronoun && !around.after.starts_with(['\'', '\u{2019}']))
            .then(|| format!("{}{}", &found[1], cardinal(&value.to_string())))
    });
    rewrite(&text, &RULER, |found, around| {
        let value = value(&found[2]).filter(|value| *value > 1)?;
        let initial = found[2].len() == 1 && around.after.starts_with('.');
        (!initial || crate::sentence::ends_here(&around.after[1..]))
            .then(|| format!("{}the {}", &found[1], ordinal(&value.to_string())))
    })
}

/// The value of a numeral that the pattern has found well-formed; `None` for the empty one.
fn value(numeral: &str) -> Option<u32> {
    let digit = |c| match c {
        'X' => 10,
        'V' => 5,
        _ => 1,
    };
    let digits: Vec<u32> = numeral.chars().map(digit).collect();
    let sum: u32 = digits.iter().sum();
    let subtracted: u32 = digits
        .windows(2)
        .filter(|pair| pair[0] < pair[1])
        .map(|pair| 2 * pair[0])
        .sum();
    (sum > 0).then(|| sum - subtracted)
}
