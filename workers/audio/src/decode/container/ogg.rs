//! Ogg: packets of one or more streams, cut into pages (RFC 3533).
//!
//! The `ogg` crate takes the pages apart. Symphonia's reader is not used: a crafted Vorbis header
//! makes it panic (symphonia-format-ogg 0.6.1), and it trims by the positions of all pages, the
//! middle ones too, which some writers get wrong.

use std::io::Cursor;

use ogg::{OggReadError, PacketReader};
use symphonia::core::{
    codecs::audio::{
        AudioCodecId, AudioCodecParameters,
        well_known::{CODEC_ID_FLAC, CODEC_ID_OPUS, CODEC_ID_VORBIS},
    },
    packet::Packet,
    units::{Duration, Timestamp},
};
use voicefleet_core::ports::AudioError;

use super::{
    super::{opus, sink::Cut},
    Next, Packets, array, cut_off,
};

/// A page's header up to its segment table, and the places of its flags and position.
const HEADER: usize = 27;
const FLAGS: usize = 5;
const POSITION: usize = 6;

/// Flags of a page: the first or the last one of its stream.
const FIRST: u8 = 2;
const LAST: u8 = 4;

/// What the last page may leave out of its packets, seconds; it holds no more in sane files.
const MAX_TRIM: f64 = 1.0;

pub(super) fn open(bytes: &[u8]) -> Result<OggPackets<'_>, AudioError> {
    Ok(OggPackets {
        end: check(bytes)?,
        reader: PacketReader::new(Cursor::new(bytes)),
        stream: None,
    })
}

/// Fails where the last page is cut, or ends in a packet that the next page was to end.
///
/// That the last page is not marked as such does not make a file truncated: recorders that are
/// simply stopped leave it out (voice notes of Telegram on Android, streams that were saved), and
/// every player takes them. A file cut exactly between two pages is not told from those.
///
/// Gives the position at the end of the audio, where it is marked and there is but one stream.
fn check(bytes: &[u8]) -> Result<Option<u64>, AudioError> {
    let (mut streams, mut end, mut unfinished) = (0, None, false);
    let mut rest = bytes;
    while rest.starts_with(b"OggS") {
        let (page, next) = page(rest).ok_or_else(|| cut_off("its last page is cut off"))?;
        let (flags, segments) = (page[FLAGS], &page[HEADER..]);
        let is_last = flags & LAST != 0;
        streams += usize::from(flags & FIRST != 0);
        end = array(page, POSITION)
            .map(u64::from_le_bytes)
            .filter(|_| is_last);
        // A segment of 255 bytes is not the end of its packet.
        unfinished = !is_last && segments.last() == Some(&255);
        rest = next;
    }
    let is_cut_mark = !rest.is_empty() && b"OggS".starts_with(rest);
    if is_cut_mark || (rest.is_empty() && unfinished) {
        return Err(cut_off("its last packet is cut off"));
    }
    Ok(end.filter(|_| streams == 1))
}

/// The header of the page at the start of `bytes`, and what follows the page; `None` if it is cut.
fn page(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let segments = usize::from(*bytes.get(HEADER - 1)?);
    let (header, rest) = bytes.split_at_checked(HEADER + segments)?;
    let length = header[HEADER..].iter().map(|n| usize::from(*n)).sum();
    Some((header, rest.get(length..)?))
}

/// The packets of an Ogg file's audio.
pub(super) struct OggPackets<'a> {
    reader: PacketReader<Cursor<&'a [u8]>>,
    stream: Option<Stream>,
    end: Option<u64>,
}

/// The stream that is listened to.
struct Stream {
    serial: u32,
    codec: AudioCodecId,
    /// The packets before the audio, until there are all of them.
    headers: Vec<Vec<u8>>,
    /// Whether they are.
    has_begun: bool,
}

