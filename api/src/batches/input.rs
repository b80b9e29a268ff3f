//! The lines of a batch, before anybody asks what each says.

use std::{collections::HashSet, ops::Range};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value};
use voicefleet_core::{ErrorCode, Failure};

use crate::http::body::parse_json;

/// Most lines of a batch.
pub(crate) const MAX_LINES: usize = 50_000;
/// Longest `custom_id`, characters.
const MAX_CUSTOM_ID: usize = 512;

/// The field of the form that a refusal is about.
const FILE: &str = "file";

/// Refuses a file without bytes, and one with more lines than a batch may have.
pub(crate) fn check_size(file: &[u8]) -> Result<(), Failure> {
    if file.is_empty() {
        let message = "the uploaded file has no bytes";
        return Err(Failure::of_field(ErrorCode::EmptyUpload, FILE, message));
    }
    if ranges(file).take(MAX_LINES + 1).count() > MAX_LINES {
        return Err(too_many(FILE));
    }
    Ok(())
}

fn too_many(field: &str) -> Failure {
    let message = format!("the file has more than {MAX_LINES} lines; make several batches of it");
    Failure::of_field(ErrorCode::UploadTooLarge, field, message)
}

/// Where the lines are; blank ones are none.
fn ranges(file: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut begin = 0;
    let lines = file.split(|byte| *byte == b'\n').map(move |line| {
        let range = begin..begin + line.len();
        begin = range.end + 1;
        (range, line.trim_ascii().is_empty())
    });
    lines.filter_map(|(range, is_blank)| (!is_blank).then_some(range))
}

/// The file of a batch, cut into lines.
pub(super) struct Input {
    file: Bytes,
    lines: Vec<LineMark>,
}

struct LineMark {
    range: Range<usize>,
    custom_id: Option<String>,
    /// Another line before has the same `custom_id`.
    is_repeated: bool,
}

/// A line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    pub(super) custom_id: Option<&'a str>,
    pub(super) is_repeated: bool,
    text: &'a [u8],
}

impl Input {
    /// Cuts a file, and refuses one that is no JSONL at all, has no lines or too many. Gives way to other work
    /// between lines.
    pub(super) async fn cut(file: Bytes) -> Result<Self, Failure> {
        let refuse = |code, message| Failure::of_field(code, "input_file_id", message);
        let mut seen = HashSet::new();
        let mut lines = Vec::new();
        let mut any_object = false;
        for (number, range) in ranges(&file).take(MAX_LINES + 1).enumerate() {
            let (custom_id, is_object) = custom_id_of(&file[range.clone()]);
            any_object = any_object || is_object;
            let is_repeated = custom_id
                .as_ref()
                .is_some_and(|id| !seen.insert(id.clone()));
            lines.push(LineMark {
                range,
                custom_id,
                is_repeated,
            });
            if number % 256 == 255 {
                tokio::task::yield_now().await;
            }
        }
        match lines.len() {
            0 => Err(refuse(ErrorCode::EmptyUpload, "the file has no lines")),
            1..=MAX_LINES if any_object => Ok(Self { file, lines }),
            1..=MAX_LINES => Err(refuse(
                ErrorCode::InvalidRequest,
                "the file is no JSONL: not one of its lines is a JSON object",
            )),
            _ => Err(too_many("input_file_id")),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    pub(super) fn line(&self, index: usize) -> Option<Line<'_>> {
        let mark = self.lines.get(index)?;
        Some(Line {
            custom_id: mark.custom_id.as_deref(),
            is_repeated: mark.is_repeated,
            text: &self.file[mark.range.clone()],
        })
    }
}

/// The id by which the client knows a line, and whether the line is an object.
fn custom_id_of(line: &[u8]) -> (Option<String>, bool) {
    #[derive(Deserialize)]
    struct Named {
        #[serde(default)]
        custom_id: Value,
    }
    if !line.trim_ascii_start().starts_with(b"{") {
        return (None, false);
    }
    match serde_json::from_slice::<Named>(line) {
        Ok(Named {
            custom_id: Value::String(id),
        }) if !id.is_empty() && id.chars().count() <= MAX_CUSTOM_ID => (Some(id), true),
        Ok(_) => (None, true),
        Err(_) => (None, false),
    }
}

/// What a line has to say, beside its `custom_id`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    #[expect(dead_code, reason = "has been read before")]
    #[serde(default)]
    custom_id: Value,
    method: String,
    url: String,
    body: Map<String, Value>,
}

impl Line<'_> {
    /// The body of the request that the line is, as JSON.
    pub(super) fn body(self, url: &str) -> Result<Vec<u8>, Failure> {
        if !self.text.trim_ascii_start().starts_with(b"{") {
            let message = "the line is no JSON object";
            return Err(Failure::new(ErrorCode::InvalidRequest, message));
        }
        let said: Said = parse_json(self.text)?;
        let refuse = |field: &str, message: String| {
            Err(Failure::of_field(ErrorCode::InvalidRequest, field, message))
        };
        if self.custom_id.is_none() {
            let message =
                format!("a line needs a custom_id, a text of 1 to {MAX_CUSTOM_ID} characters");
            return refuse("custom_id", message);
        }
        if self.is_repeated {
            let message = "a line before this one has the same custom_id".to_owned();
            return refuse("custom_id", message);
        }
        if said.method != "POST" {
            return refuse("method", "the method must be POST".to_owned());
        }
        if said.url != url {
            return refuse(
                "url",
                format!("the url must be the batch's endpoint, {url}"),
            );
        }
        serde_json::to_vec(&said.body)
            .map_err(|error| Failure::new(ErrorCode::Internal, error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn cut(text: &str) -> Result<Input, Failure> {
        Input::cut(Bytes::copy_from_slice(text.as_bytes())).await
    }

    #[tokio::test]
    async fn blank_lines_are_none_and_repeated_ids_are_marked() {
        let text =
            "\n{\"custom_id\":\"a\"}\r\n  \nno JSON\n{\"custom_id\":\"a\"}\n{\"custom_id\":7}";
        let input = cut(text).await.expect("lines");
        let marks: Vec<_> = (0..input.len())
            .filter_map(|index| input.line(index))
            .map(|line| (line.custom_id.map(str::to_owned), line.is_repeated))
            .collect();
        let a = || Some("a".to_owned());
        assert_eq!(
            marks,
            [(a(), false), (None, false), (a(), true), (None, false)]
        );
    }

    #[tokio::test]
    async fn what_is_no_jsonl_is_refused_as_a_whole() {
        let many = "{}\n".repeat(MAX_LINES + 1);
        for (text, code) in [
            ("", ErrorCode::EmptyUpload),
            (" \n\r\n", ErrorCode::EmptyUpload),
            ("no JSON\n[1]\n7", ErrorCode::InvalidRequest),
            (&many, ErrorCode::UploadTooLarge),
        ] {
            let refused = cut(text).await.err().map(|failure| failure.code);
            assert_eq!(refused, Some(code));
        }
        assert_eq!(
            cut(&many[3..]).await.map(|input| input.len()).ok(),
            Some(MAX_LINES)
        );
    }
}
