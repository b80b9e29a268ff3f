//! Packets from Symphonia's readers.

use std::io::ErrorKind;

use symphonia::{
    core::{
        errors::Error as SymphoniaError,
        formats::{FormatOptions, FormatReader, TrackType},
    },
    default::formats::FlacReader,
};
use voicefleet_core::ports::AudioError;

use super::{super::sink::Cut, Next, Packets, cut_off, damaged, forward_only, not_audio};

/// What it means that the reader meets the end of the file where it expected more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum AtEndOfFile {
    /// Something is missing.
    CutOff,
    /// The file was found to be whole.
    Whole,
}

/// A reader, with what it does not know itself.
pub(super) struct Demuxed<'a> {
    reader: Box<dyn FormatReader + 'a>,
    at_end_of_file: AtEndOfFile,
    /// Track ids with the part of the track to be heard; the whole of it where there is none.
    cuts: Vec<(u32, Cut)>,
    /// The track whose packets are given.
    track: Option<u32>,
}

impl<'a> Demuxed<'a> {
    pub(super) fn new(reader: impl FormatReader + 'a, at_end_of_file: AtEndOfFile) -> Self {
        Self {
            reader: Box::new(reader),
            at_end_of_file,
            cuts: Vec::new(),
            track: None,
        }
    }

    pub(super) fn with_cuts(mut self, cuts: Vec<(u32, Cut)>) -> Self {
        self.cuts = cuts;
        self
    }

    /// The track that a player would choose.
    fn choose_track(&mut self) -> Result<Next, AudioError> {
        let track = self.reader.default_track(TrackType::Audio);
        let (id, codec) = track
            .and_then(|track| Some((track.id, track.codec_params.as_ref()?.audio()?.clone())))
            .ok_or_else(|| not_audio("it has no audio track"))?;
        self.track = Some(id);
        let cut = self.cuts.iter().find(|(of, _)| *of == id);
        let cut = cut.map_or_else(Cut::default, |(_, cut)| *cut);
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

/// FLAC. The reader itself holds the number of samples against what it found.
pub(super) fn flac(bytes: &[u8]) -> Result<Demuxed<'_>, AudioError> {
    FlacReader::try_new(forward_only(bytes), FormatOptions::default())
        .map(|reader| Demuxed::new(reader, AtEndOfFile::CutOff))
        .map_err(damaged)
}
