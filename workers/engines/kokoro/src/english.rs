//! English text to Kokoro's phonemes: misaki's dictionaries and tagger, espeak-ng for unknown words.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::OnceLock,
};

use misaki_rs::{Fallback, G2P, Language as Dialect, MToken, fallback::FallbackError};
use voicefleet_core::ports::EngineError;
use voicefleet_phonemes::Espeak;

use crate::language::Accent;

/// Phonemes of both accents.
pub(crate) struct English {
    espeak: Espeak,
    american: OnceLock<G2P>,
    british: OnceLock<G2P>,
}

impl English {
    /// Reads the American dictionary, which takes a quarter of a second. The British one is read when it is first spoken.
    pub(crate) fn read(espeak: Espeak) -> Self {
        let english = Self {
            espeak,
            american: OnceLock::new(),
            british: OnceLock::new(),
        };
        english.dictionary(Accent::American);
        english
    }

    /// The phonemes of one sentence whose numbers and abbreviations are words already.
    pub(crate) fn phonemes(&self, accent: Accent, sentence: &str) -> Result<String, EngineError> {
        let unknown = UnknownWords {
            espeak: self.espeak.clone(),
            accent,
        };
        let marked = mark_up(sentence, &unknown)?;
        let phonemise = || self.dictionary(accent).g2p(&marked);
        match catch_unwind(AssertUnwindSafe(phonemise)) {
            Ok(Ok((_, tokens))) => tokens.iter().map(|token| unknown.complete(token)).collect(),
            Ok(Err(error)) => Err(EngineError::Inference(error.to_string())),
            Err(_) => {
                // No input is known that gets here; a text must not take a worker down with it.
                tracing::error!("misaki panicked; espeak-ng speaks this sentence instead");
                unknown.sentence(sentence)
            }
        }
    }

    fn dictionary(&self, accent: Accent) -> &G2P {
        let read = |dialect| {
            let fallback = UnknownWords {
                espeak: self.espeak.clone(),
                accent,
            };
            G2P::with_fallback(dialect, Some(Box::new(fallback)))
        };
        match accent {
            Accent::American => self.american.get_or_init(|| read(Dialect::EnglishUS)),
            Accent::British => self.british.get_or_init(|| read(Dialect::EnglishGB)),
        }
    }
}

/// Readies a sentence for misaki, which takes `[word](/phonemes/)` for markup.
///
/// A text's own brackets are no markup. Words such as "caféing", with an accent right before "ing", get
/// espeak-ng's phonemes by markup, with a digit in their place: misaki would look the word up all the same,
/// slice it by bytes, inside the accented letter, and panic.
fn mark_up(sentence: &str, unknown: &UnknownWords) -> Result<String, EngineError> {
    let sentence = sentence.replace("](", "] (");
    let is_torn = |word: &str| {
        word.match_indices("ing")
            .any(|(at, _)| !word[..at].is_empty() && !word[..at].ends_with(|c: char| c.is_ascii()))
    };
    if !is_torn(&sentence) {
        return Ok(sentence);
    }
    let mut marked = String::new();
    for piece in
        sentence.split_inclusive(|c: char| !(c.is_alphanumeric() || matches!(c, '\'' | '’' | '-')))
    {
        let word = piece.trim_end_matches(|c: char| !c.is_alphanumeric());
        if is_torn(word) {
            marked.push_str("[0](/");
            marked.push_str(&unknown.word(word)?.replace(['/', ')'], ""));
            marked.push_str("/)");
            marked.push_str(&piece[word.len()..]);
        } else {
            marked.push_str(piece);
        }
    }
    Ok(marked)
}

/// espeak-ng for words that no dictionary has.
struct UnknownWords {
    espeak: Espeak,
    accent: Accent,
}

impl Fallback for UnknownWords {
    fn phonemize(&self, word: &str) -> Result<String, FallbackError> {
        self.word(word).map_err(|error| FallbackError::Espeak {
            word: word.to_owned(),
            error: error.to_string(),
        })
    }
}

impl UnknownWords {
    /// misaki's phonemes of a token, or espeak-ng's where misaki has none.
    fn complete(&self, token: &MToken) -> Result<String, EngineError> {
        let phonemes = match &token.phonemes {
            Some(phonemes) if !phonemes.contains('❓') => phonemes.clone(),
            _ => self.word(&token.text)?,
        };
        Ok(phonemes + &token.whitespace)
    }

