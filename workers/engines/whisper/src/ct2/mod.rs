//! Models in CTranslate2's format, computed by CTranslate2: what faster-whisper runs.

mod batches;
mod decoder;
mod rows;
mod spectrogram;
mod times;
mod vocabulary;

use std::path::Path;

use voicefleet_core::ports::{Device, EngineError};
use voicefleet_ctranslate2::{self as ctranslate2, Ct2Error, WhisperModel, load_library};

use crate::{
    ct2::{decoder::Ct2Decoder, rows::Rows, spectrogram::Spectrograms, vocabulary::Vocabulary},
    language::Languages,
    pass::{Decoder, Runtime, TokenId},
    windows,
};

/// The attention of the encoder outgrows the caches with its window: 30 s cost twice as much as two times 15 s, with no
/// fewer words wrong (benches/README.md has the figures).
const LONGEST_WINDOW: usize = 240_000;

/// How a model is computed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Computing {
    pub(crate) device: Device,
    /// Calls at a time.
    pub(crate) lanes: usize,
    /// Of these, so many are computed together at most.
    pub(crate) rows: usize,
}

/// Whether models can be computed on `device` with the library `library`, which is loaded for the whole process.
pub(crate) fn check_device(library: &Path, on: Device) -> Result<(), Ct2Error> {
    load_library(library)?;
    ctranslate2::check_device(device(on))
}

fn device(device: Device) -> ctranslate2::Device {
    match device {
        Device::Cpu => ctranslate2::Device::Cpu,
        Device::Cuda(number) => ctranslate2::Device::Cuda(number),
    }
}

/// A model that CTranslate2 holds. Calls share its weights.
pub(crate) struct Ct2Model {
    rows: Rows,
    is_multilingual: bool,
    /// It always hears 30 s: on a GPU that costs next to nothing, and rows are all of a length.
    hears_all: bool,
    vocabulary: Vocabulary,
    spectrograms: Spectrograms,
    languages: Languages,
}

impl Ct2Model {
    /// Opens the model in the folder `dir` with the library `library`, for `lanes` calls at a time. The error says what is
    /// wrong with it.
    pub(crate) fn open(library: &Path, dir: &Path, how: Computing) -> Result<Self, String> {
        let vocabulary = Vocabulary::read(dir).map_err(|error| error.to_string())?;
        let model = WhisperModel::open(library, dir, device(how.device), how.lanes);
        let model = model.map_err(|error| error.to_string())?;
        Ok(Self {
            languages: Languages::of_vocabulary(vocabulary.size()),
            spectrograms: Spectrograms::new(model.bands()),
            vocabulary,
            is_multilingual: model.is_multilingual(),
            hears_all: how.device.is_gpu(),
            rows: Rows::new(model, how.rows).map_err(|error| error.to_string())?,
        })
    }
}

impl Runtime for Ct2Model {
    fn languages(&self) -> &Languages {
        &self.languages
    }

    fn longest_window(&self) -> usize {
        if self.hears_all {
            windows::LONGEST
        } else {
            LONGEST_WINDOW
        }
    }

    fn prompt(&self, text: &str) -> Result<Vec<TokenId>, EngineError> {
        self.vocabulary.tokens(text)
    }

    fn decoder(&self, urgent: bool) -> Result<Box<dyn Decoder + '_>, EngineError> {
        Ok(Box::new(Ct2Decoder {
            call: self.rows.call(urgent),
            model: self,
        }))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` hands over")]
fn failed(error: Ct2Error) -> EngineError {
    EngineError::Inference(error.to_string())
}
