//! WAV: chunks in a RIFF file. Its header is read here and written anew for the reader, so that
//! the sizes in it are the true ones and its fields are sane.

use std::io::{Cursor, Read};

use symphonia::{core::formats::FormatOptions, default::formats::WavReader};
use voicefleet_core::ports::AudioError;

use super::{
    array, cut_off, damaged,
    demuxed::{AtEndOfFile, Demuxed},
    forward_only, not_audio,
};

/// Sizes from here on are stand-ins of programs that write to a pipe and cannot come back to the
/// header: 0xFFFFFFFF (ffmpeg), 0x80000000 (arecord), 0x7FFFF000 (`SoX`).
const PLACEHOLDER: u32 = 0x7fff_f000;

/// Bytes that may be missing: some recorders write the size of the file for that of the data,
/// which is a header too many.
const HEADER_SLACK: usize = 44;

/// Codes of sample formats (mmreg.h of the Windows SDK).
const PCM: u16 = 1;
const ADPCM_MS: u16 = 2;
const FLOAT: u16 = 3;
const A_LAW: u16 = 6;
const MU_LAW: u16 = 7;
const ADPCM_IMA: u16 = 0x11;
const EXTENSIBLE: u16 = 0xfffe;

/// The largest number of channels in use: a 22.2 system has 24.
const MAX_CHANNELS: u16 = 24;

pub(super) fn open(bytes: &[u8]) -> Result<Demuxed<'_>, AudioError> {
    let (format, data) = chunks(bytes)?;
    let format = canonical_format(format)?;
    let header = header(&format, data.len());
    let source = forward_only(Cursor::new(header).chain(data));
    WavReader::try_new(source, FormatOptions::default())
        .map(|reader| Demuxed::new(reader, AtEndOfFile::CutOff))
        .map_err(damaged)
}

/// The contents of the format chunk and of the data chunk.
fn chunks(bytes: &[u8]) -> Result<(&[u8], &[u8]), AudioError> {
    if bytes.get(8..12) != Some(b"WAVE") {
        return Err(not_audio("it is a RIFF file but not a WAVE"));
    }
    let mut format = None;
    let mut rest = &bytes[12..];
    while let Some((kind, size)) = chunk_header(rest) {
        let body = &rest[8..];
        if kind == *b"data" {
            let format = format.ok_or_else(|| not_audio("its format chunk is missing"))?;
            return Ok((format, data(bytes, body, size)?));
        }
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let Some((body, next)) = body.split_at_checked(size) else {
            return Err(cut_off(format!(
                "it ends within its '{}' chunk",
                kind.escape_ascii()
            )));
        };
        if kind == *b"fmt " {
            format = Some(body);
        }
        // Chunks begin at even places.
        rest = next.get(size % 2..).unwrap_or_default();
    }
    Err(cut_off("it ends before its data"))
}

fn chunk_header(bytes: &[u8]) -> Option<([u8; 4], u32)> {
    Some((array(bytes, 0)?, u32::from_le_bytes(array(bytes, 4)?)))
}

/// The samples: `size` bytes of `body`, or all of it where the writer could not know the size.
fn data<'a>(file: &[u8], body: &'a [u8], size: u32) -> Result<&'a [u8], AudioError> {
    let riff_size = array(file, 4).map_or(0, u32::from_le_bytes);
    let riff_is_true = usize::try_from(riff_size).is_ok_and(|size| size + 8 == file.len());
    let unknown = size >= PLACEHOLDER || (size == 0 && !riff_is_true);
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    if let Some(data) = body.get(..size)
        && !unknown
    {
        return Ok(data);
    }
    if !unknown && size - body.len() > HEADER_SLACK {
        return Err(cut_off(format!(
            "{} of {size} bytes of its samples are missing",
            size - body.len()
        )));
    }
    Ok(body)
}

/// The format chunk in its shortest form. Of the extensible form only the sample format is of
/// use: the reader would place the channels by its mask, and all of them are mixed anyway.
fn canonical_format(chunk: &[u8]) -> Result<Vec<u8>, AudioError> {
    let mut format = chunk
        .first_chunk::<16>()
        .ok_or_else(|| not_audio("its format chunk is too short"))?
        .to_vec();
    let field = |at: usize| array(chunk, at).map_or(0, u16::from_le_bytes);
    let code = match field(0) {
        EXTENSIBLE => field(24),
        code => code,
    };
    format[..2].copy_from_slice(&code.to_le_bytes());
    let (channels, bits) = (field(2), field(14));
    if !(1..=MAX_CHANNELS).contains(&channels) {
        return Err(not_audio(&format!("its header says {channels} channels")));
    }
    match (code, bits) {
        (PCM, 8 | 16 | 24 | 32) | (FLOAT, 32 | 64) => {}
        // The reader wants the length of an extension here, even though there is none.
        (A_LAW | MU_LAW, _) => format.extend([0, 0]),
        (ADPCM_MS | ADPCM_IMA, 4) => {
            let extension = chunk
                .get(16..18 + usize::from(field(16)))
                .ok_or_else(|| not_audio("its format chunk is too short"))?;
            format.extend(extension);
        }
        _ => {
            return Err(not_audio(&format!(
                "its samples of {bits} bits in format {code} are not read"
            )));
        }
    }
    Ok(format)
}

/// A header with true sizes. (The fields are 32 bits wide; what lies behind 4 GB is left out.)
fn header(format: &[u8], data: usize) -> Vec<u8> {
    let size = |length: usize| u32::try_from(length).unwrap_or(u32::MAX - 1);
    // Chunks begin at even places.
    let padding = &[0][..format.len() % 2];
    let mut header = Vec::with_capacity(format.len() + 29);
    header.extend(b"RIFF");
    header.extend(size(format.len() + padding.len() + data + 20).to_le_bytes());
    header.extend(b"WAVEfmt ");
    header.extend(size(format.len()).to_le_bytes());
    header.extend(format);
    header.extend(padding);
    header.extend(b"data");
    header.extend(size(data).to_le_bytes());
    header
}
