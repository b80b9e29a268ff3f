//! MP3 and ADTS: frames, one after the other, each with its length in its header.

use symphonia::{
    core::formats::FormatOptions,
    default::formats::{AdtsReader, MpaReader},
};
use voicefleet_core::ports::AudioError;

use super::{
    array, cut_off, damaged,
    demuxed::{AtEndOfFile, Demuxed},
    forward_only, not_audio,
};

/// How far into the file the first frame may lie: cut-off streams begin within a frame.
const SEARCH: usize = 16 * 1024;

/// Frames that must follow each other for the bytes to be a stream; two or more sync words at the
/// right distances do not happen by chance in other files.
const FRAMES_TO_BELIEVE: usize = 3;

/// A kind of elementary stream.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stream {
    Mp3,
    Adts,
}

/// A frame's header: its length with header, and what stays the same in a whole stream.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Frame {
    length: usize,
    kind: u32,
}

impl Stream {
    fn frame(self, bytes: &[u8]) -> Option<Frame> {
        match self {
            Self::Mp3 => mp3_frame(bytes),
            Self::Adts => adts_frame(bytes),
        }
    }
}

pub(super) fn open(bytes: &[u8]) -> Result<Demuxed<'_>, AudioError> {
    let (stream, bytes) =
        find(bytes).ok_or_else(|| not_audio("its first bytes are those of no known format"))?;
    check(stream, bytes)?;
    // With a known length the reader would guess the duration from the first frames of a file
    // without a frame count, and cut it there.
    let source = forward_only(bytes);
    let options = FormatOptions::default();
    match stream {
        Stream::Mp3 => MpaReader::try_new(source, options)
            .map(|reader| Demuxed::new(reader, AtEndOfFile::Whole)),
        Stream::Adts => AdtsReader::try_new(source, options)
            .map(|reader| Demuxed::new(reader, AtEndOfFile::Whole)),
    }
    .map_err(damaged)
}

/// The bytes after any `ID3v2` tags (<https://id3.org>, `ID3v2.4.0` structure, section 3.1).
pub(super) fn without_id3(mut bytes: &[u8]) -> Result<&[u8], AudioError> {
    while bytes.starts_with(b"ID3") {
        let size = array::<10>(bytes, 0).map(|[.., flags, a, b, c, d]| {
            let footer = usize::from(flags & 0x10 != 0) * 10;
            let size = [a, b, c, d]
                .iter()
                .fold(0, |size, byte| (size << 7) | usize::from(byte & 0x7f));
            10 + size + footer
        });
        bytes = size
            .and_then(|size| bytes.get(size..))
            .ok_or_else(|| cut_off("it ends within its ID3 tag"))?;
    }
    Ok(bytes)
}

/// The stream in the bytes, from its first frame on.
fn find(bytes: &[u8]) -> Option<(Stream, &[u8])> {
    (0..bytes.len().min(SEARCH)).find_map(|start| {
        let rest = &bytes[start..];
        [Stream::Mp3, Stream::Adts]
            .into_iter()
            .find(|stream| begins(*stream, rest))
            .map(|stream| (stream, rest))
    })
}

/// Whether frames of one kind follow each other here, up to the end of a short file.
fn begins(stream: Stream, bytes: &[u8]) -> bool {
    let Some(first) = stream.frame(bytes) else {
        return false;
    };
    let mut at = first.length;
    for _ in 1..FRAMES_TO_BELIEVE {
        let Some(rest) = bytes.get(at..) else {
            return false;
        };
        if rest.is_empty() || is_tag(rest) {
            return true;
        }
        match stream.frame(rest) {
            Some(next) if next.kind == first.kind => at += next.length,
            _ => return false,
        }
    }
    true
}

/// Tags that old programs append.
fn is_tag(bytes: &[u8]) -> bool {
    [&b"TAG"[..], b"APETAGEX", b"LYRICSBEGIN", b"ID3"]
        .iter()
        .any(|tag| bytes.starts_with(tag))
}

