//! From a file's bytes to mono samples, within limits.

mod container;
mod decoder;
mod opus;
mod sink;
mod vorbis;

use symphonia::core::{codecs::audio::AudioCodecParameters, packet::Packet};
use voicefleet_core::{
    audio::Pcm,
    ports::{AudioError, AudioLimits},
};

pub(crate) use container::flac_seconds;
use container::{Next, Packets};
use decoder::Decoder;
use sink::{Cut, Sink};

/// Packets that may fail one after the other before the file is given up: a second or two of
/// audio, and an end for readers that fail at one place for ever.
const MAX_FAILURES_IN_A_ROW: usize = 100;

/// Decodes a whole file; see [`AudioCodec::decode`](voicefleet_core::ports::AudioCodec::decode).
pub(crate) fn decode(
    bytes: &[u8],
    rate: Option<u32>,
    limits: AudioLimits,
) -> Result<Pcm, AudioError> {
    let mut packets = container::open(bytes)?;
    let decoding = Decoding {
        decoder: None,
        sink: Sink::new(rate, limits),
        good: 0,
        bad: 0,
        bad_in_a_row: 0,
    };
    // A packet takes a byte at least: a container that lists more of them is a trap.
    decoding.run(packets.as_mut(), bytes.len())
}

/// A file on its way from packets to samples.
struct Decoding {
    /// That of the track at hand; none before the first.
    decoder: Option<Decoder>,
    sink: Sink,
    good: usize,
    bad: usize,
    bad_in_a_row: usize,
}

impl Decoding {
    fn run(mut self, packets: &mut dyn Packets, max_steps: usize) -> Result<Pcm, AudioError> {
        for _ in 0..=max_steps {
            match packets.next()? {
                Next::Track(codec, cut) => self.begin(&codec, cut)?,
                Next::Packet(packet) => self.take(&packet)?,
                Next::Nothing => {}
                Next::Damage => self.count_failure()?,
                Next::End if self.bad > self.good => return Err(self.given_up()),
                Next::End => return self.sink.finish(),
            }
        }
        Err(AudioError::NotAudio(
            "its container lists more packets than it can hold".to_owned(),
        ))
    }

    /// Makes a decoder for a track. Chained Ogg files have one after the other.
    fn begin(&mut self, codec: &AudioCodecParameters, mut cut: Cut) -> Result<(), AudioError> {
        let decoder = Decoder::new(codec)?;
        // The decoder drops it already.
        cut.skip = (cut.skip - decoder.dropped_seconds()).max(0.0);
        if self.decoder.replace(decoder).is_none() {
            self.sink.set_cut(cut);
        }
        Ok(())
    }

    /// Decodes a packet; one that cannot be decoded becomes silence of the usual length, so that
    /// what follows keeps its place in time.
    fn take(&mut self, packet: &Packet) -> Result<(), AudioError> {
        let Some(decoder) = &mut self.decoder else {
            return Ok(());
        };
        if let Ok(frames) = decoder.decode(packet) {
            self.good += 1;
            self.bad_in_a_row = 0;
            self.sink.push(&frames)
        } else {
            self.count_failure()?;
            self.sink.push_gap()
        }
    }

    fn count_failure(&mut self) -> Result<(), AudioError> {
        self.bad += 1;
        self.bad_in_a_row += 1;
        if self.bad_in_a_row > MAX_FAILURES_IN_A_ROW {
            return Err(self.given_up());
        }
        Ok(())
    }

    fn given_up(&self) -> AudioError {
        AudioError::NotAudio(format!(
            "{} of {} pieces of it could not be decoded",
            self.bad,
            self.bad + self.good
        ))
    }
}
