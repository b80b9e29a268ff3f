//! Every container in, every format out, checked with ffmpeg.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use voicefleet_core::words::words;
use voicefleet_tests::id_of;

use crate::{JOE, fresh_server};

/// What a person says in the clip.
const SAID: &str = "And so, my fellow Americans, ask not what your country can do for you, ask what you can do for your country.";
/// What is spoken for the telephone. The person's clip will not do there: 8 kHz leave out what tells
/// "Americans ask" from "America asked", whoever resamples it.
const TELEPHONED: &str = "The committee will meet again on Monday morning to talk about the new hospital. Everybody is welcome to ask questions.";
/// Name, and the options that make ffmpeg write it from the spoken clip.
const TELEPHONE: &[(&str, &[&str])] = &[
    ("mulaw8k.wav", &["-ar", "8000", "-c:a", "pcm_mulaw"]),
    ("alaw8k.wav", &["-ar", "8000", "-c:a", "pcm_alaw"]),
    ("pcm8k.wav", &["-ar", "8000", "-c:a", "pcm_s16le"]),
];

/// The same for the clip of a person.
const CONTAINERS: &[(&str, &[&str])] = &[
    ("pcm16.wav", &[]),
    (
        "float48k-stereo.wav",
        &["-ar", "48000", "-ac", "2", "-c:a", "pcm_f32le"],
    ),
    ("clip.mp3", &["-ar", "44100", "-ac", "2", "-b:a", "96k"]),
    ("vorbis.ogg", &["-c:a", "libvorbis", "-q:a", "5"]),
    ("opus.ogg", &["-c:a", "libopus", "-b:a", "32k"]),
    ("clip.opus", &["-c:a", "libopus", "-b:a", "32k"]),
    ("clip.flac", &["-ar", "22050"]),
    ("clip.m4a", &["-c:a", "aac", "-b:a", "96k"]),
    (
        "faststart.m4a",
        &["-c:a", "aac", "-b:a", "96k", "-movflags", "+faststart"],
    ),
    ("clip.webm", &["-c:a", "libopus", "-b:a", "32k"]),
    ("surround48k.flac", &["-ar", "48000", "-ac", "6"]),
];

fn run(program: &str, args: &[&str]) -> Vec<u8> {
    let output = Command::new(program)
        .args(args)
        .output()
        .unwrap_or_else(|error| {
            panic!("{program}: {error}; run `make setup-test`");
        });
    assert!(
        output.status.success(),
        "{program} {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

fn converted(from: &Path, folder: &Path, name: &str, options: &[&str]) -> PathBuf {
    let to = folder.join(name);
    let (from, target) = (from.to_str().expect("utf-8"), to.to_str().expect("utf-8"));
    let mut args = vec!["-v", "error", "-y", "-i", from];
    args.extend(options);
    args.push(target);
    run("ffmpeg", &args);
    to
}

#[tokio::test]
async fn every_container_transcribes_to_the_same_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_data, server) = fresh_server(&[]).await;
    let client = server.client().expect("a client");
    let person = voicefleet_testkit::model_file("speech/jfk.wav");
    let telephoned = folder.path().join("telephoned.wav");
    let spoken = client.spoken("kokoro", "bm_george", TELEPHONED).await;
    std::fs::write(&telephoned, spoken.expect("audio")).expect("written");

    let mut jobs = Vec::new();
    for (clip, said, files) in [
        (&person, SAID, CONTAINERS),
        (&telephoned, TELEPHONED, TELEPHONE),
    ] {
        for (name, options) in files {
            let file = converted(clip, folder.path(), name, options);
            let bytes = std::fs::read(file).expect("converted");
            let job = client.transcribe(bytes, &[("language", "en")]).await;
            jobs.push((name, clip, said, job.expect(name)));
        }
    }
    for (name, clip, said, job) in jobs {
        let id = id_of(&job).expect("an id");
        let result = client.result(id).await.expect(name);
        let transcript: Value = serde_json::from_slice(&result).expect("JSON");
        let heard = words(transcript["text"].as_str().expect("text"));
        assert_eq!(heard, words(said), "{name}");
        let seconds = transcript["duration"].as_f64().expect("a duration");
        let (whole, ..) = probed(clip, false);
        assert!((seconds - whole).abs() < 0.1, "{name}: {seconds} s");
    }
    server.stop().await.expect("stops");
}

