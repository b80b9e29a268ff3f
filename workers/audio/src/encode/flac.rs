//! FLAC, 16 bit.

use flacenc::{
    bitsink::ByteSink,
    component::{BitRepr, Stream, StreamInfo},
    config, encode_fixed_size_frame, encode_with_fixed_block_size,
    error::{Verified, Verify as _},
    source::{Fill as _, FrameBuf, MemSource},
};
use voicefleet_core::audio::Pcm;

use super::{Reason, at_supported_rate, pieces::Encoder, to_16_bit};

/// Rates that any decoder takes (RFC 9639, section 9.1.2: those with a code of their own) and
/// those of the voices.
pub(super) const RATES: [u32; 12] = [
    8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000,
];

pub(super) fn encode(pcm: &Pcm) -> Result<Vec<u8>, Reason> {
    let pcm = at_supported_rate(pcm, &RATES);
    let samples: Vec<i32> = to_16_bit(&pcm.samples).map(i32::from).collect();
    let source = MemSource::from_samples(&samples, 1, 16, usize::try_from(pcm.rate)?);
    let config = configured()?;
    let mut stream = encode_with_fixed_block_size(&config, source, config.block_size)?;
    // The encoder counts the last block in, which may be shorter (RFC 9639, section 8.2, leaves it
    // out); readers take the stream for one of varying blocks then and refuse its frames.
    stream
        .stream_info_mut()
        .set_block_sizes(config.block_size, config.block_size)?;
    bytes(&stream)
}

fn configured() -> Result<Verified<config::Encoder>, Reason> {
    let config = config::Encoder::default().into_verified();
    Ok(config.map_err(|(_, error)| error)?)
}

fn bytes(part: &impl BitRepr) -> Result<Vec<u8>, Reason> {
    let mut sink = ByteSink::new();
    part.write(&mut sink)?;
    Ok(sink.into_inner())
}

/// A file whose length and checksum nobody knows yet, and which leaves both open.
pub(super) struct Frames {
    config: Verified<config::Encoder>,
    info: StreamInfo,
    /// Until it is sent.
    header: Vec<u8>,
    block: FrameBuf,
    /// Samples that do not fill a block yet.
    waiting: Vec<i32>,
    /// Frames made.
    made: usize,
}

impl Frames {
    /// `rate` is one of [`RATES`].
    pub(super) fn new(rate: u32) -> Result<Self, Reason> {
        let config = configured()?;
        let mut info = StreamInfo::new(usize::try_from(rate)?, 1, 16)?;
        info.set_block_sizes(config.block_size, config.block_size)?;
        // No frame has been seen: their sizes are unknown as well.
        info.set_frame_sizes(0, 0)?;
        Ok(Self {
            header: bytes(&Stream::with_stream_info(info.clone()))?,
            block: FrameBuf::with_size(1, config.block_size)?,
            config,
            info,
            waiting: Vec::new(),
            made: 0,
        })
    }

    fn frame(&mut self, samples: &[i32]) -> Result<Vec<u8>, Reason> {
        self.block.fill_interleaved(samples)?;
        let frame = encode_fixed_size_frame(&self.config, &self.block, self.made, &self.info)?;
        self.made += 1;
        bytes(&frame)
    }
}

impl Encoder for Frames {
    fn push(&mut self, samples: &[i16]) -> Result<Vec<u8>, Reason> {
        let mut ready = std::mem::take(&mut self.header);
        let mut all = std::mem::take(&mut self.waiting);
        all.extend(samples.iter().copied().map(i32::from));
        for block in all.chunks_exact(self.config.block_size) {
            ready.extend(self.frame(block)?);
        }
        let whole = all.len() - all.len() % self.config.block_size;
        self.waiting = all.split_off(whole);
        Ok(ready)
    }

    fn finish(mut self: Box<Self>) -> Result<Vec<u8>, Reason> {
        let mut rest = std::mem::take(&mut self.header);
        let last = std::mem::take(&mut self.waiting);
        if !last.is_empty() {
            rest.extend(self.frame(&last)?);
        }
        Ok(rest)
    }
}
