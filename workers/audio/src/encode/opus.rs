//! Opus in Ogg (RFC 7845).

use ogg::{PacketWriteEndInfo, PacketWriter};
use opus::{Application, Bitrate, Channels, Encoder};
use voicefleet_core::audio::Pcm;

use super::{Reason, at_supported_rate, to_16_bit};

/// Rates that the encoder takes (Hz).
const RATES: [u32; 5] = [8_000, 12_000, 16_000, 24_000, 48_000];

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
    let mut encoder = Encoder::new(pcm.rate, Channels::Mono, Application::Audio)?;
    encoder.set_bitrate(Bitrate::Bits(BITRATE))?;
    let lookahead = usize::try_from(encoder.get_lookahead()?)?;
    let to_clock = |samples: usize| samples as u64 * u64::from(CLOCK) / u64::from(pcm.rate);

    let mut file = PacketWriter::new(Vec::new());
    let pre_skip = u16::try_from(to_clock(lookahead))?;
    file.write_packet(
        head(pre_skip, pcm.rate),
        SERIAL,
        PacketWriteEndInfo::EndPage,
        0,
    )?;
    file.write_packet(tags(), SERIAL, PacketWriteEndInfo::EndPage, 0)?;

    // The encoder is behind by its lookahead: silence pushes the end out.
    let mut samples: Vec<i16> = to_16_bit(&pcm.samples).collect();
    samples.resize(samples.len() + lookahead, 0);
    let end = to_clock(samples.len());
    let frame = usize::try_from(pcm.rate / PACKETS_PER_SECOND)?;
    let packets = samples.len().div_ceil(frame);
    samples.resize(packets * frame, 0);
    for (index, samples) in samples.chunks_exact(frame).enumerate() {
        let packet = encoder.encode_vec(samples, MAX_PACKET)?;
        let position = to_clock((index + 1) * frame);
        let (position, page) = page(index + 1, packets, position, end);
        file.write_packet(packet, SERIAL, page, position)?;
    }
    Ok(file.into_inner())
}

/// A page a second; the last one ends where the audio does, which cuts its last packet short.
fn page(number: usize, packets: usize, position: u64, end: u64) -> (u64, PacketWriteEndInfo) {
    if number == packets {
        (end, PacketWriteEndInfo::EndStream)
    } else if number.is_multiple_of(PACKETS_PER_SECOND as usize) {
        (position, PacketWriteEndInfo::EndPage)
    } else {
        (position, PacketWriteEndInfo::NormalPacket)
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