/// Seconds, rate and codec as ffprobe sees them.
fn probed(file: &Path, raw: bool) -> (f64, u32, String) {
    let path = file.to_str().expect("utf-8");
    let mut args = vec!["-v", "error"];
    if raw {
        args.extend(["-f", "s16le", "-ar", "24000", "-ac", "1"]);
    }
    args.extend([
        "-show_entries",
        "stream=sample_rate,codec_name:format=duration",
        "-of",
        "json",
        path,
    ]);
    let probe: Value = serde_json::from_slice(&run("ffprobe", &args)).expect("JSON");
    let text = |value: &Value| value.as_str().expect("a string").to_owned();
    let seconds = text(&probe["format"]["duration"]).parse().expect("seconds");
    let rate = text(&probe["streams"][0]["sample_rate"])
        .parse()
        .expect("a rate");
    (seconds, rate, text(&probe["streams"][0]["codec_name"]))
}

/// Seconds of sound that ffmpeg really decodes from the file.
fn decoded_seconds(file: &Path, raw: bool) -> f64 {
    let path = file.to_str().expect("utf-8");
    let mut args = vec!["-v", "error"];
    if raw {
        args.extend(["-f", "s16le", "-ar", "24000", "-ac", "1"]);
    }
    args.extend(["-i", path, "-f", "s16le", "-ac", "1", "-ar", "16000", "-"]);
    let bytes = u32::try_from(run("ffmpeg", &args).len()).expect("small");
    f64::from(bytes) / 2.0 / 16_000.0
}

#[tokio::test]
async fn every_output_format_decodes_to_the_right_duration_and_rate() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_data, server) = fresh_server(&[]).await;
    let client = server.client().expect("a client");
    for (engine, voice, own_rate) in [("piper", JOE, 22_050), ("kokoro", "af_heart", 24_000)] {
        let job = client
            .speak(
                engine,
                voice,
                "standard",
                "This sentence comes in every format.",
            )
            .await
            .expect("accepted");
        let id = id_of(&job).expect("an id").to_owned();
        let job = client.ended(&id).await.expect("ends");
        let seconds = job["timings"]["audio_seconds"].as_f64().expect("seconds");
        for (format, codec, rate) in [
            ("wav", "pcm_s16le", own_rate),
            ("pcm", "pcm_s16le", 24_000),
            ("flac", "flac", own_rate),
            ("mp3", "mp3", own_rate),
            ("opus", "opus", 48_000),
        ] {
            let answer = client
                .get(&format!("/v1/jobs/{id}/result?format={format}"))
                .await
                .expect("answer");
            assert_eq!(
                answer.status,
                200,
                "{format}: {}",
                String::from_utf8_lossy(&answer.body)
            );
            let file = folder.path().join(format!("{engine}.{format}"));
            std::fs::write(&file, &answer.body).expect("written");
            let raw = format == "pcm";
            let (probed_seconds, probed_rate, probed_codec) = probed(&file, raw);
            assert_eq!(
                (probed_codec.as_str(), probed_rate),
                (codec, rate),
                "{engine} {format}"
            );
            let decoded = decoded_seconds(&file, raw);
            // A player of MP3 hears up to three frames of 26 ms around the sound: the format has whole
            // frames only, and ffmpeg keeps the last one.
            let tolerance = if format == "mp3" { 0.08 } else { 0.03 };
            for measured in [probed_seconds, decoded] {
                assert!(
                    (measured - seconds).abs() < tolerance,
                    "{engine} {format}: {measured} s, not {seconds} s"
                );
            }
        }
    }
    server.stop().await.expect("stops");
}
