//! Subtitles: `SubRip` and `WebVTT`.

use std::fmt::Write as _;

use voicefleet_core::Transcript;

use super::milliseconds;

/// `SubRip`: times with a comma.
pub(super) fn srt(transcript: &Transcript) -> String {
    let mut out = String::new();
    for (number, segment) in (1..).zip(&transcript.segments) {
        let (start, end) = (clock_time(segment.start, ','), clock_time(segment.end, ','));
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "{number}\n{start} --> {end}\n{}\n\n",
            one_line(&segment.text)
        );
    }
    out
}

/// `WebVTT`: times with a point, text escaped.
pub(super) fn vtt(transcript: &Transcript) -> String {
    let mut out = "WEBVTT\n\n".to_owned();
    for segment in &transcript.segments {
        let (start, end) = (clock_time(segment.start, '.'), clock_time(segment.end, '.'));
        let text = one_line(&segment.text)
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;");
        let _ = write!(out, "{start} --> {end}\n{text}\n\n");
    }
    out
}

/// A blank line would end the cue.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `hh:mm:ss` with milliseconds after `point`.
fn clock_time(seconds: f64, point: char) -> String {
    let ms = milliseconds(seconds);
    let (s, m, h) = (ms / 1000, ms / 60_000, ms / 3_600_000);
    format!("{h:02}:{:02}:{:02}{point}{:03}", m % 60, s % 60, ms % 1000)
}
