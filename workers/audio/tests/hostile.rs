//! What is refused, and why: no audio, half the audio, too much of it, nothing in it.

mod support;

use support::{RATE, compare, decode, ffmpeg_makes, ffmpeg_pipes, speech, speech_as, speech_file};
use voicefleet_audio::Codec;
use voicefleet_core::{
    audio::{AudioFormat, Pcm},
    ports::{AudioCodec as _, AudioError, AudioLimits},
};

fn decode_within(bytes: &[u8], max_seconds: f64) -> Result<Pcm, AudioError> {
    let limits = AudioLimits {
        max_seconds,
        ..AudioLimits::default()
    };
    Codec.decode(bytes, Some(RATE), limits)
}

fn assert_not_audio(bytes: &[u8], what: &str) {
    let result = decode(bytes).map(|pcm| pcm.seconds());
    assert!(
        matches!(result, Err(AudioError::NotAudio(_))),
        "{what}: {result:?}"
    );
}

fn assert_truncated(bytes: &[u8], what: &str) {
    let result = decode(bytes).map(|pcm| pcm.seconds());
    assert!(
        matches!(result, Err(AudioError::Truncated(_))),
        "{what}: {result:?}"
    );
}

#[test]
fn other_files_are_not_audio() {
    let noise: Vec<u8> = (0..60_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0])
        .collect();
    let text = "It was the best of times, it was the worst of times. ".repeat(100);
    for (bytes, what) in [
        (&b""[..], "nothing"),
        (b"\0", "a zero"),
        (b"RIFF", "a mark"),
        (b"RIFF\0\0\0\0AVI LIST", "a film"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "a picture"),
        (b"PK\x03\x04", "an archive"),
        (text.as_bytes(), "prose"),
        (&noise, "noise"),
        (&[0; 5_000], "zeros"),
        (&[0xff; 5_000], "ones"),
    ] {
        assert_not_audio(bytes, what);
    }
}

/// A film is read if it has sound, and refused if it has none.
#[test]
fn films() {
    let picture = ["-f", "lavfi", "-i", "testsrc=size=64x64:rate=5:duration=2"];
    for (extension, codec) in [("mp4", "mpeg4"), ("webm", "libvpx"), ("mkv", "mpeg4")] {
        let silent = [&picture[..], &["-c:v", codec]].concat();
        assert_not_audio(&ffmpeg_makes(&silent, extension), extension);

        let file = speech_file();
        let sound = if extension == "webm" {
            "libopus"
        } else {
            "aac"
        };
        let both = ["-i", &file, "-c:v", codec, "-c:a", sound, "-shortest"];
        let bytes = ffmpeg_makes(&[&picture[..], &both].concat(), extension);
        let heard = decode(&bytes).expect("its sound is read");
        assert!(
            (heard.seconds() - 2.0).abs() < 0.2,
            "{extension}: {} s",
            heard.seconds()
        );
    }
}

/// Of several tracks, the one marked as default.
#[test]
fn the_default_track_is_heard() {
    let file = speech_file();
    let inputs = [
        "-f",
        "lavfi",
        "-i",
        "sine=frequency=300:duration=11",
        "-i",
        &file,
    ];
    for (extension, codec, as_is) in [
        ("mkv", "libopus", &["-default_mode", "passthrough"][..]),
        ("m4a", "aac", &[]),
    ] {
        let tracks = ["-map", "0:a", "-map", "1:a", "-c:a", codec, "-b:a", "64k"];
        for speech_is_default in [true, false] {
            let (first, second) = if speech_is_default {
                ("0", "default")
            } else {
                ("default", "0")
            };
            let default = ["-disposition:a:0", first, "-disposition:a:1", second];
            let bytes = ffmpeg_makes(&[&inputs[..], &tracks, &default, as_is].concat(), extension);
            let likeness = compare(&speech(), &decode(&bytes).expect("it is read"));
            let is_speech = likeness.correlation > 0.95;
            assert_eq!(is_speech, speech_is_default, "{extension}: {likeness:?}");
        }
    }
}

