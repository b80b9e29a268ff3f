//! Requests that must be refused, each with the status and code it must be refused with.
//!
//! Nothing here knows the server: the end-to-end tests include this folder and send the same
//! requests to a real one.

pub(crate) mod audio;
mod batches;
pub(crate) mod form;
mod jobs;
mod openai;
mod requests;
mod splits;
mod uploads;

use serde_json::Value;

use self::form::{BOUNDARY, form};

/// The bounds that the server under test was started with.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_field_names, reason = "they are all upper bounds")]
pub(crate) struct Bounds {
    /// Largest upload, bytes.
    pub(crate) max_upload_bytes: usize,
    /// Largest JSON body, bytes.
    pub(crate) max_json_bytes: usize,
    /// Longest text of a job, characters.
    pub(crate) max_job_chars: usize,
    /// Longest text of `/v1/audio/speech`, characters.
    pub(crate) max_sync_chars: usize,
    /// Longest audio, seconds.
    pub(crate) max_audio_seconds: u32,
}

/// A request that must be refused.
#[derive(Clone, Debug)]
pub(crate) struct BadInput {
    /// What is wrong with it.
    pub(crate) name: &'static str,
    /// The method.
    pub(crate) method: &'static str,
    /// Path and query.
    pub(crate) path: String,
    /// The `Content-Type`, if there is a body.
    pub(crate) content_type: Option<String>,
    /// The body.
    pub(crate) body: Vec<u8>,
    /// The status that must come back.
    pub(crate) status: u16,
    /// The code that must come back.
    pub(crate) code: &'static str,
    /// The field that must be named, if one must.
    pub(crate) field: Option<&'static str>,
}

impl BadInput {
    /// The code and the field in an error body: a problem's, or one of OpenAI's below `/v1/audio/` and `/v1/batches`.
    ///
    /// # Panics
    /// If the body is neither.
    pub(crate) fn code_and_field(&self, body: &[u8]) -> (String, Option<String>) {
        let body: Value = serde_json::from_slice(body)
            .unwrap_or_else(|error| panic!("{}: not JSON: {error}", self.name));
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let openai = ["/v1/audio/", "/v1/batches"];
        let (code, field) = if openai.iter().any(|path| self.path.starts_with(path)) {
            (text(&body["error"]["code"]), text(&body["error"]["param"]))
        } else {
            (text(&body["code"]), text(&body["field"]))
        };
        (code.unwrap_or_default(), field)
    }
}

/// All of them. Engines `piper` and `kokoro` with the voices `en_US-joe-medium` (not mixable),
/// `af_heart` and `af_bella` (mixable), and a transcriber must be there.
pub(crate) fn all(bounds: Bounds) -> Vec<BadInput> {
    let mut all = Vec::new();
    all.extend(requests::bodies(bounds));
    all.extend(jobs::speech_jobs(bounds));
    all.extend(jobs::deadlines());
    all.extend(jobs::voices());
    all.extend(jobs::transcription_jobs());
    all.extend(uploads::uploads(bounds));
    all.extend(uploads::forms());
    all.extend(openai::openai_speech(bounds));
    all.extend(openai::openai_transcriptions(bounds));
    all.extend(openai::openai_translations(bounds));
    all.extend(splits::splits(bounds));
    all.extend(batches::batches(bounds));
    all.extend(requests::paths_and_queries());
    all
}

fn merged(mut base: Value, changes: &Value) -> Value {
    for (key, value) in changes.as_object().expect("an object") {
        if value.is_null() {
            base.as_object_mut().expect("an object").remove(key);
        } else {
            base[key] = value.clone();
        }
    }
    base
}

fn post(name: &'static str, path: &str, kind: &str, body: impl Into<Vec<u8>>) -> BadInput {
    BadInput {
        name,
        method: "POST",
        path: path.to_owned(),
        content_type: Some(kind.to_owned()),
        body: body.into(),
        status: 400,
        code: "invalid_request",
        field: None,
    }
}

fn json_to(name: &'static str, path: &str, body: &Value) -> BadInput {
    post(name, path, "application/json", body.to_string())
}

fn form_to(
    name: &'static str,
    path: &str,
    fields: &[(&str, &str)],
    file: Option<&[u8]>,
) -> BadInput {
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    post(name, path, &kind, form(fields, file))
}

fn bare(name: &'static str, method: &'static str, path: impl Into<String>) -> BadInput {
    BadInput {
        method,
        content_type: None,
        path: path.into(),
        ..post(name, "", "", [])
    }
}

impl BadInput {
    fn refused(self, status: u16, code: &'static str) -> Self {
        Self {
            status,
            code,
            ..self
        }
    }

    fn about(self, field: &'static str) -> Self {
        Self {
            field: Some(field),
            ..self
        }
    }
}
