//! MP4 and M4A: boxes within boxes (ISO/IEC 14496-12).

use symphonia::{
    core::{formats::FormatOptions, io::ReadBytes as _},
    default::formats::IsoMp4Reader,
};
use voicefleet_core::ports::AudioError;

use super::{
    super::sink::Cut,
    array, cut_off, damaged,
    demuxed::{AtEndOfFile, Demuxed, Hint},
    seekable,
};

pub(super) fn open(bytes: &[u8]) -> Result<Demuxed<'_>, AudioError> {
    let hints = check(bytes)?;
    let mut source = seekable(bytes);
    // The reader wants to be where the `ftyp` mark is.
    source
        .ignore_bytes(4)
        .map_err(|error| damaged(error.into()))?;
    let reader = IsoMp4Reader::try_new(source, FormatOptions::default()).map_err(damaged)?;
    Ok(Demuxed::new(reader, AtEndOfFile::CutOff).with_hints(hints))
}

/// Fails where a box is longer than the file, and reads of each track what the reader leaves out:
/// whether it is switched on, and the part of it to be heard.
fn check(bytes: &[u8]) -> Result<Vec<Hint>, AudioError> {
    let mut movie = None;
    for entry in Boxes(bytes) {
        let (kind, body) = entry.map_err(|Overrun { kind, missing }| {
            cut_off(format!(
                "{missing} bytes of its '{}' box are missing",
                kind.escape_ascii()
            ))
        })?;
        if kind == *b"moov" {
            movie = Some(body);
        }
    }
    let Some(movie) = movie else {
        return Ok(Vec::new());
    };
    let tracks = Boxes(movie).flatten().filter(|(kind, _)| kind == b"trak");
    Ok(tracks.filter_map(|(_, track)| hint(track, movie)).collect())
}

fn hint(track: &[u8], movie: &[u8]) -> Option<Hint> {
    let header = child(track, *b"tkhd")?;
    let id = if header.first() == Some(&1) { 20 } else { 12 };
    Some(Hint {
        track: u32::from_be_bytes(array(header, id)?),
        cut: cut(track, movie).unwrap_or_default(),
        // The lowest bit of its flags: it is switched on.
        is_alternative: header.get(3)? & 1 == 0,
    })
}

/// The part to be heard, if there is an edit list with one entry (besides delays): encoders put
/// silence in front of AAC, and only the edit list tells.
fn cut(track: &[u8], movie: &[u8]) -> Option<Cut> {
    let media_scale = timescale(child(child(track, *b"mdia")?, *b"mdhd")?)?;
    let movie_scale = timescale(child(movie, *b"mvhd")?)?;
    let edits = edits(child(child(track, *b"edts")?, *b"elst")?);
    let [edit] = edits.as_slice() else {
        return None;
    };
    // The durations in the edits of a fragmented file do not include the fragments.
    let is_whole = child(movie, *b"mvex").is_none();
    Some(Cut {
        skip: edit.media_time / media_scale,
        keep: (is_whole && edit.duration > 0.0).then_some(edit.duration / movie_scale),
        max_trim: f64::INFINITY,
    })
}

/// An entry of an edit list: from `media_time` (media ticks), `duration` (movie ticks) long.
struct Edit {
    duration: f64,
    media_time: f64,
}

/// The entries that show media; those that only delay it are left out.
#[expect(
    clippy::cast_precision_loss,
    reason = "ticks of real files are far below 2^52; others may be off"
)]
fn edits(list: &[u8]) -> Vec<Edit> {
    let version_1 = list.first() == Some(&1);
    let entries = list.get(8..).unwrap_or_default();
    let read = |entry: &[u8]| {
        let (duration, media_time) = if version_1 {
            (
                u64::from_be_bytes(array(entry, 0)?),
                i64::from_be_bytes(array(entry, 8)?),
            )
        } else {
            (
                u32::from_be_bytes(array(entry, 0)?).into(),
                i32::from_be_bytes(array(entry, 4)?).into(),
            )
        };
        (media_time >= 0).then_some(Edit {
            duration: duration as f64,
            media_time: media_time as f64,
        })
    };
    let size = if version_1 { 20 } else { 12 };
    entries.chunks_exact(size).filter_map(read).collect()
}

/// Ticks per second of a movie or media header; never 0.
fn timescale(header: &[u8]) -> Option<f64> {
    let at = if header.first() == Some(&1) { 20 } else { 12 };
    let scale = u32::from_be_bytes(array(header, at)?);
    (scale > 0).then(|| scale.into())
}

/// The first box of that kind in `parent`.
fn child(parent: &[u8], kind: [u8; 4]) -> Option<&[u8]> {
    Boxes(parent)
        .flatten()
        .find_map(|(found, body)| (found == kind).then_some(body))
}

/// Goes through boxes side by side, giving kind and contents.
struct Boxes<'a>(&'a [u8]);

/// A box that is longer than what is there.
struct Overrun {
    kind: [u8; 4],
    missing: u64,
}

impl<'a> Iterator for Boxes<'a> {
    type Item = Result<([u8; 4], &'a [u8]), Overrun>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.0;
        let kind = array(rest, 4)?;
        let (header, size) = match u32::from_be_bytes(array(rest, 0)?) {
            0 => (8, rest.len() as u64),
            1 => (16, u64::from_be_bytes(array(rest, 8)?)),
            size => (8, size.into()),
        };
        self.0 = &[];
        let Ok(end) = usize::try_from(size) else {
            return Some(Err(Overrun {
                kind,
                missing: size,
            }));
        };
        if end < header {
            return None;
        }
        let Some((this, next)) = rest.split_at_checked(end) else {
            let missing = size - rest.len() as u64;
            return Some(Err(Overrun { kind, missing }));
        };
        self.0 = next;
        Some(Ok((kind, &this[header..])))
    }
}
