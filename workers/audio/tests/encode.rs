//! Every format that is written: what other programs make of it, and what we do.

mod support;

use support::{RATE, compare, decode, ffmpeg_decode, ffprobe, speech};
use voicefleet_audio::{Codec, resample};
use voicefleet_core::{
    audio::{AudioFormat, Pcm},
    ports::{AudioCodec as _, AudioError},
};

/// The rates of the voices in use (Hz), and one that no codec has.
const VOICE_RATES: [u32; 5] = [16_000, 22_050, 24_000, 48_000, 23_456];

fn encode(pcm: &Pcm, format: AudioFormat) -> Vec<u8> {
    Codec.encode(pcm, format).expect("it can be encoded")
}

fn extension(format: AudioFormat) -> &'static str {
    match format {
        AudioFormat::Wav => "wav",
        AudioFormat::Mp3 => "mp3",
        AudioFormat::Opus => "ogg",
        AudioFormat::Flac => "flac",
        AudioFormat::Pcm => panic!("it has no container"),
    }
}

/// The rate that the format is to have for a voice's rate.
fn expected_rate(format: AudioFormat, rate: u32) -> u32 {
    match (format, rate) {
        (AudioFormat::Opus, _) => 48_000,
        (AudioFormat::Mp3 | AudioFormat::Flac, 23_456) => 24_000,
        _ => rate,
    }
}

fn ffmpeg_and_we_hear_the_speech(format: AudioFormat) {
    let original = speech();
    for rate in VOICE_RATES {
        let bytes = encode(&resample(&original, rate), format);
        let file = extension(format);
        let probed = ffprobe(&bytes, file, "sample_rate,channels,duration");
        let (shape, duration) = probed.rsplit_once(',').expect("three values");
        assert_eq!(shape, format!("{},1", expected_rate(format, rate)));
        let duration: f64 = duration.parse().expect("a duration in seconds");
        // Of MP3, ffprobe counts whole frames with what the encoder put around the audio.
        let slack = if format == AudioFormat::Mp3 {
            0.1
        } else {
            0.05
        };
        assert!((duration - 11.0).abs() < slack, "{rate} Hz: {duration} s");

        let theirs = ffmpeg_decode(&bytes, file, RATE);
        let ours = decode(&bytes).expect("our own files can be read");
        for (who, heard) in [("ffmpeg", theirs), ("we", ours)] {
            let likeness = compare(&original, &heard);
            let right = (heard.seconds() - original.seconds()).abs() < 0.001
                && likeness.late.abs() < 0.001
                && likeness.correlation > 0.95
                // LAME makes it quieter by 0.45 dB, against clipping.
                && (likeness.level - 1.0).abs() < 0.06;
            assert!(
                right,
                "{rate} Hz, {who}: {} s, {likeness:?}",
                heard.seconds()
            );
        }
    }
}

#[test]
fn wav() {
    ffmpeg_and_we_hear_the_speech(AudioFormat::Wav);
}

#[test]
fn mp3() {
    ffmpeg_and_we_hear_the_speech(AudioFormat::Mp3);
}

#[test]
fn opus() {
    ffmpeg_and_we_hear_the_speech(AudioFormat::Opus);
}

#[test]
fn flac() {
    ffmpeg_and_we_hear_the_speech(AudioFormat::Flac);
}

#[test]
fn the_length_of_stored_speech_is_read_without_decoding_it() {
    for rate in VOICE_RATES {
        let pcm = resample(&speech(), rate);
        let stored = encode(&pcm, AudioFormat::Flac);
        let seconds = Codec.stored_seconds(&stored).expect("a length");
        // FLAC has not every rate, and what is resampled may be a sample longer.
        assert!(
            (seconds - pcm.seconds()).abs() < 1e-3,
            "{seconds} at {rate} Hz"
        );
        assert_eq!(Codec.stored_seconds(&stored[..20]), None);
    }
    let wav = encode(&speech(), AudioFormat::Wav);
    assert_eq!(Codec.stored_seconds(&wav), None);
    let mut endless = Codec.begin(RATE, AudioFormat::Flac).expect("a file");
    let beginning = endless.push(&speech().samples).expect("written");
    assert_eq!(Codec.stored_seconds(&beginning), None);
}

#[test]
fn pcm_is_24_khz_without_a_header() {
    let original = speech();
    for rate in VOICE_RATES {
        let bytes = encode(&resample(&original, rate), AudioFormat::Pcm);
        let samples = bytes
            .as_chunks()
            .0
            .iter()
            .map(|pair| f32::from(i16::from_le_bytes(*pair)) / 32_767.0)
            .collect();
        let heard = resample(
            &Pcm {
                samples,
                rate: 24_000,
            },
            RATE,
        );
        let likeness = compare(&original, &heard);
        assert!(
            (heard.seconds() - 11.0).abs() < 0.001,
            "{} s",
            heard.seconds()
        );
        assert!(
            likeness.correlation > 0.99 && likeness.late.abs() < 0.001,
            "{likeness:?}"
        );
    }
}