#[test]
fn headers_without_samples_are_not_audio() {
    for extension in ["wav", "flac", "ogg", "mp3", "m4a"] {
        let bytes = speech_as(&["-t", "0"], extension);
        let result = decode(&bytes).map(|pcm| pcm.seconds());
        assert!(
            matches!(result, Err(AudioError::NotAudio(_))),
            "{extension}: {result:?}"
        );
    }
}

/// Each of the formats that say how long they are, cut at several places.
#[test]
fn files_that_end_too_early_are_truncated() {
    for (extension, arguments) in [
        ("wav", &["-c:a", "pcm_s16le"][..]),
        ("wav", &["-c:a", "adpcm_ms"]),
        ("flac", &[]),
        ("mp3", &[]),
        ("mp3", &["-write_xing", "0"]),
        ("aac", &["-c:a", "aac"]),
        ("ogg", &["-c:a", "libvorbis"]),
        ("ogg", &["-c:a", "libopus"]),
        ("m4a", &["-c:a", "aac"]),
        ("m4a", &["-c:a", "aac", "-movflags", "faststart"]),
        (
            "m4a",
            &["-c:a", "aac", "-movflags", "frag_keyframe+delay_moov"],
        ),
        ("webm", &["-c:a", "libopus"]),
        ("webm", &["-c:a", "libopus", "-live", "1"]),
        ("mkv", &["-c:a", "aac"]),
    ] {
        let whole = speech_as(arguments, extension);
        decode(&whole).unwrap_or_else(|error| panic!("{extension} {arguments:?}: {error}"));
        for percent in [99, 75, 50, 20] {
            // An odd number of bytes, so as not to hit the end of a piece by chance.
            let cut = (whole.len() * percent / 100) | 1;
            assert_truncated(
                &whole[..cut],
                &format!("{percent} % of {extension} {arguments:?}"),
            );
        }
    }
}

/// What our own files look like when the connection broke.
#[test]
fn our_own_files_cut_short_are_truncated() {
    for format in [
        AudioFormat::Wav,
        AudioFormat::Mp3,
        AudioFormat::Opus,
        AudioFormat::Flac,
    ] {
        let whole = Codec.encode(&speech(), format).expect("it can be encoded");
        assert_truncated(&whole[..(whole.len() * 2 / 3) | 1], format.name());
    }
}

/// Programs that write to a pipe cannot fill in the sizes. Such files are whole.
#[test]
fn files_without_a_length_are_read_to_their_end() {
    let original = speech();
    let file = speech_file();
    for (container, codec) in [
        ("wav", "pcm_s16le"),
        ("flac", "flac"),
        ("mp3", "libmp3lame"),
        ("ogg", "libvorbis"),
        ("ogg", "libopus"),
        ("webm", "libopus"),
        ("matroska", "pcm_s16le"),
    ] {
        let bytes = ffmpeg_pipes(&["-i", &file, "-c:a", codec], container);
        let heard = decode(&bytes).unwrap_or_else(|error| panic!("{container}: {error}"));
        let likeness = compare(&original, &heard);
        assert!(likeness.correlation > 0.95, "{container}: {likeness:?}");
        assert!(
            (heard.seconds() - 11.0).abs() < 0.12,
            "{container}: {} s",
            heard.seconds()
        );
    }
}

#[test]
fn wav_sizes_that_stand_for_unknown() {
    let whole = std::fs::read(speech_file()).expect("the speech sample");
    let data = whole
        .windows(4)
        .position(|four| four == b"data")
        .expect("a data chunk")
        + 4;
    let expected = decode(&whole).expect("it is read");
    for size in [0, u32::MAX, 0x8000_0000, 0x7fff_f000] {
        let mut streamed = whole.clone();
        streamed[4..8].copy_from_slice(&size.to_le_bytes());
        streamed[data..data + 4].copy_from_slice(&size.to_le_bytes());
        assert_eq!(decode(&streamed).as_ref(), Ok(&expected), "{size:#x}");
    }
    // The size of the file in place of that of the data; nothing is missing.
    let written = Codec
        .encode(&speech(), AudioFormat::Wav)
        .expect("it can be encoded");
    let mut mistaken = written.clone();
    let size = u32::try_from(written.len()).expect("a small file");
    mistaken[40..44].copy_from_slice(&size.to_le_bytes());
    assert_eq!(decode(&mistaken), decode(&written));
}

