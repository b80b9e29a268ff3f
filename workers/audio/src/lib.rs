//! Reads the audio files that clients upload and writes the ones they ask for.
//!
//! Begin with [`Codec`]: it implements the port [`AudioCodec`] of `voicefleet-core`.
//!
//! - Reading (`decode`): the container is found from its first bytes, checked for being whole,
//!   demultiplexed and decoded packet by packet into one mono stream, which is brought to the
//!   wanted rate on the way. Nothing longer than the caller's limit is ever held. Read are WAV
//!   (PCM, float, A-law, mu-law, ADPCM), MP3, FLAC, Ogg (Opus, FLAC, Vorbis), MP4/M4A and ADTS
//!   (AAC-LC; in MP4 also Opus), WebM/Matroska (Opus, Vorbis and more). AAC and Vorbis have one or
//!   two channels, the others any number. Samples that are no numbers become silence, and those
//!   beyond full scale are clipped.
//! - Writing (`encode`): WAV, headerless PCM, MP3, Opus in Ogg and FLAC, always mono. There is no
//!   AAC encoder under a licence that can be shipped. Each also piece by piece, while the audio is
//!   still being made ([`AudioCodec::begin`]).
//! - [`mod@resample`] changes the rate of a clip.
//!
//! # Licences
//! LAME (through `mp3lame-encoder`) is LGPL-3.0 and linked statically; Symphonia is MPL-2.0;
//! libopus is BSD-3-Clause. All of them may be linked into a GPL-3.0-or-later program.

mod decode;
mod encode;
mod resample;

use std::panic::catch_unwind;

use voicefleet_core::{
    audio::{AudioFormat, Pcm},
    ports::{AudioCodec, AudioError, AudioLimits, AudioWriter},
};

pub use resample::resample;

/// Reads and writes audio files. Holds nothing, so it costs nothing to make, clone or share.
#[derive(Clone, Copy, Debug, Default)]
pub struct Codec;

impl AudioCodec for Codec {
    fn decode(
        &self,
        bytes: &[u8],
        rate: Option<u32>,
        limits: AudioLimits,
    ) -> Result<Pcm, AudioError> {
        // Decoders of a dozen formats index by numbers from the file. What none of our damaged files has
        // found yet must not cost a server more than this answer.
        catch_unwind(|| decode::decode(bytes, rate, limits))
            .unwrap_or_else(|_| Err(AudioError::NotAudio("its decoder crashed".to_owned())))
    }

    fn encode(&self, pcm: &Pcm, format: AudioFormat) -> Result<Vec<u8>, AudioError> {
        encode::encode(pcm, format)
    }

    fn stored_seconds(&self, speech: &[u8]) -> Option<f64> {
        decode::flac_seconds(speech)
    }

    fn as_stored(&self, pcm: &Pcm) -> Option<Pcm> {
        encode::as_stored(pcm)
    }

    fn begin(&self, rate: u32, format: AudioFormat) -> Result<Box<dyn AudioWriter>, AudioError> {
        encode::begin(rate, format)
    }
}
