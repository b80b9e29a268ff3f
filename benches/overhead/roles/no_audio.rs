//! A codec that costs nothing, for it is not what is measured.

use voicefleet_core::{
    AudioFormat, Pcm,
    ports::{AudioCodec, AudioError, AudioLimits},
};

/// What every result is.
const RESULT: &[u8] = b"no audio";

pub(super) struct NoAudio;

impl AudioCodec for NoAudio {
    fn decode(&self, _: &[u8], _: Option<u32>, _: AudioLimits) -> Result<Pcm, AudioError> {
        Err(AudioError::NotAudio("this is a bench".to_owned()))
    }

    fn encode(&self, _: &Pcm, _: AudioFormat) -> Result<Vec<u8>, AudioError> {
        Ok(RESULT.to_vec())
    }
}
