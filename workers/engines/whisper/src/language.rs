//! The languages that a model knows.

use voicefleet_core::{ErrorCode, Failure, ports::EngineError};
use whisper_rs::get_lang_str;

/// Vocabulary size of the models that know English only.
const ENGLISH_ONLY: i32 = 51_864;

/// Tokens of a model that are no language tokens (the text tokens, the tasks, the time marks), plus one
/// for the end-of-text token that multilingual vocabularies have on top: how whisper.cpp counts.
const OTHER_TOKENS: i32 = 51_766;

/// The languages of one model, in the order of their tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Languages {
    codes: Vec<&'static str>,
}

impl Languages {
    /// What a model with a vocabulary of this size knows.
    ///
    /// Asking for more is a trap: whisper.cpp takes the 100th language (`yue`) for any model, and for
    /// one that knows 99 its token is the one for "translate".
    pub(crate) fn of_vocabulary(size: i32) -> Self {
        let count = if size <= ENGLISH_ONLY {
            1
        } else {
            size - OTHER_TOKENS
        };
        Self {
            codes: (0..count).map_while(get_lang_str).collect(),
        }
    }

    /// The code to transcribe in; `None` where it is to be detected.
    pub(crate) fn resolve(&self, asked: Option<&str>) -> Result<Option<&'static str>, EngineError> {
        match (asked, self.codes.as_slice()) {
            (None, [only]) => Ok(Some(only)),
            (None, _) => Ok(None),
            (Some(asked), codes) => codes
                .iter()
                .find(|code| code.eq_ignore_ascii_case(asked))
                .map(|code| Some(*code))
                .ok_or_else(|| self.refuse(asked)),
        }
    }

    /// The most probable language, given the probabilities of all that whisper.cpp lists.
    pub(crate) fn most_probable(&self, probabilities: &[f32]) -> Option<&'static str> {
        self.codes
            .iter()
            .zip(probabilities)
            .max_by(|(_, a), (_, b)| a.total_cmp(b))
            .map(|(code, _)| *code)
    }

    /// The language with this code, if the model knows it.
    pub(crate) fn known(&self, code: &str) -> Option<&'static str> {
        self.codes.iter().copied().find(|known| *known == code)
    }

    fn refuse(&self, asked: &str) -> EngineError {
        let message = if self.codes.len() == 1 {
            format!("this model understands English only, not '{asked}'")
        } else {
            format!(
                "this model does not know the language '{asked}'; languages are ISO 639-1 codes such as 'en'"
            )
        };
        EngineError::Refused(Failure::of_field(
            ErrorCode::UnknownLanguage,
            "language",
            message,
        ))
    }
}

/// Whether words of this language are written without blanks between them.
pub(crate) fn is_unspaced(code: &str) -> bool {
    matches!(code, "zh" | "ja" | "th" | "lo" | "my" | "yue")
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: i32 = 51_865;
    const LARGE_V3: i32 = 51_866;

    fn refusal(languages: &Languages, asked: &str) -> Failure {
        match languages.resolve(Some(asked)) {
            Err(EngineError::Refused(failure)) => failure,
            other => panic!("{asked}: {other:?}"),
        }
    }

    #[test]
    fn an_english_model_refuses_every_other_language_by_name() {
        let english = Languages::of_vocabulary(ENGLISH_ONLY);
        assert_eq!(english.resolve(None), Ok(Some("en")));
        assert_eq!(english.resolve(Some("en")), Ok(Some("en")));
        let failure = refusal(&english, "de");
        assert_eq!(failure.code, ErrorCode::UnknownLanguage);
        assert_eq!(failure.field.as_deref(), Some("language"));
        assert!(failure.message.contains("'de'"));
    }

    #[test]
    fn a_multilingual_model_detects_and_refuses_what_it_does_not_know() {
        let base = Languages::of_vocabulary(BASE);
        assert_eq!(base.resolve(None), Ok(None));
        assert_eq!(base.resolve(Some("DE")), Ok(Some("de")));
        for asked in ["xx", "", "german", "en-US", "e\0n", "auto"] {
            assert_eq!(refusal(&base, asked).code, ErrorCode::UnknownLanguage);
        }
    }

    #[test]
    fn cantonese_is_known_to_the_newer_vocabulary_only() {
        let old = Languages::of_vocabulary(BASE);
        assert_eq!(old.codes.len(), 99);
        assert!(old.resolve(Some("yue")).is_err());
        let new = Languages::of_vocabulary(LARGE_V3);
        assert_eq!(new.resolve(Some("yue")), Ok(Some("yue")));
    }

    #[test]
    fn detection_never_names_a_language_the_model_does_not_know() {
        let mut probabilities = vec![0.0; 100];
        probabilities[99] = 0.9;
        probabilities[2] = 0.1;
        let base = Languages::of_vocabulary(BASE);
        assert_eq!(base.most_probable(&probabilities), Some("de"));
    }
}
