//! A small file that unpacks to hours costs no more than the limit. Alone in its binary, for it
//! looks at the memory of the whole process.

#![cfg(target_os = "linux")]

mod support;

use support::{RATE, ffmpeg_makes};
use voicefleet_audio::Codec;
use voicefleet_core::ports::{AudioCodec as _, AudioError, AudioLimits};

/// The most memory that this process ever held, bytes.
fn peak_memory() -> u64 {
    let process = procfs::process::Process::myself().expect("Linux has it");
    let status = process.status().expect("Linux has it");
    status.vmhwm.expect("it lives") * 1024
}

#[test]
fn hours_of_silence_are_not_unpacked() {
    let source = ["-f", "lavfi", "-i", "anullsrc=r=16000:cl=mono:d=14400"];
    let bomb = ffmpeg_makes(&source, "flac");
    assert!(bomb.len() < 4 << 20, "{} bytes for four hours", bomb.len());

    let limits = AudioLimits {
        max_seconds: 60.0,
        ..AudioLimits::default()
    };
    let before = peak_memory();
    let result = Codec
        .decode(&bomb, Some(RATE), limits)
        .map(|pcm| pcm.seconds());
    let grown = peak_memory() - before;

    assert_eq!(result, Err(AudioError::TooLong { max_seconds: 60.0 }));
    // A minute is 4 MB at 16 kHz, and its vector may have room for twice that. Four hours would
    // be 920 MB.
    assert!(grown < 32 << 20, "{grown} bytes");
}
