//! Vorbis headers that the decoder must not see.
//!
//! symphonia-codec-vorbis 0.6.1 panics on things that a crafted header may hold, and undoes
//! the coupling of more than two channels in the wrong order. All of it shows in the headers, which
//! are gone through here as far as that (Vorbis I, sections 3.2.1, 4.2 and 7.2.2).

use voicefleet_core::ports::AudioError;

/// Length of the identification header.
const IDENTIFICATION: usize = 30;

/// Entries that the decoder allows in a codebook, of which real ones have a few hundred.
const MAX_ENTRIES: u32 = 128 * 1024;

/// Fails on headers that the decoder does not do right. `headers` is the identification header,
/// and the setup header behind it.
pub(super) fn check(headers: Option<&[u8]>) -> Result<(), AudioError> {
    let not_audio = |reason: &str| Err(AudioError::NotAudio(reason.to_owned()));
    let parts = headers.and_then(|headers| headers.split_at_checked(IDENTIFICATION));
    let Some((identification, setup)) = parts else {
        return not_audio("its Vorbis headers are missing");
    };
    match identification.strip_prefix(b"\x01vorbis") {
        Some([_, _, _, _, 1 | 2, ..]) => {}
        Some(_) => return not_audio("of Vorbis, one and two channels are read"),
        None => return not_audio("its Vorbis headers are damaged"),
    }
    let setup = setup.strip_prefix(b"\x05vorbis").map(Bits::new);
    if setup.and_then(|mut bits| floors_are_sane(&mut bits)) != Some(true) {
        return not_audio("its Vorbis headers are damaged");
    }
    Ok(())
}

/// Whether all points of the floor curves are at places of their own; `None` if the headers make
/// no sense before that is known.
fn floors_are_sane(bits: &mut Bits<'_>) -> Option<bool> {
    for _ in 0..=bits.take(8)? {
        skip_codebook(bits)?;
    }
    for _ in 0..=bits.take(6)? {
        // Placeholders for a time domain transform.
        bits.take(16)?;
    }
    for _ in 0..=bits.take(6)? {
        let sane = match bits.take(16)? {
            0 => skip_floor_0(bits).is_some(),
            1 => floor_1_is_sane(bits)?,
            _ => return None,
        };
        if !sane {
            return Some(false);
        }
    }
    Some(true)
}

fn skip_codebook(bits: &mut Bits<'_>) -> Option<()> {
    if bits.take(24)? != 0x56_4342 {
        return None;
    }
    let (dimensions, entries) = (bits.take(16)?, bits.take(24)?);
    if dimensions == 0 || entries > MAX_ENTRIES {
        return None;
    }
    let ordered = bits.take(1)? == 1;
    if ordered {
        skip_ordered_lengths(bits, entries)?;
    } else {
        let sparse = bits.take(1)? == 1;
        for _ in 0..entries {
            if !sparse || bits.take(1)? == 1 {
                bits.take(5)?;
            }
        }
    }
    let values = match bits.take(4)? {
        0 => return Some(()),
        1 => root(entries, dimensions),
        2 => entries.checked_mul(dimensions)?,
        _ => return None,
    };
    bits.skip(64)?;
    let width = bits.take(4)? + 1;
    bits.take(1)?;
    bits.skip(values as usize * width as usize)
}

/// Lengths of codewords that only grow, up to 32 bits.
fn skip_ordered_lengths(bits: &mut Bits<'_>, entries: u32) -> Option<()> {
    let mut left = entries;
    let shortest = bits.take(5)? + 1;
    for _length in shortest..=32 {
        left = left.checked_sub(bits.take(u32::BITS - left.leading_zeros())?)?;
        if left == 0 {
            return Some(());
        }
    }
    None
}

/// The greatest number whose power of `dimensions` is not above `entries` (section 9.2.3).
fn root(entries: u32, dimensions: u32) -> u32 {
    let fits = |root: u32| {
        root.checked_pow(dimensions)
            .is_some_and(|power| power <= entries)
    };
    (1..=entries)
        .take_while(|root| fits(*root))
        .last()
        .unwrap_or(0)
}

fn skip_floor_0(bits: &mut Bits<'_>) -> Option<()> {
    // Order, rate, size of the bark map, and amplitude.
    bits.skip(8 + 16 + 16 + 6 + 8)?;
    let books = bits.take(4)? + 1;
    bits.skip(books as usize * 8)
}

/// The curve has a point at 0 by itself: one more there divides by zero. (The decoder sees that
/// the others differ, and none can be at the end, where the curve has its other own point.)
fn floor_1_is_sane(bits: &mut Bits<'_>) -> Option<bool> {
    let mut partitions = Vec::new();
    for _ in 0..bits.take(5)? {
        partitions.push(bits.take(4)? as usize);
    }
    let classes = partitions.iter().max().map_or(0, |last| last + 1);
    let mut dimensions = Vec::new();
    for _ in 0..classes {
        dimensions.push(bits.take(3)? + 1);
        let subclasses = bits.take(2)?;
        if subclasses > 0 {
            bits.take(8)?;
        }
        bits.skip(8 << subclasses)?;
    }
    bits.take(2)?;
    let width = bits.take(4)?;
    for class in partitions {
        for _ in 0..dimensions[class] {
            if bits.take(width)? == 0 {
                return Some(false);
            }
        }
    }
    Some(true)
}

/// Reads numbers from bits, the least significant first (section 2.1).
struct Bits<'a> {
    bytes: &'a [u8],
    /// Bits read so far.
    at: usize,
}

impl<'a> Bits<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// A number of `width` bits, at most 32; `None` past the end.
    fn take(&mut self, width: u32) -> Option<u32> {
        let (first, offset) = (self.at / 8, self.at % 8);
        self.skip(width as usize)?;
        let window = self.bytes[first.min(self.bytes.len())..]
            .iter()
            .take(5)
            .rev()
            .fold(0_u64, |window, byte| window << 8 | u64::from(*byte));
        u32::try_from((window >> offset) & ((1 << width) - 1)).ok()
    }

    fn skip(&mut self, bits: usize) -> Option<()> {
        self.at = self.at.checked_add(bits)?;
        (self.at <= self.bytes.len() * 8).then_some(())
    }
}
