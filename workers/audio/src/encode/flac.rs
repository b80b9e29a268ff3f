//! FLAC, 16 bit.

use flacenc::{
    bitsink::ByteSink, component::BitRepr as _, config, encode_with_fixed_block_size,
    error::Verify as _, source::MemSource,
};
use voicefleet_core::audio::Pcm;

use super::{Reason, at_supported_rate, to_16_bit};

/// Rates that any decoder takes (RFC 9639, section 9.1.2: those with a code of their own) and
/// those of the voices.
const RATES: [u32; 12] = [
    8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000,
];

pub(super) fn encode(pcm: &Pcm) -> Result<Vec<u8>, Reason> {
    let pcm = at_supported_rate(pcm, &RATES);
    let samples: Vec<i32> = to_16_bit(&pcm.samples).map(i32::from).collect();
    let source = MemSource::from_samples(&samples, 1, 16, usize::try_from(pcm.rate)?);
    let config = config::Encoder::default()
        .into_verified()
        .map_err(|(_, error)| error)?;
    let mut stream = encode_with_fixed_block_size(&config, source, config.block_size)?;
    // The encoder counts the last block in, which may be shorter (RFC 9639, section 8.2, leaves it
    // out); readers take the stream for one of varying blocks then and refuse its frames.
    stream
        .stream_info_mut()
        .set_block_sizes(config.block_size, config.block_size)?;
    let mut file = ByteSink::new();
    stream.write(&mut file)?;
    Ok(file.into_inner())
}
