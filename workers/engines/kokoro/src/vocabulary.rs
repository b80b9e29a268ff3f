//! Phonemes and the numbers the network knows them by.

use std::{collections::HashMap, path::Path};

use serde::Deserialize;
use voicefleet_core::ports::EngineError;

/// The id of every phoneme and mark; each is one `char`.
#[derive(Debug)]
pub(crate) struct Vocabulary(HashMap<char, i64>);

/// `vocab.json`, as it is published with the model.
#[derive(Deserialize)]
struct VocabularyFile {
    vocab: HashMap<char, i64>,
}

impl Vocabulary {
    /// Reads `vocab.json`.
    pub(crate) fn read(path: &Path) -> Result<Self, EngineError> {
        let unusable = |error: &dyn std::fmt::Display| {
            EngineError::Load(format!(
                "the vocabulary {} cannot be used: {error}",
                path.display()
            ))
        };
        let json = std::fs::read(path).map_err(|error| unusable(&error))?;
        let file: VocabularyFile =
            serde_json::from_slice(&json).map_err(|error| unusable(&error))?;
        if file.vocab.is_empty() {
            return Err(unusable(&"it is empty"));
        }
        Ok(Self(file.vocab))
    }

    /// Keeps what the network knows and makes every gap one blank, none at the ends and none before a mark.
    pub(crate) fn known(&self, phonemes: &str) -> String {
        let mut kept = String::with_capacity(phonemes.len());
        for phoneme in phonemes.chars() {
            let phoneme = if phoneme.is_whitespace() {
                ' '
            } else {
                phoneme
            };
            if !self.0.contains_key(&phoneme) {
                continue;
            }
            let closes = matches!(phoneme, '.' | ',' | '!' | '?' | ';' | ':' | '…' | ')' | '”');
            if (closes || phoneme == ' ') && kept.ends_with(' ') {
                kept.pop();
            }
            if phoneme != ' ' || !kept.is_empty() {
                kept.push(phoneme);
            }
        }
        kept.truncate(kept.trim_end().len());
        kept
    }

    /// The ids of `phonemes`; what the network does not know has none.
    pub(crate) fn ids(&self, phonemes: &str) -> Vec<i64> {
        phonemes
            .chars()
            .filter_map(|phoneme| self.0.get(&phoneme).copied())
            .collect()
    }

    /// Whether any of it makes a sound: a letter, not only marks and stress.
    pub(crate) fn is_audible(phonemes: &str) -> bool {
        phonemes
            .chars()
            .any(|c| c.is_alphabetic() && !matches!(c, 'ˈ' | 'ˌ' | 'ː' | 'ʰ' | 'ʲ'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vocabulary() -> Vocabulary {
        Vocabulary("abˈ .,".chars().zip(1..).collect())
    }

    #[test]
    fn what_the_network_does_not_know_never_reaches_it() {
        let vocabulary = vocabulary();
        assert_eq!(vocabulary.known(" ❓ ˈa\tx  b❓ , a ❓."), "ˈa b, a.");
        assert_eq!(vocabulary.ids("a❓b"), [1, 2]);
    }

    #[test]
    fn marks_alone_are_not_audible() {
        assert!(!Vocabulary::is_audible("ˈ…, — “”"));
        assert!(Vocabulary::is_audible("ˈa"));
    }
}
