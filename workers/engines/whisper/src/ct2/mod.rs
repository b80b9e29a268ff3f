//! Models in CTranslate2's format, computed by CTranslate2: what faster-whisper runs.

mod decoder;
mod spectrogram;
mod times;
mod vocabulary;

use std::path::Path;

use voicefleet_core::ports::EngineError;
use voicefleet_ctranslate2::{Ct2Error, Device, WhisperModel, load_library};

use crate::{
    ct2::{decoder::Ct2Decoder, spectrogram::Spectrograms, vocabulary::Vocabulary},
    language::Languages,
    pass::{Decoder, Runtime, TokenId},
};

/// The attention of the encoder outgrows the caches with its window: 30 s cost twice as much as two times 15 s, with no
/// fewer words wrong (benches/README.md has the figures).
const LONGEST_WINDOW: usize = 240_000;

/// A model that CTranslate2 holds. Calls share its weights.
pub(crate) struct Ct2Model {
    model: WhisperModel,
    vocabulary: Vocabulary,
    spectrograms: Spectrograms,
    languages: Languages,
}

impl Ct2Model {
    /// Opens the model in the folder `dir` with the library `library`, for `lanes` calls at a time. The error says what is
    /// wrong with it.
    pub(crate) fn open(library: &Path, dir: &Path, lanes: usize) -> Result<Self, String> {
        let vocabulary = Vocabulary::read(dir).map_err(|error| error.to_string())?;
        load_library(library).map_err(|error| error.to_string())?;
        let model =
            WhisperModel::open(dir, Device::Cpu, lanes).map_err(|error| error.to_string())?;
        Ok(Self {
            languages: Languages::of_vocabulary(vocabulary.size()),
            spectrograms: Spectrograms::new(model.bands()),
            vocabulary,
            model,
        })
    }
}

impl Runtime for Ct2Model {
    fn languages(&self) -> &Languages {
        &self.languages
    }

    fn longest_window(&self) -> usize {
        LONGEST_WINDOW
    }

    fn prompt(&self, text: &str) -> Result<Vec<TokenId>, EngineError> {
        self.vocabulary.tokens(text)
    }

    fn decoder(&self) -> Result<Box<dyn Decoder + '_>, EngineError> {
        Ok(Box::new(Ct2Decoder { model: self }))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` hands over")]
fn failed(error: Ct2Error) -> EngineError {
    EngineError::Inference(error.to_string())
}
