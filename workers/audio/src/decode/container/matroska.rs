//! WebM and Matroska: EBML elements within elements (RFC 8794, RFC 9559).

use symphonia::{core::formats::FormatOptions, default::formats::MkvReader};
use voicefleet_core::ports::AudioError;

use super::{
    super::sink::Cut,
    cut_off, damaged,
    demuxed::{AtEndOfFile, Demuxed, Hint},
    forward_only,
};

/// The id of the first element.
pub(super) const EBML: [u8; 4] = [0x1a, 0x45, 0xdf, 0xa3];

/// The ids of the element that holds everything else, and of those that hold the packets.
const SEGMENT: u64 = 0x1853_8067;
const CLUSTER: u64 = 0x1f43_b675;

/// The ids of the list of tracks, of a track in it, of its number, and of whether it is chosen by
/// default, which it is if that is missing (RFC 9559, section 5.1.4).
const TRACKS: u64 = 0x1654_ae6b;
const TRACK: u64 = 0xae;
const TRACK_NUMBER: u64 = 0xd7;
const DEFAULT: u64 = 0x88;

pub(super) fn open(bytes: &[u8]) -> Result<Demuxed<'_>, AudioError> {
    let hints = check(bytes)?;
    MkvReader::try_new(forward_only(bytes), FormatOptions::default())
        .map(|reader| Demuxed::new(reader, AtEndOfFile::Whole).with_hints(hints))
        .map_err(damaged)
}

/// Fails where an element is longer than the file. Browsers record segments and clusters of
/// unknown length; their contents are gone through then, down to the packets.
fn check(bytes: &[u8]) -> Result<Vec<Hint>, AudioError> {
    let mut hints = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (element, contents) = match element(rest) {
            Header::Element(element, contents) => (element, contents),
            Header::CutOff => return Err(cut_off("its last element is cut off")),
            Header::NoElement => break,
        };
        let Some(size) = element.size else {
            if element.id != SEGMENT && element.id != CLUSTER {
                break;
            }
            rest = contents;
            continue;
        };
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let Some((body, next)) = contents.split_at_checked(size) else {
            return Err(cut_off(format!(
                "{} bytes of an element are missing",
                size - contents.len()
            )));
        };
        if element.id == TRACKS {
            hints = children(body).filter_map(hint).collect();
        }
        rest = if element.id == SEGMENT {
            contents
        } else {
            next
        };
    }
    Ok(hints)
}

fn hint((id, track): (u64, &[u8])) -> Option<Hint> {
    let field =
        |wanted| children(track).find_map(|(id, body)| (id == wanted).then(|| number(body)));
    let track = u32::try_from(field(TRACK_NUMBER)?).ok()?;
    (id == TRACK).then(|| Hint {
        track,
        cut: Cut::default(),
        is_alternative: field(DEFAULT) == Some(0),
    })
}

/// The ids and contents of elements side by side.
fn children(mut bytes: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    std::iter::from_fn(move || {
        let Header::Element(element, contents) = element(bytes) else {
            return None;
        };
        let (body, next) = contents.split_at_checked(usize::try_from(element.size?).ok()?)?;
        bytes = next;
        Some((element.id, body))
    })
}

/// The header of an element.
struct Element {
    id: u64,
    /// Bytes of its contents; `None` if unknown.
    size: Option<u64>,
}

/// What stands where an element may begin.
enum Header<'a> {
    /// An element, and the bytes after its header.
    Element(Element, &'a [u8]),
    /// The beginning of one.
    CutOff,
    /// Something else; nothing can be told from here on.
    NoElement,
}

fn element(bytes: &[u8]) -> Header<'_> {
    let id_width = width(bytes);
    if id_width > 4 {
        return Header::NoElement;
    }
    let Some((id, rest)) = bytes.split_at_checked(id_width) else {
        return Header::CutOff;
    };
    let size_width = width(rest);
    if size_width > 8 {
        return Header::NoElement;
    }
    let Some((size, contents)) = rest.split_at_checked(size_width) else {
        return Header::CutOff;
    };
    // The leading one bit tells the width and is no part of the size. All ones mean unknown.
    let ones = (1 << (7 * size_width)) - 1;
    let size = number(size) & ones;
    let element = Element {
        id: number(id),
        size: (size != ones).then_some(size),
    };
    Header::Element(element, contents)
}

/// Bytes of the variable-length number that begins here.
fn width(bytes: &[u8]) -> usize {
    bytes
        .first()
        .map_or(1, |first| first.leading_zeros() as usize + 1)
}

fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}
