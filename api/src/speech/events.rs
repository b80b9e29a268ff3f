//! Speech as OpenAI's server-sent events.

use axum::http::StatusCode;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::json;

use crate::{
    http::errors::OpenAiError,
    problem::{ApiError, status_of},
};

/// Bytes of audio in one event; about a second of WAV.
const EVENT_BYTES: usize = 48 * 1024;

/// Audio in as many `speech.audio.delta` as it takes.
pub(crate) fn deltas(audio: &[u8]) -> String {
    let delta = |chunk: &[u8]| {
        let audio = BASE64_STANDARD.encode(chunk);
        format!(
            "data: {}\n\n",
            json!({"type": "speech.audio.delta", "audio": audio})
        )
    };
    audio.chunks(EVENT_BYTES).map(delta).collect()
}

/// `speech.audio.done`. Its token counts have no meaning here and are 0.
pub(crate) fn done() -> String {
    let usage = json!({"input_tokens": 0, "output_tokens": 0, "total_tokens": 0});
    format!(
        "data: {}\n\n",
        json!({"type": "speech.audio.done", "usage": usage})
    )
}

/// `error`, in the place of `speech.audio.done`: with the object that an error answer has.
pub(crate) fn broken_off(error: &ApiError) -> String {
    let status: StatusCode = status_of(error.failure.code);
    let object = json!(OpenAiError::new(&error.failure, status));
    let error = json!({"type": "error", "error": object["error"]});
    format!("event: error\ndata: {error}\n\n")
}
