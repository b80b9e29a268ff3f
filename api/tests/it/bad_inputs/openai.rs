//! What OpenAI's clients might get wrong.

use serde_json::{Value, json};

use super::{BadInput, Bounds, audio, bare, form_to, json_to, merged, post};

pub(super) fn openai_speech(bounds: Bounds) -> Vec<BadInput> {
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

pub(super) fn openai_transcriptions(bounds: Bounds) -> Vec<BadInput> {
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
        with("OpenAI: half a stream", &[("stream", "maybe")]).about("stream"),
        with(
            "OpenAI: a stream of cues",
            &[("stream", "true"), ("response_format", "srt")],
        )
        .about("response_format"),
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

pub(super) fn openai_translations(bounds: Bounds) -> Vec<BadInput> {
    let path = "/v1/audio/translations";
    let tone = audio::tone_wav(1);
    let of =
        |name, model: &str, bytes: &[u8]| form_to(name, path, &[("model", model)], Some(bytes));
    vec![
        form_to("OpenAI: no model to translate with", path, &[], Some(&tone)).about("model"),
        of("OpenAI: an unknown translator", "whisper-9", &tone)
            .refused(404, "unknown_model")
            .about("model"),
        of(
            "OpenAI: a translator of English only",
            "whisper-tiny.en",
            &tone,
        )
        .about("model"),
        form_to(
            "OpenAI: a language to translate from",
            path,
            &[("model", "whisper-1"), ("language", "de")],
            Some(&tone),
        )
        .about("language"),
        of("OpenAI: nothing to translate", "whisper-1", b"").refused(400, "empty_upload"),
        of("OpenAI: no audio to translate", "whisper-1", b"not audio").refused(415, "not_audio"),
        of(
            "OpenAI: too much to translate",
            "whisper-1",
            &audio::silent_flac(bounds.max_audio_seconds + 60),
        )
        .refused(413, "audio_too_long"),
    ]
}

/// A well-formed `/v1/audio/speech` request with `changes` on top.
fn openai_with(changes: &Value) -> Value {
    merged(
        json!({"model": "tts-1-hd", "input": "Hello there.", "voice": "af_heart"}),
        changes,
    )
}
