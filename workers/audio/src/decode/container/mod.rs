//! Which container the bytes are, whether they are all there, and the packets in them.
//!
//! Readers are forgiving: they stop where the bytes end and call it a day. So each container is
//! looked over first, for the promises that its headers make about its length. Symphonia's prober
//! is not used: it takes two stray bytes anywhere in the first megabyte for an MP3.

mod demuxed;
mod elementary;
mod flac;
mod matroska;
mod mp4;
mod ogg;
mod wav;

use std::io::{Cursor, Read};

use symphonia::core::{
    codecs::audio::AudioCodecParameters,
    errors::Error as SymphoniaError,
    io::{MediaSource, MediaSourceStream, ReadOnlySource},
    packet::Packet,
};
use voicefleet_core::ports::AudioError;

use super::sink::Cut;

pub(crate) use flac::seconds as flac_seconds;

/// A container's audio, piece by piece.
pub(super) trait Packets {
    /// What comes next; the first track before its packets.
    fn next(&mut self) -> Result<Next, AudioError>;
}

/// What a container gives.
pub(super) enum Next {
    /// A track begins: its codec, and the part of it to be heard.
    Track(Box<AudioCodecParameters>, Cut),
    /// A packet of that track.
    Packet(Packet),
    /// Something that is not for us.
    Nothing,
    /// A place that makes no sense.
    Damage,
    /// That was all.
    End,
}

/// Opens a file. The format is found from its first bytes.
pub(super) fn open(bytes: &[u8]) -> Result<Box<dyn Packets + '_>, AudioError> {
    if bytes.is_empty() {
        return Err(not_audio("it is empty"));
    }
    let bytes = elementary::without_id3(bytes)?;
    if bytes.starts_with(b"OggS") {
        return Ok(Box::new(ogg::open(bytes)?));
    }
    let demuxed = if bytes.starts_with(b"RIFF") {
        wav::open(bytes)
    } else if bytes.starts_with(&flac::SIGNATURE) {
        flac::open(bytes)
    } else if bytes.get(4..8) == Some(b"ftyp") {
        mp4::open(bytes)
    } else if bytes.starts_with(&matroska::EBML) {
        matroska::open(bytes)
    } else {
        // Frames without a container have no signature, so they come last.
        elementary::open(bytes)
    };
    Ok(Box::new(demuxed?))
}

/// A source that is read from start to end. Readers do less with it: no looking for metadata at
/// the end, no guessing at durations.
fn forward_only<'a>(bytes: impl Read + Send + Sync + 'a) -> MediaSourceStream<'a> {
    stream(ReadOnlySource::new(bytes))
}

fn seekable(bytes: &[u8]) -> MediaSourceStream<'_> {
    stream(Cursor::new(bytes))
}

fn stream<'a>(source: impl MediaSource + 'a) -> MediaSourceStream<'a> {
    MediaSourceStream::new(
        Box::new(source),
        symphonia::core::io::MediaSourceStreamOptions::default(),
    )
}

/// The headers could not be read.
fn damaged(error: SymphoniaError) -> AudioError {
    match error {
        SymphoniaError::IoError(_) => cut_off("it ends within its headers"),
        other => not_audio(&other.to_string()),
    }
}

fn not_audio(reason: &str) -> AudioError {
    AudioError::NotAudio(reason.to_owned())
}

fn cut_off(what: impl Into<String>) -> AudioError {
    AudioError::Truncated(what.into())
}

/// `N` bytes at `at`, if they are there.
fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}
