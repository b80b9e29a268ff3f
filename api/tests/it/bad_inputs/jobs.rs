//! Well-formed JSON that asks for what there is not.

use serde_json::{Value, json};

use super::{BadInput, Bounds, json_to, merged};

pub(super) fn speech_jobs(bounds: Bounds) -> Vec<BadInput> {
    let job = |name, changes: Value| json_to(name, "/v1/jobs", &speech_with(&changes));
    let long = "word ".repeat(bounds.max_job_chars / 5 + 1);
    vec![
        job("no kind", json!({"kind": null})).about("kind"),
        job("an unknown kind", json!({"kind": "song"})).about("kind"),
        job("a kind that is a number", json!({"kind": 1})).about("kind"),
        job("no input", json!({"input": null})).about("input"),
        job("an input that is a number", json!({"input": 5})).about("input"),
        job("an input that is a list", json!({"input": ["a"]})).about("input"),
        job("a misspelt field", json!({"vioce": "af_heart"})).about("vioce"),
        job("a transcription's field", json!({"file_id": "x"})).about("file_id"),
        job("an empty text", json!({"input": ""}))
            .refused(400, "empty_text")
            .about("input"),
        job("a blank text", json!({"input": " \n\t "}))
            .refused(400, "empty_text")
            .about("input"),
        job("control characters only", json!({"input": "\u{1}\u{2}"}))
            .refused(400, "empty_text")
            .about("input"),
        job("too long a text", json!({"input": long}))
            .refused(400, "text_too_long")
            .about("input"),
        job("punctuation only", json!({"input": "?! ..."}))
            .refused(400, "unspeakable_text")
            .about("input"),
        job("emoji only", json!({"input": "🎉🎉"}))
            .refused(400, "unspeakable_text")
            .about("input"),
        job("an unknown engine", json!({"engine": "festival"}))
            .refused(400, "unknown_engine")
            .about("engine"),
        job("an engine in capitals", json!({"engine": "Piper"}))
            .refused(400, "unknown_engine")
            .about("engine"),
        job("an engine that listens", json!({"engine": "whisper"}))
            .refused(400, "unknown_engine")
            .about("engine"),
        job("an engine that is a number", json!({"engine": 3})).about("engine"),
        job("an unknown tier", json!({"tier": "urgent"}))
            .refused(400, "unknown_tier")
            .about("tier"),
        job("an empty tier", json!({"tier": ""}))
            .refused(400, "unknown_tier")
            .about("tier"),
        job("an unknown format", json!({"response_format": "midi"}))
            .refused(400, "unknown_format")
            .about("response_format"),
        job(
            "a format without an encoder",
            json!({"response_format": "aac"}),
        )
        .refused(400, "unknown_format")
        .about("response_format"),
        job("too slow", json!({"speed": 0.2}))
            .refused(400, "speed_out_of_range")
            .about("speed"),
        job("too fast", json!({"speed": 4.01}))
            .refused(400, "speed_out_of_range")
            .about("speed"),
        job("standing still", json!({"speed": 0}))
            .refused(400, "speed_out_of_range")
            .about("speed"),
        job("backwards", json!({"speed": -1}))
            .refused(400, "speed_out_of_range")
            .about("speed"),
        job("absurdly fast", json!({"speed": 1e300}))
            .refused(400, "speed_out_of_range")
            .about("speed"),
        job("a speed in words", json!({"speed": "fast"})).about("speed"),
        job("a speed in quotes", json!({"speed": "1.0"})).about("speed"),
    ]
}

pub(super) fn deadlines() -> Vec<BadInput> {
    let refused = |name, deadline: Value| {
        json_to(
            name,
            "/v1/jobs",
            &speech_with(&json!({"deadline": deadline})),
        )
        .refused(400, "invalid_deadline")
        .about("deadline")
    };
    vec![
        refused("a deadline in the past", json!("2001-01-01T00:00:00Z")),
        refused("a deadline without a zone", json!("2999-01-01T00:00:00")),
        refused("a deadline in words", json!("tomorrow")),
        refused("a deadline of no seconds", json!(0)),
        refused("a deadline of fewer seconds than none", json!(-5)),
        refused("a deadline in a year", json!(31_536_000)),
        refused("a deadline after all time", json!(1e300)),
        refused("a deadline that is a list", json!([30])),
        refused("a deadline on 30 February", json!("2999-02-30T00:00:00Z")),
    ]
}

