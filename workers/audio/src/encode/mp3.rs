//! MP3 through LAME, mono, constant bitrate.

use mp3lame_encoder::{Bitrate, Builder, FlushGap, Mode, MonoPcm, Quality};
use voicefleet_core::audio::Pcm;

use super::{Reason, at_supported_rate, to_16_bit};

/// Rates of MPEG-2.5, MPEG-2 and MPEG-1 layer III (Hz).
const RATES: [u32; 9] = [
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
    let mut builder = Builder::new().ok_or("LAME could not be set up")?;
    builder.set_num_channels(1)?;
    builder.set_mode(Mode::Mono)?;
    builder.set_sample_rate(pcm.rate)?;
    builder.set_output_sample_rate(std::num::NonZeroU32::new(pcm.rate))?;
    builder.set_brate(BITRATE)?;
    builder.set_quality(Quality::Good)?;
    builder.set_to_write_vbr_tag(true)?;
    let mut encoder = builder.build()?;

    let samples: Vec<i16> = to_16_bit(&pcm.samples).collect();
    let mut file = Vec::new();
    for piece in samples.chunks(PIECE) {
        file.reserve(mp3lame_encoder::max_required_buffer_size(piece.len()));
        encoder.encode_to_vec(MonoPcm(piece), &mut file)?;
    }
    file.reserve(FLUSHED);
    // The other flush forgets samples that do not fill a frame.
    encoder.flush_to_vec::<FlushGap>(&mut file)?;
    write_length(&encoder, &mut file);
    Ok(file)
}

/// Replaces the first frame, a stand-in until now, by the LAME header: it tells players how many
/// samples to leave out at either end.
fn write_length(encoder: &mp3lame_encoder::Encoder, file: &mut [u8]) {
    let mut header = Vec::with_capacity(encoder.lame_tag_size());
    encoder.lame_tag_encode_to_vec(&mut header);
    if let Some(frame) = file.get_mut(..header.len()) {
        frame.copy_from_slice(&header);
    }
}
