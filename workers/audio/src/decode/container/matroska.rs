//! WebM and Matroska: EBML elements within elements (RFC 8794, RFC 9559).

use symphonia::{core::formats::FormatOptions, default::formats::MkvReader};
use voicefleet_core::ports::AudioError;

use super::{
    cut_off, damaged,
    demuxed::{AtEndOfFile, Demuxed},
    forward_only,
};

/// The id of the first element.
pub(super) const EBML: [u8; 4] = [0x1a, 0x45, 0xdf, 0xa3];

/// The ids of the element that holds everything else, and of those that hold the packets.
const SEGMENT: u64 = 0x1853_8067;
const CLUSTER: u64 = 0x1f43_b675;

pub(super) fn open(bytes: &[u8]) -> Result<Demuxed<'_>, AudioError> {
    check(bytes)?;
    MkvReader::try_new(forward_only(bytes), FormatOptions::default())
        .map(|reader| Demuxed::new(reader, AtEndOfFile::Whole))
        .map_err(damaged)
}

/// Fails where an element is longer than the file. Browsers record segments and clusters of
/// unknown length; their contents are gone through then, down to the packets.
fn check(bytes: &[u8]) -> Result<(), AudioError> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let (element, contents) = match element(rest) {
            Header::Element(element, contents) => (element, contents),
            Header::CutOff => return Err(cut_off("its last element is cut off")),
            Header::NoElement => return Ok(()),
        };
        let is_container = element.id == SEGMENT || element.id == CLUSTER;
        rest = match element.size {
            Some(size) => match usize::try_from(size)
                .ok()
                .and_then(|size| contents.get(size..))
            {
                None => {
                    return Err(cut_off(format!(
                        "{} bytes of an element are missing",
                        size - contents.len() as u64
                    )));
                }
                Some(_) if element.id == SEGMENT => contents,
                Some(next) => next,
            },
            None if is_container => contents,
            None => return Ok(()),
        };
    }
    Ok(())
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
