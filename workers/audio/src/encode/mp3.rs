//! MP3 through LAME, mono, constant bitrate.

use mp3lame_encoder::{Bitrate, Builder, FlushGap, Mode, MonoPcm, Quality};
use voicefleet_core::audio::Pcm;

use super::{Reason, at_supported_rate, pieces::Encoder, to_16_bit};

/// Rates of MPEG-2.5, MPEG-2 and MPEG-1 layer III (Hz).
pub(super) const RATES: [u32; 9] = [
    8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000,
];

/// More than speech needs at any of these rates, and the most that MPEG-2.5 has.
const BITRATE: Bitrate = Bitrate::Kbps64;

/// Samples given to LAME at once; it keeps no more than a few frames of output then.
const PIECE: usize = 16 * 1024;

/// What LAME may give when it is flushed (lame.h).
const FLUSHED: usize = 7200;

pub(super) fn encode(pcm: &Pcm) -> Result<Vec<u8>, Reason> {
    let pcm = at_supported_rate(pcm, &RATES);
    let samples: Vec<i16> = to_16_bit(&pcm.samples).collect();
    let mut frames = Frames::new(pcm.rate, Header::OfLame)?;
    let mut file = frames.push(&samples)?;
    frames.flush(&mut file)?;
    frames.write_length(&mut file);
    Ok(file)
}

/// Whether the file begins with a frame that tells players how much to leave out at either end. It
/// holds the length, so it is written last, where the first frame was kept free for it.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Header {
    OfLame,
    None,
}

/// LAME at work.
pub(super) struct Frames(mp3lame_encoder::Encoder);

impl Frames {
    /// `rate` is one of [`RATES`].
    pub(super) fn new(rate: u32, header: Header) -> Result<Self, Reason> {
        let mut builder = Builder::new().ok_or("LAME could not be set up")?;
        builder.set_num_channels(1)?;
        builder.set_mode(Mode::Mono)?;
        builder.set_sample_rate(rate)?;
        builder.set_output_sample_rate(std::num::NonZeroU32::new(rate))?;
        builder.set_brate(BITRATE)?;
        builder.set_quality(Quality::Good)?;
        builder.set_to_write_vbr_tag(header == Header::OfLame)?;
        Ok(Self(builder.build()?))
    }

    fn flush(&mut self, file: &mut Vec<u8>) -> Result<(), Reason> {
        file.reserve(FLUSHED);
        // The other flush forgets samples that do not fill a frame.
        self.0.flush_to_vec::<FlushGap>(file)?;
        Ok(())
    }

    /// Replaces the first frame, a stand-in until now, by the LAME header.
    fn write_length(&self, file: &mut [u8]) {
        let mut header = Vec::with_capacity(self.0.lame_tag_size());
        self.0.lame_tag_encode_to_vec(&mut header);
        if let Some(frame) = file.get_mut(..header.len()) {
            frame.copy_from_slice(&header);
        }
    }
}

impl Encoder for Frames {
    fn push(&mut self, samples: &[i16]) -> Result<Vec<u8>, Reason> {
        let mut ready = Vec::new();
        for piece in samples.chunks(PIECE) {
            ready.reserve(mp3lame_encoder::max_required_buffer_size(piece.len()));
            self.0.encode_to_vec(MonoPcm(piece), &mut ready)?;
        }
        Ok(ready)
    }

    fn finish(mut self: Box<Self>) -> Result<Vec<u8>, Reason> {
        let mut rest = Vec::new();
        self.flush(&mut rest)?;
        Ok(rest)
    }
}
