//! Packets from Symphonia's readers.

use std::io::ErrorKind;

use symphonia::core::{
    errors::Error as SymphoniaError,
    formats::{FormatReader, TrackType},
};
use voicefleet_core::ports::AudioError;

use super::{super::sink::Cut, Next, Packets, cut_off, not_audio};

/// What it means that the reader meets the end of the file where it expected more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum AtEndOfFile {
    /// Something is missing.
    CutOff,
    /// The file was found to be whole.
    Whole,
}

/// What the reader does not know of a track.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Hint {
    pub(super) track: u32,
    /// The part of it to be heard.
    pub(super) cut: Cut,
    /// Players choose another one if they can.
    pub(super) is_alternative: bool,
}

/// A reader, with what it does not know itself.
pub(super) struct Demuxed<'a> {
    reader: Box<dyn FormatReader + 'a>,
    at_end_of_file: AtEndOfFile,
    hints: Vec<Hint>,
    /// The track whose packets are given.
    track: Option<u32>,
}

impl<'a> Demuxed<'a> {
    pub(super) fn new(reader: impl FormatReader + 'a, at_end_of_file: AtEndOfFile) -> Self {
        Self {
            reader: Box::new(reader),
            at_end_of_file,
            hints: Vec::new(),
            track: None,
        }
    }

    pub(super) fn with_hints(mut self, hints: Vec<Hint>) -> Self {
        self.hints = hints;
        self
    }

    fn hint(&self, track: u32) -> Option<&Hint> {
        self.hints.iter().find(|hint| hint.track == track)
    }

    /// The track that a player would choose: the first audio track that is not an alternative.
    fn choose_track(&mut self) -> Result<Next, AudioError> {
        let track = self
            .reader
            .tracks()
            .iter()
            .filter(|track| track.track_type() == Some(TrackType::Audio))
            .min_by_key(|track| self.hint(track.id).is_some_and(|hint| hint.is_alternative));
        let (id, codec) = track
            .and_then(|track| Some((track.id, track.codec_params.as_ref()?.audio()?.clone())))
            .ok_or_else(|| not_audio("it has no audio track"))?;
        let cut = self.hint(id).map_or_else(Cut::default, |hint| hint.cut);
        self.track = Some(id);
        Ok(Next::Track(Box::new(codec), cut))
    }
}

impl Packets for Demuxed<'_> {
    fn next(&mut self) -> Result<Next, AudioError> {
        let Some(track) = self.track else {
            return self.choose_track();
        };
        match self.reader.next_packet() {
            Ok(Some(packet)) if packet.track_id == track => Ok(Next::Packet(packet)),
            Ok(Some(_)) => Ok(Next::Nothing),
            Ok(None) => Ok(Next::End),
            Err(SymphoniaError::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof => {
                match self.at_end_of_file {
                    AtEndOfFile::Whole => Ok(Next::End),
                    AtEndOfFile::CutOff => {
                        Err(cut_off("it announces more audio than the file holds"))
                    }
                }
            }
            Err(_) => Ok(Next::Damage),
        }
    }
}
