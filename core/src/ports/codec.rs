//! Reading and writing audio files. Blocking.

use crate::{
    audio::{AudioFormat, Pcm},
    failure::{ErrorCode, Failure},
};

/// Bounds on what is decoded, against hostile or mistaken uploads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AudioLimits {
    /// Longest audio, seconds. Decoding stops there: a decompression bomb costs no more than this.
    pub max_seconds: f64,
    /// Audio longer than this without any signal is refused, seconds.
    pub max_silent_seconds: f64,
}

impl Default for AudioLimits {
    /// Four hours, of which one minute may be nothing but digital silence.
    fn default() -> Self {
        Self {
            max_seconds: 4.0 * 3600.0,
            max_silent_seconds: 60.0,
        }
    }
}

/// Why audio could not be read or written.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum AudioError {
    /// No container or codec that is read recognises the bytes.
    #[error(
        "the upload is not audio in a format that is read (wav, mp3, ogg, opus, flac, m4a, webm): {0}"
    )]
    NotAudio(String),
    /// The file ends before it says it does.
    #[error("the audio is truncated: {0}")]
    Truncated(String),
    /// Longer than the limit.
    #[error("the audio is longer than the limit of {max_seconds} s")]
    TooLong {
        /// The limit, seconds.
        max_seconds: f64,
    },
    /// Nothing but silence, for longer than is plausible.
    #[error("the audio is {seconds:.0} s without any signal; was the microphone muted?")]
    Silent {
        /// Length, seconds.
        seconds: f64,
    },
    /// The encoder failed.
    #[error("encoding as {format} failed: {reason}")]
    Encode {
        /// The format asked for.
        format: AudioFormat,
        /// What the encoder said.
        reason: String,
    },
}

impl AudioError {
    /// The failure that a client may see, about `field`.
    pub fn into_failure(self, field: &str) -> Failure {
        let message = self.to_string();
        let code = match self {
            Self::NotAudio(_) => ErrorCode::NotAudio,
            Self::Truncated(_) => ErrorCode::TruncatedAudio,
            Self::TooLong { .. } => ErrorCode::AudioTooLong,
            Self::Silent { .. } => ErrorCode::SilentAudio,
            Self::Encode { .. } => return Failure::new(ErrorCode::Internal, message),
        };
        Failure::of_field(code, field, message)
    }
}

/// Reads and writes audio.
pub trait AudioCodec: Send + Sync {
    /// Decodes a whole file to mono at `rate` Hz (its own rate if `None`), within `limits`.
    ///
    /// The format is found from the bytes; file names and declared media types are not trusted.
    fn decode(
        &self,
        bytes: &[u8],
        rate: Option<u32>,
        limits: AudioLimits,
    ) -> Result<Pcm, AudioError>;

    /// Encodes speech. `pcm` comes out at 24 kHz, `opus` at 48 kHz; the others keep the voice's rate.
    fn encode(&self, pcm: &Pcm, format: AudioFormat) -> Result<Vec<u8>, AudioError>;

    /// The length of stored speech by what its header says, seconds; quick. `None` where it does not say so.
    fn stored_seconds(&self, _speech: &[u8]) -> Option<f64> {
        None
    }

    /// A part of a speech as it will be in the stored whole: rounded as FLAC rounds it, sample for sample.
    /// `None` where a part cannot be had before the whole, since FLAC does not carry its rate; then it
    /// cannot be delivered piece by piece.
    fn as_stored(&self, _pcm: &Pcm) -> Option<Pcm> {
        None
    }

    /// Begins a file of speech at `rate` Hz whose end nobody knows yet. It holds what
    /// [`encode`](Self::encode) makes of the stored whole (in FLAC: the stored whole), but for what a header
    /// says of all of it: WAV has
    /// `0xFFFFFFFF` for both sizes, FLAC neither length nor checksum, and MP3 no header that tells
    /// players how much padding to skip.
    ///
    /// # Errors
    /// [`AudioError::Encode`], also from a codec that writes whole files only.
    fn begin(&self, _rate: u32, format: AudioFormat) -> Result<Box<dyn AudioWriter>, AudioError> {
        let reason = "this codec writes whole files only".to_owned();
        Err(AudioError::Encode { format, reason })
    }
}

/// A file that is written piece by piece. Blocking.
pub trait AudioWriter: Send {
    /// Takes samples as they are stored ([`AudioCodec::as_stored`], or decoded from a result); gives the bytes
    /// that are ready, perhaps none. Encoders keep a fraction of a second
    /// back.
    fn push(&mut self, samples: &[f32]) -> Result<Vec<u8>, AudioError>;

    /// Gives the rest.
    fn finish(self: Box<Self>) -> Result<Vec<u8>, AudioError>;
}
