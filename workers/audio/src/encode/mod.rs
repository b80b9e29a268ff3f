//! From mono samples to a file's bytes, whole or piece by piece.

mod flac;
mod mp3;
mod opus;
mod pieces;
mod wav;

use std::fmt::Display;

use voicefleet_core::{
    audio::{AudioFormat, PCM_RESPONSE_RATE, Pcm},
    ports::AudioError,
};

use crate::resample::resample;

pub(crate) use pieces::begin;

/// What decoders divide 16-bit samples by.
const DECODED_SCALE: f32 = 32_768.0;

/// Encodes a clip; see [`AudioCodec::encode`](voicefleet_core::ports::AudioCodec::encode). A clip
/// without samples gives a valid file without audio.
pub(crate) fn encode(pcm: &Pcm, format: AudioFormat) -> Result<Vec<u8>, AudioError> {
    let encoded = if pcm.rate == 0 {
        Err("the sample rate is 0".into())
    } else {
        match format {
            AudioFormat::Wav => wav::encode(pcm),
            AudioFormat::Pcm => Ok(raw(pcm)),
            AudioFormat::Mp3 => mp3::encode(pcm),
            AudioFormat::Opus => opus::encode(pcm),
            AudioFormat::Flac => flac::encode(pcm),
        }
    };
    encoded.map_err(|Reason(reason)| AudioError::Encode { format, reason })
}

/// See [`AudioCodec::as_stored`](voicefleet_core::ports::AudioCodec::as_stored).
pub(crate) fn as_stored(pcm: &Pcm) -> Option<Pcm> {
    let is_kept = supported_rate(pcm.rate, &flac::RATES) == pcm.rate && pcm.rate > 0;
    is_kept.then(|| Pcm {
        samples: to_16_bit(&pcm.samples)
            .map(|sample| f32::from(sample) / DECODED_SCALE)
            .collect(),
        rate: pcm.rate,
    })
}

/// The 16 bits that a sample which comes from a decoder had in its file.
fn stored_value(sample: f32) -> i16 {
    let range = f32::from(i16::MIN)..=f32::from(i16::MAX);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the value is within 16 bits, and a NaN becomes 0"
    )]
    let value = (sample * DECODED_SCALE)
        .round()
        .clamp(*range.start(), *range.end()) as i16;
    value
}

/// What an encoder says when it fails.
struct Reason(String);

impl<E: Display> From<E> for Reason {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// Headerless 16-bit little-endian samples at the rate that clients assume.
fn raw(pcm: &Pcm) -> Vec<u8> {
    let pcm = resample(pcm, PCM_RESPONSE_RATE);
    to_16_bit(&pcm.samples).flat_map(i16::to_le_bytes).collect()
}

/// Samples as 16-bit integers. What is beyond full scale is clipped, what is no number is silence.
fn to_16_bit(samples: &[f32]) -> impl ExactSizeIterator<Item = i16> {
    samples.iter().map(|sample| {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the value is within 16 bits, and a NaN becomes 0"
        )]
        let value = (sample.clamp(-1.0, 1.0) * f32::from(i16::MAX)).round() as i16;
        value
    })
}

/// The clip at the first of `rates` (ascending, Hz) that loses nothing, or else at the last.
fn at_supported_rate(pcm: &Pcm, rates: &[u32]) -> Pcm {
    resample(pcm, supported_rate(pcm.rate, rates))
}

/// The first of `rates` (ascending, Hz) that loses nothing of `rate`, or else the last.
fn supported_rate(rate: u32, rates: &[u32]) -> u32 {
    let enough = rates.iter().find(|supported| **supported >= rate);
    *enough.or(rates.last()).unwrap_or(&rate)
}
