//! Web and e-mail addresses, file names, host names.

use std::sync::LazyLock;

use regex::Regex;

use crate::{
    rewrite::{pattern, rewrite},
    words::label,
};

static MARKDOWN_LINK: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"!?\[([^\[\]\n]+)\]\((?:https?://|mailto:|www\.|[/#.])[^()\s/]*(?:/[^()\s]*[^()\s/])?/?\)",
    )
});
static EMAIL: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?i)\b(?:mailto:)?([a-z0-9][a-z0-9._%+-]*)@([a-z0-9-]+(?:\.[a-z0-9-]+)+)")
});
static URL: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r#"(?i)\b(?:(?:https?|ftp|wss?)://|www\.)[^\s<>"'“”‘’(){}\[\]|\\^`]+"#)
});
/// Host names without a scheme: only with an ending that is no English word.
static HOST: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(?:[a-z0-9][a-z0-9-]*\.)+(?:com|org|net|edu|gov|mil|io|ai|dev|app|info|biz|uk|de|fr|eu|ca|au|nl|ch|jp|cn|tv)\b(?:[/:?#][a-z0-9/._?=&%#~+:-]*[a-z0-9/])?",
    )
});
static FILE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b([A-Za-z0-9_-]+)\.(txt|md|pdf|csv|json|xml|html?|css|jsx?|tsx?|py|rs|go|java|cpp|sh|ya?ml|toml|docx?|xlsx?|pptx?|zip|tar|gz|exe|png|jpe?g|gif|svg|mp3|mp4|wav|ogg|onnx)\b",
    )
});

/// Addresses as they are read out: `ann@example.com` is "ann at example dot com". A web address loses
/// its scheme, a markdown link its target.
pub(crate) fn addresses(text: &str) -> String {
    let text = rewrite(text, &MARKDOWN_LINK, |link, _| Some(link[1].to_owned()));
    let text = rewrite(&text, &EMAIL, |address, _| {
        Some(format!(
            "{} at {}",
            read_out(&address[1]),
            read_out(&address[2])
        ))
    });
    let text = rewrite(&text, &URL, |address, _| {
        let whole = &address[0];
        let end = whole.trim_end_matches(['.', ',', ';', ':', '!', '?', '*', '_']);
        let without_scheme = end.split_once("://").map_or(end, |(_, rest)| rest);
        Some(format!(
            "{}{}",
            read_out(without_scheme.trim_end_matches('/')),
            &whole[end.len()..]
        ))
    });
    let text = rewrite(&text, &HOST, |host, around| {
        (!around.joined_left("@./-")).then(|| read_out(host[0].trim_end_matches('/')))
    });
    rewrite(&text, &FILE, |file, around| {
        (!around.joined_left("./"))
            .then(|| format!("{} dot {}", read_out(&file[1]), read_label(&file[2])))
    })
}

/// Reads an address label by label, naming the signs between.
fn read_out(address: &str) -> String {
    let mut spoken: Vec<String> = Vec::new();
    let mut rest = address;
    while let Some(first) = rest.chars().next() {
        let same_kind =
            |c: char| c.is_ascii_digit() == first.is_ascii_digit() && c.is_alphanumeric();
        if first.is_alphanumeric() {
            let end = rest.find(|c| !same_kind(c)).unwrap_or(rest.len());
            spoken.push(read_label(&rest[..end]));
            rest = &rest[end..];
        } else {
            spoken.extend(sign(first).map(str::to_owned));
            rest = &rest[first.len_utf8()..];
        }
    }
    spoken.join(" ")
}

/// Digits as in a name; two or three letters that are no word ("www", "io") letter by letter.
fn read_label(part: &str) -> String {
    const WORDS: [&str; 24] = [
        "com", "org", "net", "gov", "my", "the", "get", "go", "id", "en", "to", "at", "app", "dev",
        "for", "my", "web", "new", "api", "doe", "joe", "bob", "ann", "max",
    ];
    if part.starts_with(|c: char| c.is_ascii_digit()) {
        return label(part);
    }
    let short =
        part.is_ascii() && (part.len() <= 2 || !part.contains(['a', 'e', 'i', 'o', 'u', 'y']));
    if part.len() <= 3 && short && !WORDS.contains(&part) || part.len() == 1 {
        let letters: Vec<String> = part.chars().map(|c| c.to_uppercase().to_string()).collect();
        return letters.join(" ");
    }
    part.to_owned()
}

fn sign(sign: char) -> Option<&'static str> {
    Some(match sign {
        '.' => "dot",
        '/' => "slash",
        '-' => "dash",
        '_' => "underscore",
        '?' => "question mark",
        '=' => "equals",
        '&' => "and",
        '#' => "hash",
        '%' => "percent",
        ':' => "colon",
        '~' => "tilde",
        '+' => "plus",
        '@' => "at",
        ',' => "comma",
        '!' => "exclamation mark",
        _ => return None,
    })
}
