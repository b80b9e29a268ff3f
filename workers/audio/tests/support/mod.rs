//! Files made by ffmpeg, and a measure of how alike two recordings are.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::{ffi::OsStr, fs, process::Command};

use tempfile::TempDir;
use voicefleet_audio::Codec;
use voicefleet_core::{
    audio::Pcm,
    ports::{AudioCodec as _, AudioError, AudioLimits},
};

/// The rate that recordings are compared at, Hz: that of the speech sample.
pub(crate) const RATE: u32 = 16_000;

/// Decodes at [`RATE`] within the default limits.
pub(crate) fn decode(bytes: &[u8]) -> Result<Pcm, AudioError> {
    Codec.decode(bytes, Some(RATE), AudioLimits::default())
}

/// The path of eleven seconds of speech, 16 kHz mono.
pub(crate) fn speech_file() -> String {
    let path = voicefleet_testkit::model_file("speech/jfk.wav");
    path.to_str().expect("a path in UTF-8").to_owned()
}

/// Those eleven seconds, read by ffmpeg.
pub(crate) fn speech() -> Pcm {
    let bytes = fs::read(speech_file()).expect("the speech sample can be read");
    ffmpeg_decode(&bytes, "wav", RATE)
}

/// Speech converted by ffmpeg: `arguments` stand between input and output, `extension` names the
/// container.
pub(crate) fn speech_as(arguments: &[&str], extension: &str) -> Vec<u8> {
    let input = speech_file();
    let mut all = vec!["-i", &input];
    all.extend(arguments);
    ffmpeg_makes(&all, extension)
}

/// What ffmpeg writes to a file with this extension.
pub(crate) fn ffmpeg_makes(arguments: &[&str], extension: &str) -> Vec<u8> {
    let folder = TempDir::new().expect("a temporary folder");
    let file = folder.path().join(format!("made.{extension}"));
    let mut command = ffmpeg();
    run(command.args(arguments).arg(&file));
    fs::read(file).expect("ffmpeg wrote it")
}

/// What ffmpeg writes to a pipe, where it cannot go back to fill in lengths.
pub(crate) fn ffmpeg_pipes(arguments: &[&str], container: &str) -> Vec<u8> {
    let mut command = ffmpeg();
    run(command.args(arguments).args(["-f", container, "-"]))
}

/// Mono samples of a file, as ffmpeg decodes it.
pub(crate) fn ffmpeg_decode(bytes: &[u8], extension: &str, rate: u32) -> Pcm {
    let (_folder, file) = stored(bytes, extension);
    let mut command = ffmpeg();
    let rate_text = rate.to_string();
    command.args(["-i", &file, "-ac", "1", "-ar", &rate_text]);
    let raw = run(command.args(["-f", "f32le", "-"]));
    let samples = raw
        .as_chunks()
        .0
        .iter()
        .map(|sample| f32::from_le_bytes(*sample))
        .collect();
    Pcm { samples, rate }
}

/// An entry of what ffprobe says about a file's audio stream, such as `duration`.
pub(crate) fn ffprobe(bytes: &[u8], extension: &str, entry: &str) -> String {
    let (_folder, file) = stored(bytes, extension);
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error", "-of", "csv=p=0", "-select_streams", "a:0"]);
    command.args(["-show_entries", &format!("stream={entry}"), &file]);
    let answer = run(&mut command);
    String::from_utf8(answer)
        .expect("ffprobe writes UTF-8")
        .trim()
        .to_owned()
}

fn stored(bytes: &[u8], extension: &str) -> (TempDir, String) {
    let folder = TempDir::new().expect("a temporary folder");
    let file = folder.path().join(format!("stored.{extension}"));
    fs::write(&file, bytes).expect("the file can be written");
    let file = file.to_str().expect("a path in UTF-8").to_owned();
    (folder, file)
}

fn ffmpeg() -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-y"]);
    command
}

fn run(command: &mut Command) -> Vec<u8> {
    let program = command.get_program().display().to_string();
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{program} does not start ({error}): run `make setup`"));
    let said = String::from_utf8_lossy(&output.stderr);
    let arguments: Vec<&OsStr> = command.get_args().collect();
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
    output.stdout
}

/// How two recordings of one rate compare.
#[derive(Debug)]
pub(crate) struct Likeness {
    /// Normalised cross-correlation at the best shift: 1 for the same shape. A wrong rate, a gap,
    /// or noise brings it towards 0.
    pub(crate) correlation: f64,
    /// Seconds that `heard` comes late by.
    pub(crate) late: f64,
    /// Loudness of `heard` in that of the original.
    pub(crate) level: f64,
}

/// Compares `heard` to the original. The shift is looked for in a quarter of the second second,
/// 140 ms either way; the correlation is that of the whole.
pub(crate) fn compare(original: &Pcm, heard: &Pcm) -> Likeness {
    assert_eq!(original.rate, heard.rate, "rates to compare");
    let second = original.rate as usize;
    let reach = isize::try_from(second * 140 / 1000).expect("a small number");
    let excerpt = |samples: &[f32]| {
        let end = samples.len().min(second + second / 4);
        samples[end.min(second)..end].to_vec()
    };
    let (a, b) = (excerpt(&original.samples), excerpt(&heard.samples));
    let shift = (-reach..=reach)
        .map(|shift| (shift, product(&a, &b, shift)))
        .max_by(|x, y| x.1.total_cmp(&y.1))
        .map_or(0, |(shift, _)| shift);
    let (a, b) = overlap(&original.samples, &heard.samples, shift);
    #[expect(clippy::cast_precision_loss, reason = "a few thousand samples")]
    let late = shift as f64 / f64::from(original.rate);
    Likeness {
        correlation: product(a, b, 0) / (energy(a) * energy(b)).sqrt().max(f64::MIN_POSITIVE),
        late,
        level: (energy(b) / energy(a)).sqrt(),
    }
}

fn product(a: &[f32], b: &[f32], shift: isize) -> f64 {
    let (a, b) = overlap(a, b, shift);
    f64::from(a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>())
}

fn overlap<'a>(a: &'a [f32], b: &'a [f32], shift: isize) -> (&'a [f32], &'a [f32]) {
    let late = shift.unsigned_abs();
    let (a, b) = if shift < 0 {
        (&a[late.min(a.len())..], b)
    } else {
        (a, &b[late.min(b.len())..])
    };
    let both = a.len().min(b.len());
    (&a[..both], &b[..both])
}

fn energy(samples: &[f32]) -> f64 {
    f64::from(samples.iter().map(|s| s * s).sum::<f32>())
}

/// Writes the page's checksum anew (RFC 3533, section 6): CRC-32 without reflection or inversion.
pub(crate) fn seal(page: &mut [u8]) {
    page[22..26].fill(0);
    let checksum = page.iter().fold(0_u32, |crc, byte| {
        (0..8).fold(crc ^ (u32::from(*byte) << 24), |crc, _| {
            let carry = crc >> 31;
            (crc << 1) ^ (carry * 0x04c1_1db7)
        })
    });
    page[22..26].copy_from_slice(&checksum.to_le_bytes());
}