/// Counts the frames, and fails where the last one is cut or some of those that the Xing header
/// promises are missing. Bytes that are no frame end the count: nothing can be told from then on.
fn check(stream: Stream, bytes: &[u8]) -> Result<(), AudioError> {
    let Some(first) = stream.frame(bytes) else {
        return Ok(());
    };
    let promised = match stream {
        Stream::Mp3 => xing_frames(bytes),
        Stream::Adts => None,
    };
    let mut count = 0_u32;
    let mut at = 0;
    while let Some(frame) = stream.frame(&bytes[at..]) {
        if frame.kind != first.kind {
            return Ok(());
        }
        if frame.length > bytes.len() - at {
            return Err(cut_off("its last frame is cut off"));
        }
        at += frame.length;
        count += 1;
    }
    let rest = &bytes[at..];
    let ends_here = rest.is_empty() || is_tag(rest) || is_cut_header(rest);
    match promised {
        // The frame that holds the header counts for some writers and not for others.
        Some(promised) if ends_here && count < promised => Err(cut_off(format!(
            "{promised} frames are announced and {count} are there"
        ))),
        _ => Ok(()),
    }
}

/// Fewer bytes than a header, that could be one.
fn is_cut_header(rest: &[u8]) -> bool {
    rest.len() < 7 && rest.first() == Some(&0xff)
}

/// MPEG audio layer III (ISO 11172-3, section 2.4.2.3; ISO 13818-3 for the lower rates).
fn mp3_frame(bytes: &[u8]) -> Option<Frame> {
    /// kbit/s by index, for MPEG-1 and for MPEG-2 and 2.5.
    const BITRATES: [[usize; 15]; 2] = [
        [
            0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320,
        ],
        [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
    ];
    const RATES: [usize; 3] = [44_100, 48_000, 32_000];

    let header = u32::from_be_bytes(array(bytes, 0)?);
    let field = |shift: u32, bits: u32| ((header >> shift) & ((1 << bits) - 1)) as usize;
    // The sync word, and layer III.
    if field(21, 11) != 0x7ff || field(17, 2) != 0b01 {
        return None;
    }
    // (older versions, divisor of the rate, bytes per kbit/s and kHz)
    let (low, divisor, factor) = match field(19, 2) {
        0b11 => (0, 1, 144),
        0b10 => (1, 2, 72),
        0b00 => (1, 4, 72),
        _ => return None,
    };
    let bitrate = *BITRATES[low].get(field(12, 4))?;
    let rate = RATES.get(field(10, 2))? / divisor;
    if bitrate == 0 {
        return None;
    }
    Some(Frame {
        length: factor * bitrate * 1000 / rate + field(9, 1),
        // Sync, version, layer and sample rate.
        kind: header & 0xfffe_0c00,
    })
}

/// ADTS (ISO 13818-7, section 6.2).
#[expect(
    clippy::many_single_char_names,
    reason = "the bytes of a header, in order"
)]
fn adts_frame(bytes: &[u8]) -> Option<Frame> {
    let [a, b, c, d, e, f, _] = array::<7>(bytes, 0)?;
    let length = (usize::from(d & 0b11) << 11) | (usize::from(e) << 3) | (usize::from(f) >> 5);
    let synced = a == 0xff && b & 0xf6 == 0xf0;
    (synced && length >= 7).then(|| Frame {
        length,
        // Version, profile and sample rate.
        kind: u32::from_be_bytes([0, 0, b & 0xf8, c & 0xfc]),
    })
}

/// The number of frames that the Xing or Info header in the first frame announces.
fn xing_frames(bytes: &[u8]) -> Option<u32> {
    let header = array::<4>(bytes, 0)?;
    let (mpeg1, mono) = (header[1] & 0x08 != 0, header[3] >> 6 == 0b11);
    // The header follows the side information, whose length these two decide.
    let at = 4 + match (mpeg1, mono) {
        (true, false) => 32,
        (true, true) | (false, false) => 17,
        (false, true) => 9,
    };
    let tag = array::<4>(bytes, at)?;
    let flags = u32::from_be_bytes(array(bytes, at + 4)?);
    if (tag != *b"Xing" && tag != *b"Info") || flags & 1 == 0 {
        return None;
    }
    Some(u32::from_be_bytes(array(bytes, at + 8)?))
}
