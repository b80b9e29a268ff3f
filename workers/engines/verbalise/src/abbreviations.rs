//! Abbreviations with their dots: titles, streets, Latin, initials.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::{
    rewrite::{Around, pattern, rewrite},
    sentence::{ends_here, keep_stop},
};

/// Titles, read only before a name.
const TITLES: [(&str, &str); 24] = [
    ("Dr", "Doctor"),
    ("Mr", "Mister"),
    ("Mrs", "Missus"),
    ("Ms", "Miz"),
    ("Messrs", "Messers"),
    ("Prof", "Professor"),
    ("Rev", "Reverend"),
    ("Hon", "Honorable"),
    ("Gen", "General"),
    ("Col", "Colonel"),
    ("Maj", "Major"),
    ("Capt", "Captain"),
    ("Lt", "Lieutenant"),
    ("Sgt", "Sergeant"),
    ("Cmdr", "Commander"),
    ("Adm", "Admiral"),
    ("Gov", "Governor"),
    ("Sen", "Senator"),
    ("Rep", "Representative"),
    ("Pres", "President"),
    ("Fr", "Father"),
    ("Mt", "Mount"),
    ("Ft", "Fort"),
    ("St", "Saint"),
];

/// Read wherever they stand; the dot may also end the sentence.
const ANYWHERE: [(&str, &str); 37] = [
    ("vs", "versus"),
    ("etc", "et cetera"),
    ("e.g", "for example"),
    ("E.g", "For example"),
    ("i.e", "that is"),
    ("I.e", "That is"),
    ("a.k.a", "also known as"),
    ("cf", "compare"),
    ("approx", "approximately"),
    ("dept", "department"),
    ("Dept", "Department"),
    ("Inc", "Incorporated"),
    ("Ltd", "Limited"),
    ("Corp", "Corporation"),
    ("Co", "Company"),
    ("Bros", "Brothers"),
    ("Jr", "Junior"),
    ("Sr", "Senior"),
    ("Dr", "Drive"),
    ("St", "Street"),
    ("Ave", "Avenue"),
    ("Blvd", "Boulevard"),
    ("Rd", "Road"),
    ("Ln", "Lane"),
    ("Hwy", "Highway"),
    ("Pkwy", "Parkway"),
    ("Apt", "Apartment"),
    ("Univ", "University"),
    ("Assn", "Association"),
    ("govt", "government"),
    ("Govt", "Government"),
    ("misc", "miscellaneous"),
    ("incl", "including"),
    ("excl", "excluding"),
    ("Ph.D", "P H D"),
    ("M.Sc", "M S C"),
    ("B.Sc", "B S C"),
];

/// Read only before a number.
const BEFORE_NUMBER: [(&str, &str); 18] = [
    ("Vol", "Volume"),
    ("vol", "volume"),
    ("Fig", "Figure"),
    ("fig", "figure"),
    ("Figs", "Figures"),
    ("Eq", "Equation"),
    ("Ch", "Chapter"),
    ("ch", "chapter"),
    ("Sec", "Section"),
    ("sec", "section"),
    ("Art", "Article"),
    ("art", "article"),
    ("Ex", "Exercise"),
    ("pp", "pages"),
    ("p", "page"),
    ("est", "established"),
    ("ca", "circa"),
    ("c", "circa"),
];

const STREETS: [&str; 2] = ["St", "Dr"];
/// A capitalised word before `St.` that does not make it a street.
const NOT_STREETS: [&str; 14] = [
    "Mount", "Mt", "Lake", "Fort", "Port", "The", "In", "At", "Near", "From", "To", "Of", "And",
    "Visit",
];

fn dotted(table: &[(&str, &str)], rest: &str) -> Regex {
    let mut names: Vec<String> = table
        .iter()
        .map(|(short, _)| regex::escape(short))
        .collect();
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    pattern(&format!(r"\b({})\.{rest}", names.join("|")))
}