/// Recorders that are just stopped do not mark the last page of an Ogg file.
#[test]
fn an_ogg_file_without_an_end_mark_is_whole() {
    for codec in ["libopus", "libvorbis"] {
        let marked = speech_as(&["-c:a", codec], "ogg");
        let mut pages = ogg_pages(&marked);
        let last = pages.last_mut().expect("there are pages");
        last[5] &= !4;
        support::seal(last);
        let heard = decode(&pages.concat()).expect("it is whole");
        assert!(
            (heard.seconds() - 11.0).abs() < 0.1,
            "{codec}: {} s",
            heard.seconds()
        );
    }
}

/// Two recordings in one file, one after the other, of different rates.
#[test]
fn chained_ogg_files_are_heard_to_the_end() {
    for codec in ["libopus", "libvorbis"] {
        let first = speech_as(&["-c:a", codec], "ogg");
        let second = speech_as(&["-c:a", codec, "-ar", "48000", "-ac", "2"], "ogg");
        let heard = decode(&[first, second].concat()).expect("it is read");
        assert!(
            (heard.seconds() - 22.0).abs() < 0.1,
            "{codec}: {} s",
            heard.seconds()
        );
        let half = heard.samples.len() / 2;
        for part in [&heard.samples[..half], &heard.samples[half..]] {
            let part = Pcm {
                samples: part.to_vec(),
                rate: RATE,
            };
            let likeness = compare(&speech(), &part);
            assert!(likeness.correlation > 0.9, "{codec}: {likeness:?}");
        }
    }
}

/// A page in the middle is lost: the rest is still heard.
#[test]
fn a_damaged_place_is_passed_over() {
    let mut bytes = speech_as(&["-c:a", "libmp3lame"], "mp3");
    let middle = bytes.len() / 2;
    bytes[middle..middle + 400].fill(0x55);
    let heard = decode(&bytes).expect("most of it is there");
    assert!(
        (heard.seconds() - 11.0).abs() < 0.3,
        "{} s",
        heard.seconds()
    );

    let mut pages = ogg_pages(&speech_as(
        &["-c:a", "libopus", "-page_duration", "100000"],
        "ogg",
    ));
    let middle = pages.len() / 2;
    pages[middle][60] ^= 0xff;
    let heard = decode(&pages.concat()).expect("most of it is there");
    assert!(
        (heard.seconds() - 11.0).abs() < 0.3,
        "{} s",
        heard.seconds()
    );
}

#[test]
fn mostly_damaged_is_not_audio() {
    let mut bytes = speech_as(&["-c:a", "libopus"], "webm");
    // The packets begin after the headers; their lengths stay right, their contents do not.
    let length = bytes.len();
    for (n, byte) in bytes[1_000..length - 200].iter_mut().enumerate() {
        if n % 3 == 0 {
            *byte = 0xff;
        }
    }
    let result = decode(&bytes).map(|pcm| pcm.seconds());
    assert!(result.is_err(), "{result:?}");
}

#[test]
fn too_long_is_refused_at_the_limit_and_not_before() {
    for extension in ["wav", "mp3", "flac", "ogg", "m4a", "webm"] {
        let bytes = speech_as(&[], extension);
        let refused = decode_within(&bytes, 10.5).map(|pcm| pcm.seconds());
        let expected = Err(AudioError::TooLong { max_seconds: 10.5 });
        assert_eq!(refused, expected, "{extension}");
        let heard = decode_within(&bytes, 11.1);
        assert!(
            heard.is_ok(),
            "{extension}: {:?}",
            heard.map(|pcm| pcm.seconds())
        );
    }
}

