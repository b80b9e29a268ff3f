//! Files that are no audio, and forms that are no forms.

use serde_json::json;

use super::{
    BadInput, Bounds, audio,
    form::{BOUNDARY, form},
    form_to, json_to, post,
};

pub(super) fn uploads(bounds: Bounds) -> Vec<BadInput> {
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
        file("a RIFF header and no more", b"RIFF\x24\0\0\0WAVE").refused(400, "truncated_audio"),
        file("a truncated WAV", &speech[..speech.len() / 2]).refused(400, "truncated_audio"),
        file("an hour of silence", &audio::silent_flac(3_600)).refused(400, "silent_audio"),
        file("a decompression bomb", &beyond).refused(413, "audio_too_long"),
        file("too large a file", &oversized).refused(413, "upload_too_large"),
        form_to("text as a job", "/v1/jobs", &[], Some(b"not audio"))
            .refused(415, "not_audio")
            .about("file"),
    ]
}

pub(super) fn forms() -> Vec<BadInput> {
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
