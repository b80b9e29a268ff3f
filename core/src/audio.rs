//! Sound as the engines see it, and the formats it is asked for in.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Mono audio: 32-bit float samples, nominally within [-1, 1], at `rate` samples per second.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pcm {
    /// The samples, in time order.
    pub samples: Vec<f32>,
    /// Samples per second (Hz).
    pub rate: u32,
}

impl Pcm {
    /// Length in seconds.
    #[expect(
        clippy::cast_precision_loss,
        reason = "audio is far shorter than 2^52 samples"
    )]
    pub fn seconds(&self) -> f64 {
        if self.rate == 0 {
            0.0
        } else {
            self.samples.len() as f64 / f64::from(self.rate)
        }
    }

    /// Largest absolute sample value; 0 for no samples.
    pub fn peak(&self) -> f32 {
        self.samples
            .iter()
            .fold(0.0, |peak, sample| peak.max(sample.abs()))
    }

    /// As it is kept between chunks, without any loss: the rate, then the samples, little-endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        let rate = self.rate.to_le_bytes().into_iter();
        let samples = self.samples.iter().flat_map(|sample| sample.to_le_bytes());
        rate.chain(samples).collect()
    }

    /// Reads back what [`Pcm::to_bytes`] gave; `None` for what has no whole samples.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (rate, samples) = bytes.split_first_chunk::<4>()?;
        let (samples, []) = samples.as_chunks::<4>() else {
            return None;
        };
        Some(Self {
            rate: u32::from_le_bytes(*rate),
            samples: samples
                .iter()
                .map(|sample| f32::from_le_bytes(*sample))
                .collect(),
        })
    }
}

/// Sample rate of `pcm` answers (Hz), whatever the voice's own rate: what OpenAI's clients assume.
pub const PCM_RESPONSE_RATE: u32 = 24_000;

/// A container and codec that speech is delivered in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AudioFormat {
    /// RIFF WAVE, 16-bit PCM at the voice's own rate, true sizes in the header.
    Wav,
    /// Headerless 16-bit little-endian mono at 24 kHz.
    Pcm,
    /// MPEG-1/2 layer III.
    Mp3,
    /// Opus in Ogg at 48 kHz granule rate.
    Opus,
    /// FLAC, 16 bit, at the voice's own rate.
    Flac,
}

impl AudioFormat {
    /// Every format, in the order the documentation lists them.
    pub const ALL: [Self; 5] = [Self::Wav, Self::Pcm, Self::Mp3, Self::Opus, Self::Flac];

    /// The name used in requests.
    pub fn name(self) -> &'static str {
        match self {
            Self::Wav => "wav",
            Self::Pcm => "pcm",
            Self::Mp3 => "mp3",
            Self::Opus => "opus",
            Self::Flac => "flac",
        }
    }

    /// The media type sent as `Content-Type`.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Wav => "audio/wav",
            Self::Pcm => "audio/pcm;rate=24000;channels=1",
            Self::Mp3 => "audio/mpeg",
            Self::Opus => "audio/ogg",
            Self::Flac => "audio/flac",
        }
    }
}

impl fmt::Display for AudioFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for AudioFormat {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|format| format.name() == name)
            .ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}

/// A response format that Voicefleet does not produce.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", describe_unknown_format(.0))]
pub struct UnknownFormat(pub String);

fn describe_unknown_format(name: &str) -> String {
    let known = "wav, pcm, mp3, opus, flac";
    if name == "aac" {
        return format!(
            "aac is not produced: no AAC encoder exists under a licence that can be shipped; use one of {known}"
        );
    }
    format!("unknown format '{name}'; use one of {known}")
}
