//! A model's tokens.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use tiktoken_rs::CoreBPE;
use voicefleet_core::ports::EngineError;

use crate::pass::TokenId;

/// How GPT-2 cuts a text before it joins bytes to tokens, which Whisper took over.
const PIECES: &str = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

/// Why a vocabulary cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Defect {
    #[error("its vocabulary {} cannot be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("its vocabulary {} is no list of tokens: {source}", path.display())]
    NoList {
        path: PathBuf,
        source: serde_json::Error,
    },
    #[error("its vocabulary has no '{0}'")]
    Missing(&'static str),
}

/// The tokens of a model, by their ids.
pub(super) struct Vocabulary {
    /// As they stand in the file: bytes as GPT-2 shows them.
    tokens: Vec<String>,
    /// The bytes that those characters stand for.
    bytes: HashMap<char, u8>,
    end_of_text: usize,
    first_mark: usize,
    /// Reads prompts; made for the first one.
    encoder: OnceLock<Result<CoreBPE, String>>,
}

impl Vocabulary {
    /// Reads the vocabulary of the model in `dir`.
    pub(super) fn read(dir: &Path) -> Result<Self, Defect> {
        let tokens = tokens(dir)?;
        let id = |token: &'static str| {
            let found = tokens.iter().rposition(|known| known == token);
            found.ok_or(Defect::Missing(token))
        };
        Ok(Self {
            end_of_text: id("<|endoftext|>")?,
            first_mark: id("<|notimestamps|>")? + 1,
            bytes: shown_bytes().map(|(byte, shown)| (shown, byte)).collect(),
            encoder: OnceLock::new(),
            tokens,
        })
    }

    /// How many tokens it has.
    pub(super) fn size(&self) -> i32 {
        i32::try_from(self.tokens.len()).unwrap_or(i32::MAX)
    }

    /// Whether the token is a piece of text.
    pub(super) fn is_text(&self, id: usize) -> bool {
        id < self.end_of_text
    }

    /// Which time mark the token is, counted from 0.
    pub(super) fn mark(&self, id: usize) -> Option<usize> {
        id.checked_sub(self.first_mark)
    }

    /// The bytes of a text token.
    pub(super) fn bytes(&self, id: usize) -> Vec<u8> {
        let shown = self.tokens.get(id).map(String::as_str).unwrap_or_default();
        let bytes = shown.chars().filter_map(|c| self.bytes.get(&c).copied());
        bytes.collect()
    }

    /// The name of a token.
    pub(super) fn name(&self, id: TokenId) -> Option<&str> {
        let id = usize::try_from(id).ok()?;
        self.tokens.get(id).map(String::as_str)
    }

    /// The id of a token, by its name.
    pub(super) fn id(&self, name: &str) -> Option<usize> {
        self.tokens.iter().rposition(|token| token == name)
    }

    /// The tokens of a text; no control tokens, whatever the text says.
    pub(super) fn tokens(&self, text: &str) -> Result<Vec<TokenId>, EngineError> {
        let encoder = self.encoder.get_or_init(|| self.encoder());
        let encoder = encoder
            .as_ref()
            .map_err(|error| EngineError::Load(format!("the vocabulary: {error}")))?;
        let tokens = encoder.encode_ordinary(text);
        Ok(tokens
            .into_iter()
            .filter_map(|token| token.try_into().ok())
            .collect())
    }

    fn encoder(&self) -> Result<CoreBPE, String> {
        // Tokens were numbered in the order in which they were joined, so ids are ranks.
        let ranks =
            (0..self.end_of_text).map(|id| (self.bytes(id), u32::try_from(id).unwrap_or(u32::MAX)));
        let ranks = ranks.filter(|(bytes, _)| !bytes.is_empty()).collect();
        CoreBPE::new(ranks, std::iter::empty().collect(), PIECES).map_err(|error| error.to_string())
    }
}

/// `vocabulary.txt` has a token in each line, `vocabulary.json` is a list.
fn tokens(dir: &Path) -> Result<Vec<String>, Defect> {
    let read = |name: &str| {
        let path = dir.join(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok((path, text)),
            Err(source) => Err(Defect::Unreadable { path, source }),
        }
    };
    if dir.join("vocabulary.json").exists() {
        let (path, text) = read("vocabulary.json")?;
        return serde_json::from_str(&text).map_err(|source| Defect::NoList { path, source });
    }
    let (_, text) = read("vocabulary.txt")?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// Every byte with the character that GPT-2's vocabularies show it as: printable ones as themselves, the others as those
/// from U+0100 on, in order.
fn shown_bytes() -> impl Iterator<Item = (u8, char)> {
    let mut next = 0x100_u32;
    (0..=u8::MAX).filter_map(move |byte| {
        let shown = match byte {
            b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff => char::from(byte),
            _ => {
                let shown = char::from_u32(next)?;
                next += 1;
                shown
            }
        };
        Some((byte, shown))
    })
}

#[cfg(test)]
mod tests {
    use voicefleet_testkit::model_file;

    use super::*;

    fn vocabulary() -> Vocabulary {
        Vocabulary::read(&model_file("ct2/base")).unwrap()
    }

    #[test]
    fn a_text_becomes_tokens_and_a_text_again() {
        let vocabulary = vocabulary();
        for text in [
            " And so, my fellow Americans: 1,024 times!",
            " Grüße, 漢字 😀",
            " <|endoftext|>  it's",
        ] {
            let tokens = vocabulary.tokens(text).unwrap();
            let tokens: Vec<usize> = tokens
                .into_iter()
                .map(|token| token.try_into().unwrap())
                .collect();
            assert!(
                tokens.iter().all(|token| vocabulary.is_text(*token)),
                "{text}"
            );
            let bytes: Vec<u8> = tokens
                .iter()
                .flat_map(|token| vocabulary.bytes(*token))
                .collect();
            assert_eq!(String::from_utf8(bytes).unwrap(), text);
        }
    }

    #[test]
    fn common_words_are_one_token() {
        let vocabulary = vocabulary();
        let tokens = vocabulary.tokens(" And so my fellow").unwrap();
        let names: Vec<_> = tokens
            .iter()
            .map(|token| vocabulary.name(*token).unwrap())
            .collect();
        assert_eq!(names, ["ĠAnd", "Ġso", "Ġmy", "Ġfellow"]);
    }

    #[test]
    fn marks_count_from_zero() {
        let vocabulary = vocabulary();
        assert_eq!(vocabulary.size(), 51_865);
        assert_eq!(vocabulary.mark(vocabulary.id("<|0.00|>").unwrap()), Some(0));
        assert_eq!(
            vocabulary.mark(vocabulary.id("<|30.00|>").unwrap()),
            Some(1_500)
        );
        assert_eq!(vocabulary.mark(5), None);
    }

    #[test]
    fn what_is_missing_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let error = |dir: &Path| Vocabulary::read(dir).err().unwrap().to_string();
        assert!(error(dir.path()).contains("vocabulary.txt"));
        fs::write(dir.path().join("vocabulary.txt"), "a\nb\n").unwrap();
        assert!(error(dir.path()).contains("<|endoftext|>"));
    }
}
