//! Requests that must be refused, each with the status and code it must be refused with.
//!
//! Nothing here knows the server: the end-to-end tests send the same requests to a real one. Two
//! files go with this one: `audio.rs` makes the bodies that look like audio, `form.rs` the forms.

pub mod audio;
pub mod form;

use serde_json::{Value, json};

use self::form::{BOUNDARY, form};

/// The bounds that the server under test was started with.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Largest upload, bytes.
    pub max_upload_bytes: usize,
    /// Largest JSON body, bytes.
    pub max_json_bytes: usize,
    /// Longest text of a job, characters.
    pub max_job_chars: usize,
    /// Longest text of `/v1/audio/speech`, characters.
    pub max_sync_chars: usize,
    /// Longest audio, seconds.
    pub max_audio_seconds: u32,
}

/// A request that must be refused.
#[derive(Clone, Debug)]
pub struct BadInput {
    /// What is wrong with it.
    pub name: &'static str,
    /// The method.
    pub method: &'static str,
    /// Path and query.
    pub path: String,
    /// The `Content-Type`, if there is a body.
    pub content_type: Option<String>,
    /// The body.
    pub body: Vec<u8>,
    /// The status that must come back.
    pub status: u16,
    /// The code that must come back.
    pub code: &'static str,
    /// The field that must be named, if one must.
    pub field: Option<&'static str>,
}

impl BadInput {
    /// The code and the field in an error body: a problem's, or one of OpenAI's below `/v1/audio/`.
    ///
    /// # Panics
    /// If the body is neither.
    pub fn code_and_field(&self, body: &[u8]) -> (String, Option<String>) {
        let body: Value = serde_json::from_slice(body)
            .unwrap_or_else(|error| panic!("{}: not JSON: {error}", self.name));
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let (code, field) = if self.path.starts_with("/v1/audio/") {
            (text(&body["error"]["code"]), text(&body["error"]["param"]))
        } else {
            (text(&body["code"]), text(&body["field"]))
        };
        (code.unwrap_or_default(), field)
    }
}

/// All of them. Engines `piper` and `kokoro` with the voices `en_US-joe-medium` (not mixable),
/// `af_heart` and `af_bella` (mixable), and a transcriber must be there.
pub fn all(bounds: Bounds) -> Vec<BadInput> {
    let mut all = Vec::new();
    all.extend(bodies(bounds));
    all.extend(speech_jobs(bounds));
    all.extend(deadlines());
    all.extend(voices());
    all.extend(transcription_jobs());
    all.extend(uploads(bounds));
    all.extend(forms());
    all.extend(openai_speech(bounds));
    all.extend(openai_transcriptions(bounds));
    all.extend(paths_and_queries());
    all
}

/// A well-formed speech job with `changes` on top; a null removes the field.
fn speech_with(changes: &Value) -> Value {
    merged(
        json!({"kind": "speech", "input": "Hello there.", "voice": "af_heart"}),
        changes,
    )
}