#[test]
fn minutes_without_a_signal_are_silence() {
    let silence = |seconds: &str, extension| {
        let source = format!("anullsrc=r=16000:cl=mono:d={seconds}");
        ffmpeg_makes(&["-f", "lavfi", "-i", &source], extension)
    };
    for extension in ["wav", "mp3", "flac", "ogg", "m4a", "webm"] {
        let result = decode(&silence("61", extension)).map(|pcm| pcm.seconds());
        let is_silent = matches!(result, Err(AudioError::Silent { seconds }) if seconds > 60.9);
        assert!(is_silent, "{extension}: {result:?}");
        // Short silence is somebody's business.
        decode(&silence("5", extension)).unwrap_or_else(|error| panic!("{extension}: {error}"));
    }
    // Idle noise of the last bit, at -90 dBFS, is silence as well; a whisper at -60 dBFS is not.
    let tone = |volume: &str| {
        let filter = format!("volume={volume}");
        let source = ["-f", "lavfi", "-i", "sine=frequency=200:duration=61"];
        ffmpeg_makes(
            &[&source[..], &["-af", &filter, "-c:a", "pcm_f32le"]].concat(),
            "wav",
        )
    };
    // ffmpeg's sine has an amplitude of 1/8.
    assert!(matches!(
        decode(&tone("-72dB")),
        Err(AudioError::Silent { .. })
    ));
    assert!(decode(&tone("-42dB")).is_ok());
}

/// Values that are no numbers are silence, those beyond full scale are clipped, as a converter
/// would; a file of nothing else is no audio.
#[test]
fn floats_that_no_converter_plays() {
    let float_wav = |samples: &[f32]| {
        let mut bytes = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x03\0\x01\0".to_vec();
        bytes.extend(RATE.to_le_bytes());
        bytes.extend((RATE * 4).to_le_bytes());
        bytes.extend([4, 0, 32, 0]);
        bytes.extend(b"data\0\0\0\0");
        bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        bytes
    };
    let odd = [0.5, f32::NAN, f32::INFINITY, 1e30, -9.0, -0.25, 0.0, 0.125];
    let heard = decode(&float_wav(&odd)).expect("most of them are numbers");
    assert_eq!(heard.samples, [0.5, 0.0, 0.0, 1.0, -1.0, -0.25, 0.0, 0.125]);
    assert_not_audio(&float_wav(&[f32::NAN; 1_000]), "not a number");
}

/// Headers whose numbers are nonsense.
#[test]
fn absurd_headers_are_refused() {
    let whole = std::fs::read(speech_file()).expect("the speech sample");
    let format = whole
        .windows(4)
        .position(|four| four == b"fmt ")
        .expect("a format chunk")
        + 8;
    for (at, value, what) in [
        (2, 0_u16, "no channels"),
        (2, u16::MAX, "65535 channels"),
        (4, 0, "no rate"),
        (4, 7, "7 Hz"),
        (6, 0x7fff, "two gigahertz"),
        (14, 0, "no bits"),
        (14, 17, "17 bits"),
        (0, 0x55, "an unknown format"),
    ] {
        let mut absurd = whole.clone();
        absurd[format + at..format + at + 2].copy_from_slice(&value.to_le_bytes());
        assert_not_audio(&absurd, what);
    }
}

/// AAC and Vorbis with many channels are refused in so many words, not misheard.
#[test]
fn surround_that_is_not_read_is_named() {
    for (codec, extension, name) in [("aac", "m4a", "AAC"), ("libvorbis", "ogg", "Vorbis")] {
        let bytes = speech_as(&["-ac", "6", "-ar", "48000", "-c:a", codec], extension);
        let error = decode(&bytes).expect_err("it is not read");
        assert!(matches!(&error, AudioError::NotAudio(_)), "{error}");
        assert!(error.to_string().contains(name), "{error}");
    }
}

/// An ID3 tag in front, as music programs write it, with a picture in it.
#[test]
fn tags_are_passed_over() {
    for (extension, arguments) in [("mp3", &[][..]), ("flac", &[]), ("aac", &["-c:a", "aac"])] {
        let audio = speech_as(arguments, extension);
        let mut tagged = b"ID3\x04\0\0\0\0\x0f\x50".to_vec();
        tagged.extend([0xff; 2_000]);
        tagged.extend(&audio);
        assert_eq!(decode(&tagged), decode(&audio), "{extension}");
        assert_truncated(&tagged[..1_500], extension);
    }
}

fn ogg_pages(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut pages = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let segments = usize::from(rest[26]);
        let body: usize = rest[27..27 + segments]
            .iter()
            .map(|n| usize::from(*n))
            .sum();
        let (page, next) = rest.split_at(27 + segments + body);
        pages.push(page.to_vec());
        rest = next;
    }
    pages
}