/// Header sizes are those of the file: players and browsers take them at their word.
#[test]
fn wav_sizes_are_true() {
    let bytes = encode(&speech(), AudioFormat::Wav);
    let size = |at: usize| u32::from_le_bytes(*bytes[at..].first_chunk().expect("four bytes"));
    assert_eq!(size(4) as usize, bytes.len() - 8);
    assert_eq!(size(40) as usize, bytes.len() - 44);
}

#[test]
fn ogg_says_who_wrote_it() {
    let bytes = encode(&speech(), AudioFormat::Opus);
    let tags = b"OpusTags\x0a\x00\x00\x00voicefleet\x00\x00\x00\x00";
    assert!(bytes.windows(tags.len()).any(|window| window == tags));
}

#[test]
fn a_clip_without_samples_is_a_valid_file() {
    let empty = Pcm {
        samples: Vec::new(),
        rate: 22_050,
    };
    for format in [
        AudioFormat::Wav,
        AudioFormat::Mp3,
        AudioFormat::Opus,
        AudioFormat::Flac,
    ] {
        let bytes = encode(&empty, format);
        // Fails where ffmpeg finds a fault.
        let heard = ffmpeg_decode(&bytes, extension(format), RATE);
        // Of an MP3 that is all padding, ffmpeg leaves some.
        assert!(heard.seconds() < 0.03, "{format}: {} s", heard.seconds());
        let refused = decode(&bytes).expect_err("there is nothing in it");
        assert!(
            matches!(refused, AudioError::NotAudio(_)),
            "{format}: {refused}"
        );
    }
    assert!(encode(&empty, AudioFormat::Pcm).is_empty());
}

/// Lengths around the frame sizes of the codecs, and a single sample.
#[test]
fn short_clips_keep_their_length() {
    for length in [1, 2, 479, 480, 481, 575, 576, 577, 1152, 4096, 4097] {
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let samples = (0..length).map(|n| (n as f32 * 0.2).sin() * 0.5).collect();
        let clip = Pcm {
            samples,
            rate: 24_000,
        };
        for format in AudioFormat::ALL {
            let bytes = encode(&clip, format);
            if format == AudioFormat::Pcm {
                assert_eq!(bytes.len(), 2 * length);
                continue;
            }
            let heard = Codec.decode(
                &bytes,
                Some(24_000),
                voicefleet_core::ports::AudioLimits::default(),
            );
            let heard = heard.unwrap_or_else(|error| panic!("{format}, {length}: {error}"));
            assert_eq!(heard.samples.len(), length, "{format}");
            // At the rate that Opus has, so that nothing is converted.
            let times = if format == AudioFormat::Opus { 2_u8 } else { 1 };
            let rate = 24_000 * u32::from(times);
            let theirs = ffmpeg_decode(&bytes, extension(format), rate);
            // Of an MP3 that is mostly padding, ffmpeg leaves some.
            if format != AudioFormat::Mp3 || length > 576 {
                let expected = length * usize::from(times);
                assert_eq!(theirs.samples.len(), expected, "{format}, ffmpeg");
            }
        }
    }
}

#[test]
fn what_is_too_loud_is_clipped_and_not_wrapped() {
    let samples = vec![
        0.0,
        1.0,
        1.5,
        1e30,
        f32::INFINITY,
        f32::NAN,
        -1.0,
        -7.0,
        f32::NEG_INFINITY,
    ];
    let expected = [
        0, 32_767, 32_767, 32_767, 32_767, 0, -32_767, -32_767, -32_767,
    ];
    let loud = Pcm {
        samples,
        rate: 24_000,
    };
    let bytes = encode(&loud, AudioFormat::Wav);
    let written: Vec<i16> = bytes[44..]
        .as_chunks()
        .0
        .iter()
        .map(|pair| i16::from_le_bytes(*pair))
        .collect();
    assert_eq!(written, expected);
    for format in AudioFormat::ALL {
        encode(&loud, format);
    }
}

#[test]
fn a_rate_of_zero_is_an_error() {
    let timeless = Pcm {
        samples: vec![0.0; 10],
        rate: 0,
    };
    for format in AudioFormat::ALL {
        let error = Codec
            .encode(&timeless, format)
            .expect_err("it has no duration");
        assert!(matches!(error, AudioError::Encode { .. }), "{error}");
    }
}
