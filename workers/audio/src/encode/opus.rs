//! Opus in Ogg (RFC 7845).

use ogg::{PacketWriteEndInfo, PacketWriter};
use opus::{Application, Bitrate, Channels, Encoder};
use voicefleet_core::audio::Pcm;

use super::{Reason, at_supported_rate, pieces, to_16_bit};

/// Rates that the encoder takes (Hz).
pub(super) const RATES: [u32; 5] = [8_000, 12_000, 16_000, 24_000, 48_000];

/// The clock of positions in the file (Hz), whatever the encoder's rate.
const CLOCK: u32 = 48_000;

/// Packets a second: frames of 20 ms, the usual length.
const PACKETS_PER_SECOND: u32 = 50;

/// For full-band mono speech 28 to 40 kbit/s are recommended (RFC 7587, section 3.1.1).
const BITRATE: i32 = 32_000;

/// No packet of one frame is longer: its first byte, and 1275 of the frame (RFC 6716, section 3.2.1).
const MAX_PACKET: usize = 1276;

/// Any number will do, as there is one stream in the file; a constant keeps equal audio equal.
const SERIAL: u32 = 1;

pub(super) fn encode(pcm: &Pcm) -> Result<Vec<u8>, Reason> {
    let pcm = at_supported_rate(pcm, &RATES);
    let samples: Vec<i16> = to_16_bit(&pcm.samples).collect();
    let mut packets = Packets::new(pcm.rate, Pages::OfSeconds)?;
    let mut file = pieces::Encoder::push(&mut packets, &samples)?;
    file.extend(pieces::Encoder::finish(Box::new(packets))?);
    Ok(file)
}

/// When a page ends, apart from at the end of the file.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Pages {
    /// With every second.
    OfSeconds,
    /// Also with every piece, so that it can be heard.
    OfPieces,
}

/// The encoder at work.
pub(super) struct Packets {
    encoder: Encoder,
    file: PacketWriter<'static, Vec<u8>>,
    pages: Pages,
    /// Hz.
    rate: u32,
    /// Samples of one packet.
    frame: usize,
    /// Samples that the encoder is behind by.
    lookahead: usize,
    /// Samples that do not fill a packet yet.
    waiting: Vec<i16>,
    /// Packets written.
    written: usize,
}

impl Packets {
    /// `rate` is one of [`RATES`].
    pub(super) fn new(rate: u32, pages: Pages) -> Result<Self, Reason> {
        let mut encoder = Encoder::new(rate, Channels::Mono, Application::Audio)?;
        encoder.set_bitrate(Bitrate::Bits(BITRATE))?;
        let mut packets = Self {
            lookahead: usize::try_from(encoder.get_lookahead()?)?,
            encoder,
            file: PacketWriter::new(Vec::new()),
            pages,
            rate,
            frame: usize::try_from(rate / PACKETS_PER_SECOND)?,
            waiting: Vec::new(),
            written: 0,
        };
        let pre_skip = u16::try_from(packets.to_clock(packets.lookahead))?;
        for header in [head(pre_skip, rate), tags()] {
            let page = PacketWriteEndInfo::EndPage;
            packets.file.write_packet(header, SERIAL, page, 0)?;
        }
        Ok(packets)
    }

    fn to_clock(&self, samples: usize) -> u64 {
        samples as u64 * u64::from(CLOCK) / u64::from(self.rate)
    }

    /// A page a second at least.
    fn page(&self, is_last_of_piece: bool) -> PacketWriteEndInfo {
        let ends_second = self.written.is_multiple_of(PACKETS_PER_SECOND as usize);
        if ends_second || (is_last_of_piece && self.pages == Pages::OfPieces) {
            PacketWriteEndInfo::EndPage
        } else {
            PacketWriteEndInfo::NormalPacket
        }
    }

    fn write(&mut self, samples: &[i16], end: Option<u64>, is_last: bool) -> Result<(), Reason> {
        let packet = self.encoder.encode_vec(samples, MAX_PACKET)?;
        self.written += 1;
        let (position, page) = match end {
            // Where the audio ends, which cuts this packet short.
            Some(end) => (end, PacketWriteEndInfo::EndStream),
            None => (self.to_clock(self.written * self.frame), self.page(is_last)),
        };
        self.file.write_packet(packet, SERIAL, page, position)?;
        Ok(())
    }

    fn take_written(&mut self) -> Vec<u8> {
        std::mem::take(self.file.inner_mut())
    }
}

impl pieces::Encoder for Packets {
    fn push(&mut self, samples: &[i16]) -> Result<Vec<u8>, Reason> {
        let mut all = std::mem::take(&mut self.waiting);
        all.extend_from_slice(samples);
        // The last packet of the file is written by `finish` only, and there always is one left for it.
        let mut frames = all.chunks_exact(self.frame).peekable();
        while let Some(samples) = frames.next() {
            let is_last = frames.peek().is_none();
            self.write(samples, None, is_last)?;
        }
        let whole = all.len() - all.len() % self.frame;
        self.waiting = all.split_off(whole);
        Ok(self.take_written())
    }

    /// The encoder is behind by its lookahead: silence pushes the end out.
    fn finish(mut self: Box<Self>) -> Result<Vec<u8>, Reason> {
        let mut rest = std::mem::take(&mut self.waiting);
        rest.resize(rest.len() + self.lookahead, 0);
        let end = self.to_clock(self.written * self.frame + rest.len());
        let packets = rest.len().div_ceil(self.frame);
        rest.resize(packets * self.frame, 0);
        for (index, samples) in rest.chunks_exact(self.frame).enumerate() {
            let is_end = index + 1 == packets;
            self.write(samples, is_end.then_some(end), false)?;
        }
        Ok(self.take_written())
    }
}

/// The identification header (RFC 7845, section 5.1): version 1, one channel, no gain.
fn head(pre_skip: u16, input_rate: u32) -> Vec<u8> {
    let mut head = b"OpusHead\x01\x01".to_vec();
    head.extend(pre_skip.to_le_bytes());
    head.extend(input_rate.to_le_bytes());
    head.extend([0, 0, 0]);
    head
}

/// The comment header (RFC 7845, section 5.2): who wrote it, and no comments.
fn tags() -> Vec<u8> {
    let vendor = b"voicefleet";
    let mut tags = b"OpusTags".to_vec();
    tags.extend(10_u32.to_le_bytes());
    tags.extend(vendor);
    tags.extend(0_u32.to_le_bytes());
    tags
}
