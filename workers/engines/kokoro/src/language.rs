//! The language of a voice, told by the first letter of its name.

use voicefleet_core::{ErrorCode, Failure, catalog::VoicePart, ports::EngineError};

/// What a voice speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    /// English, with misaki's dictionary for the accent.
    English(Accent),
    /// Another language, with the phonemes of this espeak-ng voice.
    Foreign(&'static str),
}

/// An accent of English.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accent {
    /// American.
    American,
    /// British.
    British,
}

/// The language that a mix speaks: its first voice's.
pub(crate) fn of_mix(mix: &[VoicePart]) -> Result<Language, EngineError> {
    let name = mix.first().map_or("", |part| part.name.as_str());
    let refuse = |reason: &str| {
        let message = format!("voice '{name}': {reason}");
        Err(EngineError::Refused(Failure::of_field(
            ErrorCode::UnknownLanguage,
            "voice",
            message,
        )))
    };
    Ok(match name.chars().next() {
        Some('a') => Language::English(Accent::American),
        Some('b') => Language::English(Accent::British),
        Some('e') => Language::Foreign("es"),
        Some('f') => Language::Foreign("fr"),
        Some('h') => Language::Foreign("hi"),
        Some('i') => Language::Foreign("it"),
        Some('p') => Language::Foreign("pt-br"),
        Some('j') => return refuse(&unspoken("Japanese")),
        Some('z') => return refuse(&unspoken("Chinese")),
        _ => {
            return refuse("its name does not begin with the letter of a language (a b e f h i p)");
        }
    })
}

/// espeak-ng cannot read these: it names Japanese characters instead of reading them, and writes two of
/// the four Chinese tones alike. Refusing is better than speaking something else.
fn unspoken(language: &str) -> String {
    format!(
        "it speaks {language}, which cannot be read yet; it can be mixed into a voice of another language, named first"
    )
}