pub(super) fn voices() -> Vec<BadInput> {
    let refused = |name, voice: Value| {
        json_to(name, "/v1/jobs", &speech_with(&json!({"voice": voice})))
            .refused(400, "unknown_voice")
            .about("voice")
    };
    let of_engine = |name, engine: &str, voice: &str| {
        let changes = json!({"engine": engine, "voice": voice});
        json_to(name, "/v1/jobs", &speech_with(&changes))
            .refused(400, "unknown_voice")
            .about("voice")
    };
    vec![
        refused("a misspelt voice", json!("af_haert")),
        refused("an empty voice", json!("")),
        refused(
            "a voice that climbs out of its folder",
            json!("../../etc/passwd"),
        ),
        refused("a voice with a NUL", json!("af_heart\u{0}")),
        refused("an endless voice", json!("a".repeat(5_000))),
        refused("a mix with a hole", json!("af_heart++af_bella")),
        refused("a mix with an unknown part", json!("af_heart+nobody")),
        refused(
            "a mix with a weight of nothing",
            json!("af_heart(0)+af_bella"),
        ),
        refused(
            "a mix with a weight that is no number",
            json!("af_heart(NaN)+af_bella"),
        ),
        refused("a mix with an open weight", json!("af_heart(2+af_bella")),
        refused("a mix of far too many", json!(["af_heart"; 9].join("+"))),
        refused("a mix over two engines", json!("af_heart+en_US-joe-medium")),
        refused(
            "a mix of what cannot be mixed",
            json!("en_US-joe-medium+en_US-joe-medium(2)"),
        ),
        of_engine("Kokoro's voice on Piper", "piper", "af_heart"),
        of_engine("Piper's voice on Kokoro", "kokoro", "en_US-joe-medium"),
        json_to(
            "a voice that is a number",
            "/v1/jobs",
            &speech_with(&json!({"voice": 7})),
        )
        .about("voice"),
    ]
}

pub(super) fn transcription_jobs() -> Vec<BadInput> {
    let job = |name, body: Value| {
        let base = json!({"kind": "transcription", "file_id": "file-0-0"});
        json_to(name, "/v1/jobs", &merged(base, &body))
    };
    let gone = format!("file-{}-1000", "0".repeat(64));
    vec![
        job("a file that never was", json!({}))
            .refused(404, "file_not_found")
            .about("file_id"),
        job("a file that is gone", json!({"file_id": gone}))
            .refused(404, "file_not_found")
            .about("file_id"),
        job("a file id that is a path", json!({"file_id": "../../x"}))
            .refused(404, "file_not_found")
            .about("file_id"),
        job("no file id", json!({"file_id": null})).about("file_id"),
        job("a speech job's field", json!({"voice": "af_heart"})).about("voice"),
        job("an unknown model", json!({"model": "whisper-9"}))
            .refused(404, "unknown_model")
            .about("model"),
        job("a model that speaks", json!({"model": "kokoro-82m"}))
            .refused(404, "unknown_model")
            .about("model"),
        job("a language in words", json!({"language": "english"}))
            .refused(400, "unknown_language")
            .about("language"),
        job("a language that is a locale", json!({"language": "en-US"}))
            .refused(400, "unknown_language")
            .about("language"),
        job("too hot", json!({"temperature": 1.5})).about("temperature"),
        job("too cold", json!({"temperature": -0.1})).about("temperature"),
        job("a temperature in words", json!({"temperature": "warm"})).about("temperature"),
        job("an endless prompt", json!({"prompt": "a".repeat(5_000)}))
            .refused(400, "text_too_long")
            .about("prompt"),
        job("a prompt with a NUL", json!({"prompt": "a\u{0}b"})).about("prompt"),
    ]
}

/// A well-formed speech job with `changes` on top; a null removes the field.
fn speech_with(changes: &Value) -> Value {
    merged(
        json!({"kind": "speech", "input": "Hello there.", "voice": "af_heart"}),
        changes,
    )
}
