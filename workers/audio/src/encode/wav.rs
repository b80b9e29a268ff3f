//! RIFF WAVE, 16 bit.

use std::io::Cursor;

use hound::{SampleFormat, WavSpec, WavWriter};
use voicefleet_core::audio::Pcm;

use super::{Reason, to_16_bit};

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
