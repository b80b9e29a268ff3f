//! Opus packets through libopus, with any channel count.

use opus::MSDecoder;
use voicefleet_core::ports::AudioError;

use super::decoder::{BadPacket, Frames};

/// Opus always decodes to 48 kHz here, its own clock (RFC 7845, section 4).
pub(super) const RATE: u32 = 48_000;

/// The longest packet: 120 ms (RFC 6716, section 3.2.5).
const MAX_PACKET_FRAMES: usize = 5_760;

/// A decoder for one track. It drops the pre-skip: what the encoder put in front.
pub(super) struct OpusDecoder {
    decoder: MSDecoder,
    channels: usize,
    buffer: Vec<f32>,
    pre_skip: u16,
    /// Frames of the pre-skip that are still to be dropped.
    skip: usize,
}

impl OpusDecoder {
    /// `head` is the identification header, which every container carries with the track.
    pub(super) fn new(head: Option<&[u8]>) -> Result<Self, AudioError> {
        let head = head
            .and_then(Head::parse)
            .ok_or_else(|| not_audio("the Opus header is missing or damaged"))?;
        let mut decoder = MSDecoder::new(RATE, head.streams, head.coupled, &head.mapping)
            .map_err(|error| not_audio(&format!("the Opus header is damaged: {error}")))?;
        decoder
            .set_gain(head.gain.into())
            .map_err(|error| not_audio(&format!("the Opus header is damaged: {error}")))?;
        Ok(Self {
            decoder,
            channels: head.mapping.len(),
            buffer: vec![0.0; MAX_PACKET_FRAMES * head.mapping.len()],
            pre_skip: head.pre_skip,
            skip: head.pre_skip.into(),
        })
    }

    pub(super) fn pre_skip_seconds(&self) -> f64 {
        f64::from(self.pre_skip) / f64::from(RATE)
    }

    pub(super) fn decode(&mut self, packet: &[u8]) -> Result<Frames<'_>, BadPacket> {
        if packet.is_empty() {
            // libopus would take it for a lost packet and invent audio.
            return Err(BadPacket);
        }
        let frames = self
            .decoder
            .decode_float(packet, &mut self.buffer, false)
            .map_err(|_| BadPacket)?;
        let dropped = self.skip.min(frames);
        self.skip -= dropped;
        Ok(Frames {
            samples: &self.buffer[dropped * self.channels..frames * self.channels],
            channels: self.channels,
            rate: RATE,
        })
    }
}

/// The identification header (RFC 7845, section 5.1).
struct Head {
    /// Frames to drop at the start, at 48 kHz.
    pre_skip: u16,
    /// Output gain in 1/256 dB.
    gain: i16,
    streams: u8,
    coupled: u8,
    /// For each output channel, the decoded channel that feeds it.
    mapping: Vec<u8>,
}

impl Head {
    fn parse(head: &[u8]) -> Option<Self> {
        let fields = head.strip_prefix(b"OpusHead")?;
        let (fixed, table) = fields.split_at_checked(11)?;
        // MP4 stores the same fields big-endian, as version 0 (Opus in ISOBMFF, section 4.3.2).
        let big_endian = fixed[0] == 0;
        let u16_at = |at: usize| {
            let pair = [fixed[at], fixed[at + 1]];
            if big_endian {
                u16::from_be_bytes(pair)
            } else {
                u16::from_le_bytes(pair)
            }
        };
        let (pre_skip, gain) = (u16_at(2), u16_at(8).cast_signed());
        let channels = fixed[1];
        let (streams, coupled, mapping) = match (fixed[10], channels) {
            (0, 1 | 2) => (1, channels - 1, (0..channels).collect()),
            (0, _) | (_, 0) => return None,
            _ => {
                let (&[streams, coupled], mapping) = table.split_first_chunk()?;
                (streams, coupled, mapping.get(..channels.into())?.to_vec())
            }
        };
        Some(Self {
            pre_skip,
            gain,
            streams,
            coupled,
            mapping,
        })
    }
}

fn not_audio(reason: &str) -> AudioError {
    AudioError::NotAudio(reason.to_owned())
}
