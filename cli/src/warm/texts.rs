//! Texts in a file: one a line, or CSV or JSONL with a voice for each.

use std::path::Path;

use serde::Deserialize;

/// A text to be spoken.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Prompt {
    /// The line of the file, counted from 1.
    pub(super) line: u64,
    pub(super) text: String,
    pub(super) voice: Option<String>,
}

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum TextsError {
    #[error("it is not UTF-8")]
    NotText(#[from] std::str::Utf8Error),
    #[error("line {0}: {1}; a line is like {{\"text\": \"Hello.\", \"voice\": \"af_heart\"}}")]
    Json(u64, serde_json::Error),
    #[error("{0}; the first line is text,voice or text")]
    Csv(#[from] csv::Error),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    text: String,
    voice: Option<String>,
}

impl Row {
    fn at(self, line: u64) -> Prompt {
        Prompt {
            line,
            text: self.text,
            voice: self.voice.filter(|voice| !voice.is_empty()),
        }
    }
}

/// The texts of a file, by the end of its name: `.csv`, `.jsonl`, or one text a line. Blank lines are none.
pub(super) fn read(path: &Path, content: &[u8]) -> Result<Vec<Prompt>, TextsError> {
    let ending = path.extension().and_then(|ending| ending.to_str());
    match ending.map(str::to_ascii_lowercase).as_deref() {
        Some("csv") => from_csv(content),
        Some("jsonl") => from_jsonl(std::str::from_utf8(content)?),
        _ => Ok(from_lines(std::str::from_utf8(content)?)),
    }
}

fn numbered(content: &str) -> impl Iterator<Item = (u64, &str)> {
    let content = content.trim_start_matches('\u{feff}');
    let lines = (1..).zip(content.lines().map(str::trim));
    lines.filter(|(_, line)| !line.is_empty())
}

fn from_lines(content: &str) -> Vec<Prompt> {
    let text = |(line, text): (u64, &str)| Prompt {
        line,
        text: text.to_owned(),
        voice: None,
    };
    numbered(content).map(text).collect()
}

fn from_jsonl(content: &str) -> Result<Vec<Prompt>, TextsError> {
    let text = |(line, text): (u64, &str)| {
        let row: Row = serde_json::from_str(text).map_err(|error| TextsError::Json(line, error))?;
        Ok(row.at(line))
    };
    numbered(content).map(text).collect()
}

fn from_csv(content: &[u8]) -> Result<Vec<Prompt>, TextsError> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .flexible(true)
        .from_reader(content);
    let headers = reader.headers()?.clone();
    let mut texts = Vec::new();
    for record in reader.records() {
        let record = record?;
        let line = record.position().map_or(0, csv::Position::line);
        let row: Row = record.deserialize(Some(&headers))?;
        texts.push(row.at(line));
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(line: u64, text: &str, voice: Option<&str>) -> Prompt {
        Prompt {
            line,
            text: text.to_owned(),
            voice: voice.map(str::to_owned),
        }
    }

    fn read_as(name: &str, content: &str) -> Vec<Prompt> {
        read(name.as_ref(), content.as_bytes()).expect(name)
    }

    #[test]
    fn three_kinds_of_files_are_read() {
        let lines = "\u{feff}Hello.\r\n\n  Tell us, briefly, about yourself. \n";
        let second = "Tell us, briefly, about yourself.";
        let plain = [text(1, "Hello.", None), text(3, second, None)];
        assert_eq!(read_as("a.txt", lines), plain);
        assert_eq!(read_as("a", lines), plain);
        let csv = format!("text,voice\nHello.,\n\"{second}\",af_heart\n");
        let voiced = Some("af_heart");
        let expected = [text(2, "Hello.", None), text(3, second, voiced)];
        assert_eq!(read_as("a.CSV", &csv), expected);
        let json = "{\"text\": \"Hello.\"}\n\n{\"text\": \"Bye.\", \"voice\": \"af_heart\"}\n";
        let expected = [text(1, "Hello.", None), text(3, "Bye.", voiced)];
        assert_eq!(read_as("a.jsonl", json), expected);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let refused = |name: &str, content: &[u8]| {
            let refused = read(name.as_ref(), content);
            refused.expect_err(name).to_string()
        };
        assert!(refused("a.jsonl", b"{\"text\": \"a\"}\nb").starts_with("line 2: "));
        assert!(refused("a.jsonl", b"{\"words\": \"a\"}").contains("words"));
        assert!(refused("a.csv", b"words\na\n").contains("text,voice"));
        assert_eq!(refused("a.txt", b"\xff"), "it is not UTF-8");
    }
}