    /// Phonemes without marks.
    fn word(&self, text: &str) -> Result<String, EngineError> {
        let words: Vec<String> = self.clauses(text)?.map(|(phonemes, _)| phonemes).collect();
        Ok(words.join(" ").trim().to_owned())
    }

    /// Phonemes with the marks of the clauses.
    fn sentence(&self, text: &str) -> Result<String, EngineError> {
        let mut spoken = String::new();
        for (phonemes, mark) in self.clauses(text)? {
            spoken.push_str(&phonemes);
            spoken.extend(mark);
            spoken.push(' ');
        }
        Ok(spoken)
    }

    fn clauses(
        &self,
        text: &str,
    ) -> Result<impl Iterator<Item = (String, Option<char>)>, EngineError> {
        let voice = match self.accent {
            Accent::American => "en-us",
            Accent::British => "en",
        };
        let text: String = text.chars().filter(|c| !c.is_control()).collect();
        let clauses = self
            .espeak
            .clauses(voice, &text)
            .map_err(|error| EngineError::Inference(error.to_string()))?;
        let accent = self.accent;
        Ok(clauses
            .into_iter()
            .map(move |clause| (as_misaki(&clause.phonemes, accent), clause.terminator)))
    }
}

/// espeak-ng's IPA in misaki's alphabet (misaki 0.9.4, `EspeakFallback`), which writes a diphthong as one
/// letter. Order matters: what is longer, or would be torn apart by a later rule, comes first.
fn as_misaki(ipa: &str, accent: Accent) -> String {
    const BOTH: [(&str, &str); 23] = [
        ("ʔˌn\u{329}", "tn"),
        ("ʔn\u{329}", "tn"),
        ("c\u{327}", "k"),
        ("\u{303}", ""),
        ("\u{329}", ""),
        ("aɪ", "I"),
        ("aʊ", "W"),
        ("dʒ", "ʤ"),
        ("eɪ", "A"),
        ("tʃ", "ʧ"),
        ("ɔɪ", "Y"),
        ("ʲo", "jo"),
        ("ʲə", "jə"),
        ("ʲ", ""),
        ("ɚ", "əɹ"),
        ("r", "ɹ"),
        ("x", "k"),
        ("ɐ", "ə"),
        ("ɬ", "l"),
        ("ɾ", "T"),
        ("ʔ", "t"),
        ("g", "ɡ"),
        ("-", ""),
    ];
    const AMERICAN: [(&str, &str); 6] = [
        ("oʊ", "O"),
        ("ɜːɹ", "ɜɹ"),
        ("ɜː", "ɜɹ"),
        ("ɪə", "iə"),
        ("ː", ""),
        ("e", "A"),
    ];
    const BRITISH: [(&str, &str); 4] = [("eə", "ɛː"), ("iə", "ɪə"), ("əʊ", "Q"), ("e", "A")];
    let accent: &[(&str, &str)] = match accent {
        Accent::American => &AMERICAN,
        Accent::British => &BRITISH,
    };
    let syllabic = syllabic_l(ipa);
    let spoken = BOTH
        .iter()
        .chain(accent)
        .fold(syllabic, |ipa, (from, to)| ipa.replace(from, to));
    spoken.replace('o', "ɔ")
}

/// `əl` at the end of a syllable is one sound: "able" but not "alarm".
fn syllabic_l(ipa: &str) -> String {
    let mut out = String::with_capacity(ipa.len());
    let mut rest = ipa;
    while let Some(at) = rest.find("əl") {
        let after = &rest[at + "əl".len()..];
        let in_onset = after.starts_with(|c: char| "ˈˌaeiouæɑɐɒɔəɛɜɪʊʌᵻj".contains(c));
        out.push_str(&rest[..at]);
        out.push_str(if in_onset { "əl" } else { "ᵊl" });
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn espeak_is_rewritten_in_misakis_alphabet() {
        for (ipa, american) in [
            ("kˌuːbɚnˈɛɾiːz", "kˌubəɹnˈɛTiz"),
            ("tʃˈoʊdʒɪ", "ʧˈOʤɪ"),
            ("ˈeɪbəl", "ˈAbᵊl"),
            ("əlˈɑːɹm", "əlˈɑɹm"),
            ("bˈɜːd", "bˈɜɹd"),
        ] {
            assert_eq!(as_misaki(ipa, Accent::American), american);
        }
        assert_eq!(as_misaki("ðˈeə ɡˈəʊ", Accent::British), "ðˈɛː ɡˈQ");
    }
}
