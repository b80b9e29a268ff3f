//! One packet in, interleaved samples out, whatever the codec.

use symphonia::core::{
    codecs::audio::{
        AudioCodecParameters, AudioDecoder, AudioDecoderOptions,
        well_known::{CODEC_ID_AAC, CODEC_ID_OPUS, CODEC_ID_VORBIS},
    },
    errors::Error as SymphoniaError,
    packet::Packet,
};
use voicefleet_core::ports::AudioError;

use super::{opus::OpusDecoder, vorbis};

/// Decoded audio: `samples` holds all channels of the first moment, then of the second, and so on.
pub(super) struct Frames<'a> {
    pub(super) samples: &'a [f32],
    pub(super) channels: usize,
    /// Samples per second and channel (Hz).
    pub(super) rate: u32,
}

/// A packet that its codec cannot make sense of.
pub(super) struct BadPacket;

/// The codec of one track. Symphonia has them all but Opus.
pub(super) enum Decoder {
    Symphonia {
        decoder: Box<dyn AudioDecoder>,
        interleaved: Vec<f32>,
    },
    Opus(OpusDecoder),
}

impl Decoder {
    pub(super) fn new(codec: &AudioCodecParameters) -> Result<Self, AudioError> {
        if codec.codec == CODEC_ID_OPUS {
            return OpusDecoder::new(codec.extra_data.as_deref()).map(Self::Opus);
        }
        if codec.codec == CODEC_ID_VORBIS {
            vorbis::check(codec.extra_data.as_deref())?;
        }
        let decoder = symphonia::default::get_codecs()
            .make_audio_decoder(codec, &AudioDecoderOptions::default())
            .map_err(|error| unreadable(codec, &error))?;
        Ok(Self::Symphonia {
            decoder,
            interleaved: Vec::new(),
        })
    }

    /// Time that the decoder drops at the start by itself, seconds.
    pub(super) fn dropped_seconds(&self) -> f64 {
        match self {
            Self::Opus(decoder) => decoder.pre_skip_seconds(),
            Self::Symphonia { .. } => 0.0,
        }
    }

    pub(super) fn decode(&mut self, packet: &Packet) -> Result<Frames<'_>, BadPacket> {
        match self {
            Self::Opus(decoder) => decoder.decode(&packet.data),
            Self::Symphonia {
                decoder,
                interleaved,
            } => {
                let audio = decoder.decode(packet).map_err(|_| BadPacket)?;
                audio.copy_to_vec_interleaved(interleaved);
                Ok(Frames {
                    samples: interleaved,
                    channels: audio.spec().channels().count(),
                    rate: audio.spec().rate(),
                })
            }
        }
    }
}

fn unreadable(codec: &AudioCodecParameters, error: &SymphoniaError) -> AudioError {
    if codec.codec == CODEC_ID_AAC {
        return not_audio("of AAC, the low-complexity profile with one or two channels is read");
    }
    not_audio(&format!("its codec is not read: {error}"))
}

fn not_audio(reason: &str) -> AudioError {
    AudioError::NotAudio(reason.to_owned())
}
