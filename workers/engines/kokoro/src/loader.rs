//! Bringing the model into memory.

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use voicefleet_core::{
    EngineId,
    ports::{EngineError, EngineLoader, LoadedEngine, ModelRef},
};
use voicefleet_onnx::load_runtime;
use voicefleet_phonemes::Espeak;

use crate::{engine::KokoroEngine, model::Model, vocabulary::Vocabulary, voices::Voices};

/// Where everything lies that Kokoro needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KokoroFiles {
    /// The networks (`.onnx`: int8 for the CPU, float for a GPU), by model name.
    pub models: HashMap<String, PathBuf>,
    /// `vocab.json`: the ids of the phonemes.
    pub vocab: PathBuf,
    /// The folder with the voices, `NAME.bin`.
    pub voices: PathBuf,
    /// The folder `espeak-ng-data`.
    pub espeak_data: PathBuf,
    /// The ONNX Runtime shared library.
    pub onnx_runtime: PathBuf,
}

/// Loads Kokoro. Nothing is read before the first [`load`](EngineLoader::load).
#[derive(Debug)]
pub struct KokoroLoader {
    engine: EngineId,
    files: KokoroFiles,
}

impl KokoroLoader {
    /// A loader of the models in `files`.
    pub fn new(files: KokoroFiles) -> Self {
        Self {
            engine: EngineId::new("kokoro"),
            files,
        }
    }
}

impl EngineLoader for KokoroLoader {
    fn engine(&self) -> &EngineId {
        &self.engine
    }

    fn load(&self, model: &ModelRef, lanes: usize) -> Result<LoadedEngine, EngineError> {
        let Some(onnx) = self.files.models.get(&model.name) else {
            return Err(EngineError::Load(format!(
                "Kokoro has no model '{}'",
                model.name
            )));
        };
        let vocabulary = Vocabulary::read(&self.files.vocab)?;
        let voices = Voices::list(&self.files.voices)?;
        let espeak = Espeak::open(&self.files.espeak_data)
            .map_err(|error| EngineError::Load(error.to_string()))?;
        load_runtime(&self.files.onnx_runtime)?;
        let model = Model::open(onnx, lanes)?;
        Ok(LoadedEngine::Speech(Arc::new(KokoroEngine::new(
            model, vocabulary, voices, espeak,
        ))))
    }
}
