//! Turns written English into the words a person would say: `$5.20` becomes "five dollars and twenty
//! cents", `Dr. Smith` becomes "Doctor Smith", `10:30 p.m.` becomes "ten thirty PM".
//!
//! Speech engines read letters, not conventions: a phonemiser takes `$5.20` for "dollar five point two
//! zero" and ends a sentence at `Dr.`. Engines therefore call [`verbalise`] before they phonemise.
//!
//! Begin at [`verbalise`]: it is a list of passes, each in a module of its own, each looking for one kind
//! of written form (money, dates, ...) and leaving everything else untouched. The order matters: a pass
//! may rely on the more specific forms being gone (`10:30` is a time before `10` is a number). What a
//! pass writes is plain words, so no later pass changes it again.
//!
//! Ambiguities are settled for American usage: `07/04/1976` is July fourth.

mod abbreviations;
mod alphanumerics;
mod calendar;
mod clock;
mod codes;
mod measures;
mod money;
mod numbers;
mod roman;
mod sentence;
mod symbols;
mod web;
mod words;

mod rewrite;

/// Rewrites the conventions of written English as spoken words. Prose without digits, symbols and
/// abbreviations comes back unchanged, byte for byte; line breaks are kept.
///
/// Nothing is left out except what has no spoken form (emoji, markdown emphasis, a link's scheme).
pub fn verbalise(text: &str) -> String {
    const PASSES: [fn(&str) -> String; 12] = [
        symbols::unify,
        web::addresses,
        abbreviations::expand,
        money::amounts,
        calendar::dates,
        clock::times,
        codes::digit_groups,
        roman::numerals,
        measures::quantities,
        alphanumerics::codes,
        numbers::numbers,
        symbols::names,
    ];
    // A blank that one pass puts between glued pieces may show an earlier pass something to do (`2etc.`).
    const ROUNDS: usize = 4;
    let mut spoken = text.to_owned();
    for _ in 0..ROUNDS {
        let before = spoken.clone();
        for pass in PASSES {
            spoken = pass(&spoken);
        }
        if spoken == before {
            break;
        }
    }
    spoken
}
