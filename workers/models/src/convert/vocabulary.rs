//! OpenAI's byte-pair vocabularies: a line per token, its bytes in base64 and its number.

use std::{collections::BTreeMap, fs, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};

use super::ConvertError;

/// What the English models have as their last plain token; the file for them ends before it.
const END_OF_TEXT: &[u8] = b"<|endoftext|>";

/// The tokens in order of their numbers, which must be 0, 1, 2 and so on.
pub(super) fn read(path: &Path, multilingual: bool) -> Result<Vec<Vec<u8>>, ConvertError> {
    let text = fs::read_to_string(path)?;
    let refuse = |why: String| ConvertError::format(format!("{}: {why}", path.display()));
    let mut tokens = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let (number, token) = parse(line).ok_or_else(|| refuse(format!("'{line}'")))?;
        tokens.insert(number, token);
    }
    let count = tokens.len();
    if tokens.keys().ne(&(0..count).collect::<Vec<_>>()) {
        return Err(refuse(format!(
            "its {count} tokens are not numbered from 0"
        )));
    }
    let mut tokens: Vec<_> = tokens.into_values().collect();
    if !multilingual {
        tokens.push(END_OF_TEXT.to_vec());
    }
    Ok(tokens)
}

/// A single `=` stands for a token without bytes.
fn parse(line: &str) -> Option<(usize, Vec<u8>)> {
    let (token, number) = line.split_once(' ')?;
    let token = if token == "=" {
        Vec::new()
    } else {
        STANDARD.decode(token).ok()?
    };
    Some((number.parse().ok()?, token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str, multilingual: bool) -> Result<Vec<Vec<u8>>, ConvertError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        read(file.path(), multilingual)
    }

    #[test]
    fn tokens_come_in_the_order_of_their_numbers() {
        let tokens = read_text("IQ== 1\nIg== 0\n= 2\n", true).unwrap();
        assert_eq!(tokens, [b"\"".to_vec(), b"!".to_vec(), Vec::new()]);
        let english = read_text("IQ== 0\n", false).unwrap();
        assert_eq!(english, [b"!".to_vec(), END_OF_TEXT.to_vec()]);
    }

    #[test]
    fn gaps_and_garbage_are_refused() {
        for text in ["IQ== 0\nIg== 2\n", "IQ==\n", "? 0\n"] {
            assert!(read_text(text, true).is_err(), "{text}");
        }
    }
}