impl Packets for OggPackets<'_> {
    fn next(&mut self) -> Result<Next, AudioError> {
        let packet = match self.reader.read_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) | Err(OggReadError::ReadError(_) | OggReadError::NoCapturePatternFound) => {
                return Ok(Next::End);
            }
            Err(_) => {
                // After this the reader takes pages that do not fit the ones before.
                self.reader.delete_unread_packets();
                return Ok(Next::Damage);
            }
        };
        if packet.first_in_stream() {
            self.begin(packet.stream_serial(), &packet.data);
        }
        match &mut self.stream {
            Some(stream) if stream.serial == packet.stream_serial() => {
                Ok(stream.take(packet.data, self.end))
            }
            _ => Ok(Next::Nothing),
        }
    }
}

impl OggPackets<'_> {
    /// Follows a new stream if it is audio, and not one beside that which is listened to: streams
    /// side by side all begin before the audio of any.
    fn begin(&mut self, serial: u32, head: &[u8]) {
        let waiting = self.stream.as_ref().is_some_and(|stream| !stream.has_begun);
        if let Some(codec) = codec(head)
            && !waiting
        {
            self.stream = Some(Stream {
                serial,
                codec,
                headers: Vec::new(),
                has_begun: false,
            });
        }
    }
}

/// The codec whose first packet this is.
fn codec(head: &[u8]) -> Option<AudioCodecId> {
    [
        (&b"OpusHead"[..], CODEC_ID_OPUS),
        (b"\x01vorbis", CODEC_ID_VORBIS),
        (b"\x7fFLAC", CODEC_ID_FLAC),
    ]
    .into_iter()
    .find_map(|(magic, codec)| head.starts_with(magic).then_some(codec))
}

impl Stream {
    fn take(&mut self, data: Vec<u8>, end: Option<u64>) -> Next {
        if self.has_begun {
            // FLAC has any number of headers; its audio begins with a sync code.
            if self.codec == CODEC_ID_FLAC && data.first() != Some(&0xff) {
                return Next::Nothing;
            }
            return Next::Packet(Packet::new(0, Timestamp::ZERO, Duration::ZERO, data));
        }
        self.headers.push(data);
        match self.parameters() {
            Some(parameters) => {
                self.has_begun = true;
                Next::Track(Box::new(parameters), self.cut(end).unwrap_or_default())
            }
            None => Next::Nothing,
        }
    }

    /// What the decoder needs, once the headers are complete.
    fn parameters(&self) -> Option<AudioCodecParameters> {
        let setup = match (self.codec, self.headers.as_slice()) {
            (CODEC_ID_OPUS, [head, _comments]) => head.clone(),
            (CODEC_ID_VORBIS, [head, _comments, setup]) => [&head[..], setup].concat(),
            // Behind the mapping's own fields stands the stream information (RFC 9639, section 10.1).
            (CODEC_ID_FLAC, [head]) => head.get(17..)?.to_vec(),
            _ => return None,
        };
        let mut parameters = AudioCodecParameters::new();
        parameters
            .for_codec(self.codec)
            .with_extra_data(setup.into_boxed_slice());
        Some(parameters)
    }

    /// The audio without what fills up its last packet. FLAC has nothing there.
    #[expect(
        clippy::cast_precision_loss,
        reason = "hours of audio are far below 2^52 samples"
    )]
    fn cut(&self, end: Option<u64>) -> Option<Cut> {
        let head = self.headers.first()?;
        let (before, rate) = match self.codec {
            CODEC_ID_OPUS => (u16::from_le_bytes(array(head, 10)?), opus::RATE),
            CODEC_ID_VORBIS => (0, u32::from_le_bytes(array(head, 12)?)),
            _ => return None,
        };
        let samples = end?.checked_sub(before.into())?;
        (rate > 0).then(|| Cut {
            skip: 0.0,
            keep: Some(samples as f64 / f64::from(rate)),
            max_trim: MAX_TRIM,
        })
    }
}
