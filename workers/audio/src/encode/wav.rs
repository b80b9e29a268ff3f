//! RIFF WAVE, 16 bit.

use std::io::Cursor;

use hound::{SampleFormat, WavSpec, WavWriter};
use voicefleet_core::audio::Pcm;

use super::{
    Reason,
    pieces::{Encoder, little_endian},
    to_16_bit,
};

pub(super) fn encode(pcm: &Pcm) -> Result<Vec<u8>, Reason> {
    let spec = WavSpec {
        channels: 1,
        sample_rate: pcm.rate,
        bits_per_sample: 16,
        sample_format: SampleFormat::Int,
    };
    let mut file = Cursor::new(Vec::with_capacity(44 + pcm.samples.len() * 2));
    let mut writer = WavWriter::new(&mut file, spec)?;
    for sample in to_16_bit(&pcm.samples) {
        writer.write_sample(sample)?;
    }
    writer.finalize()?;
    Ok(file.into_inner())
}

/// A file whose end nobody knows yet: both sizes are the largest there is, which players take to mean
/// "until the stream ends".
pub(super) struct Endless {
    /// Until it is sent.
    header: Vec<u8>,
}

impl Endless {
    pub(super) fn new(rate: u32) -> Self {
        Self {
            header: header(rate),
        }
    }
}

impl Encoder for Endless {
    fn push(&mut self, samples: &[i16]) -> Result<Vec<u8>, Reason> {
        let mut bytes = std::mem::take(&mut self.header);
        bytes.extend(little_endian(samples));
        Ok(bytes)
    }

    fn finish(self: Box<Self>) -> Result<Vec<u8>, Reason> {
        Ok(self.header)
    }
}

/// The plain 44 bytes: one channel, 16 bits.
fn header(rate: u32) -> Vec<u8> {
    let unknown = u32::MAX.to_le_bytes();
    let mut header = b"RIFF".to_vec();
    header.extend(unknown);
    header.extend(b"WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00");
    header.extend(rate.to_le_bytes());
    header.extend(rate.saturating_mul(2).to_le_bytes());
    header.extend(b"\x02\x00\x10\x00data");
    header.extend(unknown);
    header
}
