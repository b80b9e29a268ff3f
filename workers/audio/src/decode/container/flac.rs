//! FLAC: a signature, metadata blocks, frames (RFC 9639).

use symphonia::{core::formats::FormatOptions, default::formats::FlacReader};
use voicefleet_core::ports::AudioError;

use super::{
    array, cut_off, damaged,
    demuxed::{AtEndOfFile, Demuxed},
    forward_only, not_audio,
};

/// The signature.
pub(super) const SIGNATURE: [u8; 4] = *b"fLaC";

/// The reader itself holds the number of samples in the header against what it found.
pub(super) fn open(bytes: &[u8]) -> Result<Demuxed<'_>, AudioError> {
    let frames = frames(bytes).ok_or_else(|| cut_off("it ends within its metadata"))?;
    if frames.is_empty() {
        return Err(not_audio("it holds no samples"));
    }
    FlacReader::try_new(forward_only(bytes), FormatOptions::default())
        .map(|reader| Demuxed::new(reader, AtEndOfFile::CutOff))
        .map_err(damaged)
}

/// The length that the header gives, seconds; `None` if it gives none, as that of a stream does.
pub(crate) fn seconds(bytes: &[u8]) -> Option<f64> {
    // Of the stream information, which is the first block: 20 bits of rate, 3 of channels, 5 of depth, 36 of samples.
    let packed = u64::from_be_bytes(array(bytes.strip_prefix(&SIGNATURE)?, 14)?);
    let (rate, samples) = (packed >> 44, packed & 0x000f_ffff_ffff);
    #[expect(clippy::cast_precision_loss, reason = "36 bits")]
    (rate > 0 && samples > 0).then(|| samples as f64 / rate as f64)
}

/// What follows the metadata; `None` if that is cut.
fn frames(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes.strip_prefix(&SIGNATURE)?;
    loop {
        // A flag for the last block, its type, and its length.
        let header = u32::from_be_bytes(array(rest, 0)?);
        rest = rest.get(4 + (header & 0x00ff_ffff) as usize..)?;
        if header >> 31 == 1 {
            return Some(rest);
        }
    }
}
