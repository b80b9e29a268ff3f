//! Files that are written while their audio is still being made.

use voicefleet_core::{
    audio::{AudioFormat, PCM_RESPONSE_RATE},
    ports::{AudioError, AudioWriter},
};

use super::{Reason, flac, mp3, opus, stored_value, supported_rate, to_16_bit, wav};
use crate::resample::Resampler;

/// See [`AudioCodec::begin`](voicefleet_core::ports::AudioCodec::begin).
pub(crate) fn begin(rate: u32, format: AudioFormat) -> Result<Box<dyn AudioWriter>, AudioError> {
    match Pieces::new(rate, format) {
        Ok(pieces) => Ok(Box::new(pieces)),
        Err(Reason(reason)) => Err(AudioError::Encode { format, reason }),
    }
}

/// One format's encoder, at a rate that it takes.
pub(super) trait Encoder: Send {
    /// Takes samples; gives the bytes that are ready.
    fn push(&mut self, samples: &[i16]) -> Result<Vec<u8>, Reason>;

    /// Gives the rest.
    fn finish(self: Box<Self>) -> Result<Vec<u8>, Reason>;
}

/// Samples on their way: to the encoder's rate, to 16 bits, into the file.
struct Pieces {
    format: AudioFormat,
    resampler: Resampler,
    encoder: Box<dyn Encoder>,
}

impl Pieces {
    fn new(rate: u32, format: AudioFormat) -> Result<Self, Reason> {
        let to = match format {
            AudioFormat::Wav => rate,
            AudioFormat::Pcm => PCM_RESPONSE_RATE,
            AudioFormat::Mp3 => supported_rate(rate, &mp3::RATES),
            AudioFormat::Opus => supported_rate(rate, &opus::RATES),
            AudioFormat::Flac => supported_rate(rate, &flac::RATES),
        };
        let resampler = Resampler::new(rate, to).ok_or("the sample rate is 0")?;
        let encoder: Box<dyn Encoder> = match format {
            AudioFormat::Wav => Box::new(wav::Endless::new(to)),
            AudioFormat::Pcm => Box::new(Headerless),
            AudioFormat::Mp3 => Box::new(mp3::Frames::new(to, mp3::Header::None)?),
            AudioFormat::Opus => Box::new(opus::Packets::new(to, opus::Pages::OfPieces)?),
            AudioFormat::Flac => Box::new(flac::Frames::new(to)?),
        };
        Ok(Self {
            format,
            resampler,
            encoder,
        })
    }

    fn error(format: AudioFormat) -> impl Fn(Reason) -> AudioError {
        move |Reason(reason)| AudioError::Encode { format, reason }
    }
}

impl AudioWriter for Pieces {
    fn push(&mut self, samples: &[f32]) -> Result<Vec<u8>, AudioError> {
        let mut ready = Vec::new();
        self.resampler.push(samples, &mut ready);
        let samples = in_16_bit(&ready, self.format);
        self.encoder
            .push(&samples)
            .map_err(Self::error(self.format))
    }

    fn finish(self: Box<Self>) -> Result<Vec<u8>, AudioError> {
        let Self {
            format,
            resampler,
            mut encoder,
        } = *self;
        let mut rest = Vec::new();
        resampler.finish(&mut rest);
        let samples = in_16_bit(&rest, format);
        let ended = encoder.push(&samples).and_then(|mut bytes| {
            bytes.extend(encoder.finish()?);
            Ok(bytes)
        });
        ended.map_err(Self::error(format))
    }
}

/// FLAC is what is stored, to the bit. The others are renderings of it, and round as those do.
fn in_16_bit(samples: &[f32], format: AudioFormat) -> Vec<i16> {
    match format {
        AudioFormat::Flac => samples.iter().copied().map(stored_value).collect(),
        _ => to_16_bit(samples).collect(),
    }
}

/// Samples without anything around them.
struct Headerless;

impl Encoder for Headerless {
    fn push(&mut self, samples: &[i16]) -> Result<Vec<u8>, Reason> {
        Ok(little_endian(samples).collect())
    }

    fn finish(self: Box<Self>) -> Result<Vec<u8>, Reason> {
        Ok(Vec::new())
    }
}

pub(super) fn little_endian(samples: &[i16]) -> impl Iterator<Item = u8> {
    samples.iter().copied().flat_map(i16::to_le_bytes)
}
