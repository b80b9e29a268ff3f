//! Every format that is read, in every shape that clients send.

mod support;

use std::fmt::Write as _;

use support::{compare, decode, speech, speech_as};

/// A format: extension, and arguments for ffmpeg.
#[derive(Clone, Copy)]
struct Format {
    extension: &'static str,
    arguments: &'static [&'static str],
    /// The most channels that it, or its reader here, has.
    channels: usize,
    /// Samples of the source's rate that encoders put around the audio where the format has no
    /// place to say so.
    padding: f64,
}

const fn format(
    extension: &'static str,
    channels: usize,
    arguments: &'static [&'static str],
) -> Format {
    Format {
        extension,
        arguments,
        channels,
        padding: 0.0,
    }
}

const fn padded(padding: f64, format: Format) -> Format {
    Format { padding, ..format }
}

const FORMATS: [Format; 28] = [
    format("wav", 6, &["-c:a", "pcm_u8"]),
    format("wav", 6, &["-c:a", "pcm_s16le"]),
    format("wav", 6, &["-c:a", "pcm_s24le"]),
    format("wav", 6, &["-c:a", "pcm_s32le"]),
    format("wav", 6, &["-c:a", "pcm_f32le"]),
    format("wav", 6, &["-c:a", "pcm_f64le"]),
    format("wav", 6, &["-c:a", "pcm_alaw"]),
    format("wav", 6, &["-c:a", "pcm_mulaw"]),
    padded(2048.0, format("wav", 2, &["-c:a", "adpcm_ms"])),
    padded(2048.0, format("wav", 2, &["-c:a", "adpcm_ima_wav"])),
    format("mp3", 2, &["-b:a", "64k"]),
    format("mp3", 2, &["-q:a", "5", "-id3v2_version", "0"]),
    padded(2400.0, format("mp3", 2, &["-q:a", "5", "-write_xing", "0"])),
    format("ogg", 2, &["-c:a", "libvorbis"]),
    format("ogg", 6, &["-c:a", "libopus"]),
    format("ogg", 6, &["-c:a", "flac"]),
    format("flac", 6, &[]),
    format("m4a", 2, &["-c:a", "aac"]),
    format("m4a", 2, &["-c:a", "aac", "-movflags", "faststart"]),
    format(
        "m4a",
        2,
        &["-c:a", "aac", "-movflags", "frag_keyframe+delay_moov"],
    ),
    padded(
        2048.0,
        format(
            "m4a",
            2,
            &["-c:a", "aac", "-movflags", "frag_keyframe+empty_moov"],
        ),
    ),
    format("mp4", 6, &["-c:a", "libopus"]),
    padded(2048.0, format("aac", 2, &["-c:a", "aac"])),
    format("webm", 6, &["-c:a", "libopus"]),
    format("webm", 6, &["-c:a", "libopus", "-live", "1"]),
    format("webm", 2, &["-c:a", "libvorbis"]),
    padded(2048.0, format("mkv", 2, &["-c:a", "aac"])),
    format("mkv", 6, &["-c:a", "pcm_s16le"]),
];

/// Speech in that format, the same in every channel, so that their mean is the original.
fn speech_in(format: &Format, rate: u32, channels: usize) -> Vec<u8> {
    let layout = ["", "mono", "stereo", "", "", "", "5.1"][channels];
    let mix = (0..channels).fold(layout.to_owned(), |mix, n| format!("{mix}|c{n}=c0"));
    let filter = format!("pan={mix}");
    // Opus has no 44.1 kHz; ffmpeg wants to be told.
    let rate = if format.arguments.contains(&"libopus") && rate == 44_100 {
        48_000
    } else {
        rate
    };
    let rate = rate.to_string();
    let mut arguments = vec!["-af", &filter, "-ar", &rate];
    arguments.extend(format.arguments);
    speech_as(&arguments, format.extension)
}

/// Decodes speech in every format that has `channels`, and compares it to the original.
fn every_format_sounds_right(rate: u32, channels: usize) {
    let original = speech();
    let mut wrong = String::new();
    for format in FORMATS.iter().filter(|format| channels <= format.channels) {
        let bytes = speech_in(format, rate, channels);
        let verdict = decode(&bytes).map(|heard| (heard.seconds(), compare(&original, &heard)));
        let slack = format.padding / f64::from(rate);
        let right = verdict.as_ref().is_ok_and(|(seconds, likeness)| {
            (-0.05..0.05 + slack).contains(&(seconds - original.seconds()))
                && (-0.001..0.001 + slack).contains(&likeness.late)
                && likeness.correlation > 0.95
                && (likeness.level - 1.0).abs() < 0.1
        });
        if !right {
            let what = (format.extension, format.arguments);
            writeln!(wrong, "{what:?}: {verdict:?}").expect("a string takes it");
        }
    }
    assert!(wrong.is_empty(), "{rate} Hz, {channels} channels:\n{wrong}");
}

#[test]
fn telephone_audio() {
    every_format_sounds_right(8_000, 1);
}

#[test]
fn narrow_microphones() {
    every_format_sounds_right(16_000, 1);
}

#[test]
fn stereo_music_rate() {
    every_format_sounds_right(44_100, 2);
}

#[test]
fn surround() {
    every_format_sounds_right(48_000, 6);
}