fn expanded(table: &[(&str, &'static str)], short: &str) -> Option<&'static str> {
    table
        .iter()
        .find(|(known, _)| *known == short)
        .map(|(_, long)| *long)
}

static TITLE: LazyLock<Regex> = LazyLock::new(|| dotted(&TITLES, r"([ \u{a0}]*)"));
static WORD: LazyLock<Regex> = LazyLock::new(|| dotted(&ANYWHERE, ""));
static COUNTING: LazyLock<Regex> = LazyLock::new(|| dotted(&BEFORE_NUMBER, r"[ \u{a0}]?"));
static UNDOTTED: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\b(PhD|Mr|Mrs|Dr|vs|w/o|w/|b/c|and/or)([ ,.;:!?]|$)"));
/// `U.S.`, `J.R.R.`, `F.B.I.`: capitals with a dot after each. `A.M.` and `P.M.` belong to times.
static INITIALISM: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b[A-Z]\.(?:[A-Z]\.)+"));
static INITIAL: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b([A-Z])\.(\s)"));

/// Abbreviations in full. Where the dot also ends the sentence it stays.
pub(crate) fn expand(text: &str) -> String {
    let text = rewrite(text, &TITLE, title);
    let text = rewrite(&text, &COUNTING, |found, around| {
        let number = around
            .after
            .starts_with(|c: char| c.is_ascii_digit() || c == '~');
        (number && !around.joined_left("."))
            .then(|| expanded(&BEFORE_NUMBER, &found[1]).map(|word| format!("{word} ")))?
    });
    let text = rewrite(&text, &WORD, |found, around| {
        let free = !around.joined_left(".'’-") && !around.joined_right("");
        free.then(|| expanded(&ANYWHERE, &found[1]).map(|word| keep_stop(word, around.after)))?
    });
    let text = rewrite(&text, &UNDOTTED, undotted);
    let text = rewrite(&text, &INITIALISM, |found, around| {
        let half_of_day = matches!(&found[0], "A.M." | "P.M.")
            && around
                .before
                .trim_end()
                .ends_with(|c: char| c.is_ascii_digit());
        (!half_of_day && !around.joined_right("")).then(|| {
            let letters: Vec<&str> = found[0]
                .split('.')
                .filter(|letter| !letter.is_empty())
                .collect();
            keep_stop(&letters.join(" "), around.after)
        })
    });
    rewrite(&text, &INITIAL, initial)
}

fn title(found: &Captures<'_>, around: Around<'_>) -> Option<String> {
    let name_follows =
        around.after.starts_with(char::is_uppercase) || around.after.starts_with("and ");
    let word = around.word_before();
    let after_street_name = STREETS.contains(&&found[1])
        && word.starts_with(char::is_uppercase)
        && around.before.ends_with(' ')
        && !NOT_STREETS.contains(&word)
        && !starts_a_sentence(around.before, word);
    (name_follows && !found[2].is_empty() && !after_street_name && !around.joined_left(".'’-"))
        .then(|| expanded(&TITLES, &found[1]).map(|word| format!("{word} ")))?
}

/// Whether `word`, the last of `before`, is the first of its sentence.
fn starts_a_sentence(before: &str, word: &str) -> bool {
    let ahead = before
        .trim_end()
        .strip_suffix(word)
        .unwrap_or(before)
        .trim_end();
    ahead.is_empty() || ahead.ends_with(['.', '!', '?', ',', ';', ':', '"', '“', '\n'])
}

fn undotted(found: &Captures<'_>, around: Around<'_>) -> Option<String> {
    let name_follows = found[2] == *" " && around.after.starts_with(char::is_uppercase);
    let word = match &found[1] {
        "PhD" => "P H D",
        "Mr" if name_follows => "Mister",
        "Mrs" if name_follows => "Missus",
        "Dr" if name_follows => "Doctor",
        "vs" => "versus",
        "w/o" => "without",
        "w/" => "with",
        "b/c" => "because",
        "and/or" => "and or",
        _ => return None,
    };
    Some(format!("{word}{}", &found[2]))
}

/// The dot of `Jane A. Doe` goes; that of "Plan B. Then" stays. "I." is a word.
fn initial(found: &Captures<'_>, around: Around<'_>) -> Option<String> {
    let word = around.word_before();
    let after_initial = word.len() == 1 && word.starts_with(char::is_uppercase) && word != "I";
    let name_follows = around.after.starts_with(char::is_uppercase)
        && !ends_here(&format!(" {}", first_word(around.after)));
    let pronoun = &found[1] == "I" && !after_initial;
    (name_follows && !pronoun && !around.joined_left(".'’-"))
        .then(|| format!("{}{}", &found[1], &found[2]))
}

fn first_word(text: &str) -> &str {
    let end = text
        .find(|c: char| !c.is_alphabetic())
        .unwrap_or(text.len());
    &text[..end]
}