/// A well-formed `/v1/audio/speech` request with `changes` on top.
fn openai_with(changes: &Value) -> Value {
    merged(
        json!({"model": "tts-1-hd", "input": "Hello there.", "voice": "af_heart"}),
        changes,
    )
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

fn bodies(bounds: Bounds) -> Vec<BadInput> {
    let raw = |name, body: &[u8]| post(name, "/v1/jobs", "application/json", body);
    let deep = "[".repeat(100_000);
    let deadline = format!(r#"{{"kind":"speech","input":"a","deadline":{deep}"#);
    let large = format!(
        r#"{{"kind":"speech","input":"{}"}}"#,
        "a".repeat(bounds.max_json_bytes)
    );
    vec![
        raw("no body", b""),
        raw("cut-off JSON", br#"{"kind":"speech","input":"He"#),
        raw("not JSON", b"input=Hello"),
        raw(
            "JSON with something behind it",
            br#"{"kind":"speech","input":"a"} {}"#,
        ),
        raw("JSON that is no object", br#"["speech"]"#),
        raw("null", b"null"),
        raw(
            "NaN in JSON",
            br#"{"kind":"speech","input":"a","speed":NaN}"#,
        ),
        raw(
            "a number beyond all numbers",
            br#"{"kind":"speech","input":"a","speed":1e999}"#,
        ),
        raw(
            "broken UTF-8",
            b"{\"kind\":\"speech\",\"input\":\"\xff\xfe\"}",
        ),
        raw("a lone surrogate", br#"{"kind":"speech","input":"\ud800"}"#),
        raw("a deep array", deep.as_bytes()),
        raw("a deep array in a field", deadline.as_bytes()),
        raw(
            "a field given twice",
            br#"{"kind":"speech","input":"a","input":"b"}"#,
        )
        .about("input"),
        raw("too large a body", large.as_bytes()).refused(413, "upload_too_large"),
        post("plain text", "/v1/jobs", "text/plain", "Hello")
            .refused(415, "unsupported_media_type"),
        post("XML", "/v1/jobs", "application/xml", "<a/>").refused(415, "unsupported_media_type"),
        post(
            "a URL-encoded form",
            "/v1/jobs",
            "application/x-www-form-urlencoded",
            "a=b",
        )
        .refused(415, "unsupported_media_type"),
        BadInput {
            content_type: None,
            ..raw("no content type", br#"{"kind":"speech","input":"a"}"#)
        }
        .refused(415, "unsupported_media_type"),
    ]
}

fn speech_jobs(bounds: Bounds) -> Vec<BadInput> {
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

fn deadlines() -> Vec<BadInput> {
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

fn voices() -> Vec<BadInput> {
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
        refused(
            "a mix of far too many",
            json!(vec!["af_heart"; 9].join("+")),
        ),
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

fn transcription_jobs() -> Vec<BadInput> {
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
        job("an endless prompt", json!({"prompt": "a".repeat(100_000)}))
            .refused(400, "text_too_long")
            .about("prompt"),
        job("a prompt with a NUL", json!({"prompt": "a\u{0}b"})).about("prompt"),
    ]
}

fn uploads(bounds: Bounds) -> Vec<BadInput> {
    let file = |name, bytes: &[u8]| form_to(name, "/v1/files", &[], Some(bytes)).about("file");
    let noise = audio::noise(20_000);
    let speech = audio::tone_wav(2);
    let beyond = audio::silent_flac(bounds.max_audio_seconds + 60);
    let oversized = vec![b'x'; bounds.max_upload_bytes + 1];
    vec![
        file("an empty file", b"").refused(400, "empty_upload"),
        file("a text", b"This is not audio, whatever its name says.").refused(415, "not_audio"),
        file("noise", &noise).refused(415, "not_audio"),
        file("an image", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR").refused(415, "not_audio"),
        file("a RIFF header and no more", b"RIFF\x24\0\0\0WAVE").refused(415, "not_audio"),
        file("a truncated WAV", &speech[..speech.len() / 2]).refused(400, "truncated_audio"),
        file("an hour of silence", &audio::silent_flac(3_600)).refused(400, "silent_audio"),
        file("a decompression bomb", &beyond).refused(413, "audio_too_long"),
        file("too large a file", &oversized).refused(413, "upload_too_large"),
        form_to("text as a job", "/v1/jobs", &[], Some(b"not audio"))
            .refused(415, "not_audio")
            .about("file"),
    ]
}

fn forms() -> Vec<BadInput> {
    let tone = audio::tone_wav(1);
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    let whole = form(&[], Some(&tone));
    let latin1 = b"--BOUNDARY\r\nContent-Disposition: form-data; name=\"language\"\r\n\r\n\xe9\r\n--BOUNDARY--\r\n";
    let nameless = "--BOUNDARY\r\nContent-Disposition: form-data\r\n\r\nx\r\n--BOUNDARY--\r\n";
    let twice = [&whole[..whole.len() - BOUNDARY.len() - 6], whole.as_slice()].concat();
    let with = |name, fields: &[(&str, &str)]| form_to(name, "/v1/jobs", fields, Some(&tone));
    let raw = |name, kind: &str, body: &[u8]| post(name, "/v1/jobs", kind, body);
    vec![
        raw("a form without a boundary", "multipart/form-data", &whole),
        raw(
            "a form with another boundary",
            "multipart/form-data; boundary=other",
            &whole,
        ),
        raw("a form that breaks off", &kind, &whole[..whole.len() - 20]),
        raw("a form that is none", &kind, b"Hello"),
        raw("an empty form", &kind, b""),
        raw(
            "a field that is not UTF-8",
            "multipart/form-data; boundary=BOUNDARY",
            latin1,
        )
        .about("language"),
        raw(
            "a field without a name",
            "multipart/form-data; boundary=BOUNDARY",
            nameless.as_bytes(),
        ),
        raw("two files", &kind, &twice).about("file"),
        form_to(
            "a form without a file",
            "/v1/jobs",
            &[("language", "en")],
            None,
        )
        .about("file"),
        with("a field nobody knows", &[("colour", "red")]).about("colour"),
        with(
            "a field given twice in a form",
            &[("language", "en"), ("language", "de")],
        )
        .about("language"),
        with("speech as a form", &[("kind", "speech")]).about("kind"),
        with("an unknown kind in a form", &[("kind", "song")]).about("kind"),
        with("an unknown tier in a form", &[("tier", "now")])
            .refused(400, "unknown_tier")
            .about("tier"),
        with(
            "a temperature in words in a form",
            &[("temperature", "warm")],
        )
        .about("temperature"),
        with("a temperature that is no number", &[("temperature", "NaN")]).about("temperature"),
        with("a deadline in words in a form", &[("deadline", "soon")])
            .refused(400, "invalid_deadline")
            .about("deadline"),
        with("an unknown model in a form", &[("model", "whisper-9")])
            .refused(404, "unknown_model")
            .about("model"),
        form_to(
            "a form with a field too many",
            "/v1/files",
            &[("language", "en")],
            Some(&tone),
        )
        .about("language"),
        json_to("JSON where a form belongs", "/v1/files", &json!({}))
            .refused(415, "unsupported_media_type"),
    ]
}

fn openai_speech(bounds: Bounds) -> Vec<BadInput> {
    let speech = |name, changes: Value| json_to(name, "/v1/audio/speech", &openai_with(&changes));
    let long = "word ".repeat(bounds.max_sync_chars / 5 + 1);
    let large = "a".repeat(bounds.max_json_bytes);
    vec![
        speech("OpenAI: no model", json!({"model": null})).about("model"),
        speech("OpenAI: no voice", json!({"voice": null})).about("voice"),
        speech("OpenAI: no input", json!({"input": null})).about("input"),
        speech("OpenAI: an unknown model", json!({"model": "tts-9"}))
            .refused(404, "unknown_model")
            .about("model"),
        speech(
            "OpenAI: a model that listens",
            json!({"model": "whisper-1"}),
        )
        .refused(404, "unknown_model")
        .about("model"),
        speech("OpenAI: an unknown voice", json!({"voice": "nobody"}))
            .refused(400, "unknown_voice")
            .about("voice"),
        speech("OpenAI: a voice without an id", json!({"voice": {}})).about("voice"),
        speech("OpenAI: another engine's voice", json!({"model": "tts-1"}))
            .refused(400, "unknown_voice")
            .about("voice"),
        speech(
            "OpenAI: an engine that is not the model's",
            json!({"engine": "piper"}),
        )
        .about("engine"),
        speech("OpenAI: an empty text", json!({"input": ""}))
            .refused(400, "empty_text")
            .about("input"),
        speech("OpenAI: too long a text", json!({"input": long}))
            .refused(400, "text_too_long")
            .about("input"),
        speech(
            "OpenAI: an unknown format",
            json!({"response_format": "aac"}),
        )
        .refused(400, "unknown_format")
        .about("response_format"),
        speech(
            "OpenAI: an unknown stream format",
            json!({"stream_format": "carrier pigeon"}),
        )
        .refused(400, "unknown_format")
        .about("stream_format"),
        speech("OpenAI: too fast", json!({"speed": 5}))
            .refused(400, "speed_out_of_range")
            .about("speed"),
        speech("OpenAI: an unknown tier", json!({"tier": "now"}))
            .refused(400, "unknown_tier")
            .about("tier"),
        speech("OpenAI: an unknown field", json!({"pitch": 2})).about("pitch"),
        post(
            "OpenAI: no JSON",
            "/v1/audio/speech",
            "application/json",
            "{",
        ),
        post(
            "OpenAI: plain text",
            "/v1/audio/speech",
            "text/plain",
            "Hello",
        )
        .refused(415, "unsupported_media_type"),
        speech("OpenAI: too large a body", json!({"input": large}))
            .refused(413, "upload_too_large"),
        bare("OpenAI: wrong method", "GET", "/v1/audio/speech").refused(405, "method_not_allowed"),
        bare("OpenAI: no such path", "POST", "/v1/audio/song").refused(404, "not_found"),
    ]
}

fn openai_transcriptions(bounds: Bounds) -> Vec<BadInput> {
    let path = "/v1/audio/transcriptions";
    let tone = audio::tone_wav(1);
    let with = |name, fields: &[(&str, &str)]| {
        let fields = [&[("model", "whisper-1")], fields].concat();
        form_to(name, path, &fields, Some(&tone))
    };
    let file = |name, bytes: &[u8]| {
        form_to(name, path, &[("model", "whisper-1")], Some(bytes)).about("file")
    };
    let granular = [
        ("response_format", "verbose_json"),
        ("timestamp_granularities[]", "syllable"),
    ];
    vec![
        form_to("OpenAI: no model in a form", path, &[], Some(&tone)).about("model"),
        form_to("OpenAI: no file", path, &[("model", "whisper-1")], None).about("file"),
        form_to(
            "OpenAI: an unknown transcriber",
            path,
            &[("model", "whisper-9")],
            Some(&tone),
        )
        .refused(404, "unknown_model")
        .about("model"),
        with(
            "OpenAI: a format nobody makes",
            &[("response_format", "diarized_json")],
        )
        .refused(400, "unknown_format")
        .about("response_format"),
        with("OpenAI: syllables", &granular).about("timestamp_granularities[]"),
        with(
            "OpenAI: words without verbose_json",
            &[("timestamp_granularities[]", "word")],
        )
        .about("timestamp_granularities[]"),
        with("OpenAI: a stream", &[("stream", "true")]).about("stream"),
        with(
            "OpenAI: a chunking strategy",
            &[("chunking_strategy", "server_vad")],
        )
        .about("chunking_strategy"),
        with("OpenAI: an unknown tier in a form", &[("tier", "now")])
            .refused(400, "unknown_tier")
            .about("tier"),
        with(
            "OpenAI: an unknown field in a form",
            &[("include[]", "logprobs")],
        )
        .about("include[]"),
        file("OpenAI: an empty file", b"").refused(400, "empty_upload"),
        file("OpenAI: not audio", b"not audio").refused(415, "not_audio"),
        file(
            "OpenAI: too much audio",
            &audio::silent_flac(bounds.max_audio_seconds + 60),
        )
        .refused(413, "audio_too_long"),
        json_to("OpenAI: JSON where a form belongs", path, &json!({}))
            .refused(415, "unsupported_media_type"),
    ]
}

fn paths_and_queries() -> Vec<BadInput> {
    let get = |name, path: &str| bare(name, "GET", path);
    let nobody = "/v1/jobs/01935d2e-0000-7000-8000-000000000001";
    let endless = format!("/v1/{}", "a".repeat(4_000));
    let file = format!("/v1/files/file-{}-1000", "0".repeat(64));
    vec![
        get("no such path", "/v1/nothing").refused(404, "not_found"),
        get("an endless path", &endless).refused(404, "not_found"),
        get("a path above the root", "/../../etc/passwd").refused(404, "not_found"),
        bare("wrong method on jobs", "PUT", "/v1/jobs").refused(405, "method_not_allowed"),
        bare("wrong method on the service", "POST", "/livez").refused(405, "method_not_allowed"),
        get("a job that is none", "/v1/jobs/42").refused(404, "job_not_found"),
        get("a job that never was", nobody).refused(404, "job_not_found"),
        get("a job in broken UTF-8", "/v1/jobs/%ff%fe").refused(404, "job_not_found"),
        get(
            "the result of a job that never was",
            &format!("{nobody}/result"),
        )
        .refused(404, "job_not_found"),
        bare(
            "cancelling a job that never was",
            "POST",
            format!("{nobody}/cancel"),
        )
        .refused(404, "job_not_found"),
        bare("deleting a job that never was", "DELETE", nobody).refused(404, "job_not_found"),
        bare("cancelling what is no job", "POST", "/v1/jobs/x/cancel")
            .refused(404, "job_not_found"),
        get("a wait in words", &format!("{nobody}?wait=long")).about("wait"),
        get("a wait before now", &format!("{nobody}?wait=-1")).about("wait"),
        get("a parameter nobody knows", &format!("{nobody}?colour=red")).about("colour"),
        get(
            "a result parameter nobody knows",
            &format!("{nobody}/result?colour=red"),
        )
        .about("colour"),
        get("a list of none", "/v1/jobs?limit=0").about("limit"),
        get("a list of too many", "/v1/jobs?limit=101").about("limit"),
        get("a list of some", "/v1/jobs?limit=some").about("limit"),
        get("a bad cursor", "/v1/jobs?after=yesterday").about("after"),
        get("an unknown status", "/v1/jobs?status=done").about("status"),
        get("an unknown tier to list", "/v1/jobs?tier=now")
            .refused(400, "unknown_tier")
            .about("tier"),
        get("a list parameter nobody knows", "/v1/jobs?page=2").about("page"),
        get("an unknown model to show", "/v1/models/gpt-9").refused(404, "unknown_model"),
        get("a model in broken UTF-8", "/v1/models/%ff").refused(404, "unknown_model"),
        get("a file to show that never was", &file).refused(404, "file_not_found"),
        get("a file to show that is none", "/v1/files/x").refused(404, "file_not_found"),
        bare("a file to delete that never was", "DELETE", file).refused(404, "file_not_found"),
        bare("a file to delete that is none", "DELETE", "/v1/files/x")
            .refused(404, "file_not_found"),
    ]
}
