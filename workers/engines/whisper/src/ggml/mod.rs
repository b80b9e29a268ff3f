//! Models in whisper.cpp's format (ggml), computed by whisper.cpp.

mod decoder;
mod heads;
pub(crate) mod model_file;
mod prompt;

use std::path::Path;

use voicefleet_core::ports::EngineError;
use whisper_rs::{DtwParameters, WhisperContext, WhisperContextParameters};

use crate::{
    language::Languages,
    pass::{Decoder, Runtime, TokenId},
    windows,
};

/// Bound of the memory that an alignment may use, bytes; taken only as far as needed, and given back
/// after each pass. 30 s of speech on 40 attention heads need 200 MB; more would abort the process.
const ALIGNMENT_MEMORY: usize = 256 << 20;

/// A model that whisper.cpp holds. Calls share its weights; their states are their own.
pub(crate) struct GgmlModel {
    context: WhisperContext,
    languages: Languages,
}

impl GgmlModel {
    /// Reads the model file `path`. The error says what is wrong with it.
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        whisper_rs::install_logging_hooks();
        let architecture =
            model_file::inspect_whisper(path).map_err(|defect| defect.to_string())?;
        let mut parameters = WhisperContextParameters::default();
        // Flash attention is 1.5 times slower on CPU, and alignment does not work with it.
        parameters
            .use_gpu(false)
            .flash_attn(false)
            .dtw_parameters(DtwParameters {
                mode: heads::alignment_heads(&architecture),
                dtw_mem_size: ALIGNMENT_MEMORY,
            });
        let context = WhisperContext::new_with_params(path, parameters);
        Ok(Self {
            context: context.map_err(|error| error.to_string())?,
            languages: Languages::of_vocabulary(architecture.vocabulary),
        })
    }
}

impl Runtime for GgmlModel {
    fn languages(&self) -> &Languages {
        &self.languages
    }

    fn longest_window(&self) -> usize {
        windows::LONGEST
    }

    fn prompt(&self, text: &str) -> Result<Vec<TokenId>, EngineError> {
        prompt::tokens(&self.context, text)
    }

    fn decoder(&self, _urgent: bool) -> Result<Box<dyn Decoder + '_>, EngineError> {
        let decoder = decoder::GgmlDecoder::new(&self.context, &self.languages)?;
        Ok(Box::new(decoder))
    }
}
