//! Files that are written while their audio is still being made hold what the whole ones do.

mod support;

use support::{compare, decode, ffmpeg_decode, speech};
use voicefleet_audio::{Codec, resample};
use voicefleet_core::{
    audio::{AudioFormat, Pcm},
    ports::{AudioCodec as _, AudioError, AudioLimits},
};

/// Cut so that no piece is a whole number of anybody's frames, and some are empty or tiny.
fn in_pieces(pcm: &Pcm, format: AudioFormat) -> Vec<Vec<u8>> {
    let mut writer = Codec.begin(pcm.rate, format).expect("it can be begun");
    let mut rest = pcm.samples.as_slice();
    let mut pieces = Vec::new();
    for length in [0, 1, 30_001, 0, 77, 4_097, 50_000].into_iter().cycle() {
        let (piece, left) = rest.split_at(rest.len().min(length));
        pieces.push(writer.push(piece).expect("taken"));
        rest = left;
        if rest.is_empty() {
            break;
        }
    }
    pieces.push(writer.finish().expect("ended"));
    pieces
}

fn stored(pcm: &Pcm) -> Pcm {
    let flac = Codec.encode(pcm, AudioFormat::Flac).expect("FLAC");
    let limits = AudioLimits::default();
    Codec.decode(&flac, None, limits).expect("our own")
}

#[test]
fn a_part_is_rounded_as_the_stored_whole_is() {
    for rate in [16_000, 22_050, 24_000] {
        let mut clip = resample(&speech(), rate);
        clip.samples
            .extend([1.0, -1.0, 7.0, -7.0, f32::NAN, f32::INFINITY, 1e-5, 0.99999]);
        let whole = stored(&clip);
        assert_eq!(Codec.as_stored(&clip), Some(whole.clone()));
        assert!(whole.samples.iter().any(|sample| sample.abs() > 0.5));
    }
}

#[test]
fn of_a_rate_that_flac_does_not_carry_no_part_is_known_before_the_whole() {
    for rate in [0, 23_456, 400_000] {
        let samples = vec![0.1; 100];
        assert_eq!(Codec.as_stored(&Pcm { samples, rate }), None);
    }
}

/// Bit by bit, the resampling of `pcm` included.
#[test]
fn samples_without_loss_are_the_same() {
    for rate in [16_000, 22_050, 24_000, 23_456] {
        let clip = resample(&speech(), rate);
        let whole = Codec.encode(&clip, AudioFormat::Pcm).expect("whole");
        assert_eq!(in_pieces(&clip, AudioFormat::Pcm).concat(), whole);
        let whole = Codec.encode(&clip, AudioFormat::Wav).expect("whole");
        let pieces = in_pieces(&clip, AudioFormat::Wav).concat();
        assert_eq!(pieces[44..], whole[44..]);
        // A rate of FLAC's, and loud: rounding twice would show.
        let Some(part) = Codec.as_stored(&clip) else {
            continue;
        };
        let whole = stored(&clip);
        assert!(whole.peak() > 0.6);
        let flac = in_pieces(&part, AudioFormat::Flac).concat();
        let ours = Codec.decode(&flac, None, AudioLimits::default());
        assert!(ours.expect("readable") == whole, "{rate} Hz");
        let theirs = ffmpeg_decode(&flac, "flac", whole.rate);
        assert!(theirs == whole, "{rate} Hz");
    }
}

#[test]
fn the_header_of_an_endless_wav_says_so_and_is_otherwise_the_same() {
    let clip = speech();
    let whole = Codec.encode(&clip, AudioFormat::Wav).expect("whole");
    let mut header = in_pieces(&clip, AudioFormat::Wav).concat();
    for size in [4..8, 40..44] {
        assert_eq!(header[size.clone()], [0xff; 4]);
        header[size.clone()].copy_from_slice(&whole[size]);
    }
    assert_eq!(header, whole);
    let endless = in_pieces(&clip, AudioFormat::Wav).concat();
    let heard = ffmpeg_decode(&endless, "wav", clip.rate);
    assert_eq!(heard.samples.len(), clip.samples.len());
}

#[test]
fn lossy_formats_hold_the_speech() {
    let original = speech();
    for (format, file) in [(AudioFormat::Mp3, "mp3"), (AudioFormat::Opus, "ogg")] {
        for rate in [16_000, 22_050, 24_000] {
            let bytes = in_pieces(&resample(&original, rate), format).concat();
            let heard = ffmpeg_decode(&bytes, file, original.rate);
            let likeness = compare(&original, &heard);
            // Without a header of LAME's, its padding is heard: two frames and a bit at most.
            let slack = if format == AudioFormat::Mp3 {
                0.15
            } else {
                0.001
            };
            assert!(
                (0.0..slack).contains(&(heard.seconds() - original.seconds()).max(0.0))
                    && likeness.late.abs() < slack
                    && likeness.correlation > 0.95,
                "{format}, {rate} Hz: {} s, {likeness:?}",
                heard.seconds()
            );
        }
    }
}

/// Opus is the same but for the pages.
#[test]
fn opus_in_pieces_is_heard_as_the_whole_is() {
    let clip = resample(&speech(), 24_000);
    let whole = Codec.encode(&clip, AudioFormat::Opus).expect("whole");
    let pieces = in_pieces(&clip, AudioFormat::Opus).concat();
    let heard = [whole, pieces].map(|file| decode(&file).expect("readable"));
    assert!(heard[0] == heard[1]);
}

/// What is not held back beyond a fraction of a second.
#[test]
fn a_piece_is_mostly_there_when_the_next_is_not() {
    let mut second = resample(&speech(), 22_050);
    second.samples.truncate(22_050);
    for format in AudioFormat::ALL {
        let mut writer = Codec.begin(second.rate, format).expect("begun");
        let first = writer.push(&second.samples).expect("taken").len();
        let all = first + writer.finish().expect("ended").len();
        assert!(first * 10 > all * 7, "{format}: {first} of {all} bytes");
    }
}

#[test]
fn nothing_at_all_is_a_valid_file_and_a_rate_of_zero_an_error() {
    for format in AudioFormat::ALL {
        let empty = Pcm {
            samples: Vec::new(),
            rate: 22_050,
        };
        let bytes = in_pieces(&empty, format).concat();
        assert_eq!(bytes.is_empty(), format == AudioFormat::Pcm, "{format}");
        let refused = Codec.begin(0, format).err().expect("no rate");
        assert!(matches!(refused, AudioError::Encode { .. }));
    }
}
