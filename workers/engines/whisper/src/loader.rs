//! Brings Whisper models into memory.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use voicefleet_core::{
    EngineId,
    ports::{EngineError, EngineLoader, LoadedEngine, ModelRef},
};

use crate::{
    ct2::Ct2Model, engine::WhisperEngine, ggml::GgmlModel, pass::Runtime, speech::Detector,
};

/// Where everything lies that Whisper needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WhisperFiles {
    /// The weights, by catalogue name: a file in whisper.cpp's format (ggml), or the `model.bin` of a folder in
    /// CTranslate2's, with `config.json` and `vocabulary.txt` or `.json` beside it.
    pub models: BTreeMap<String, PathBuf>,
    /// The Silero model that finds the speech, ggml file.
    pub voice_activity: PathBuf,
    /// The CTranslate2 library; models of its format cannot be loaded without it.
    pub ctranslate2: Option<PathBuf>,
}

/// Loads Whisper models for transcription on CPU.
pub struct WhisperLoader {
    engine: EngineId,
    files: WhisperFiles,
}

impl WhisperLoader {
    /// A loader of the models in `files`. Nothing is read yet.
    pub fn new(files: WhisperFiles) -> Self {
        Self {
            engine: EngineId::new("whisper"),
            files,
        }
    }

    /// The runtime for the format of the file.
    fn open(&self, weights: &Path, lanes: usize) -> Result<Box<dyn Runtime>, String> {
        let Some(folder) = folder_of_ctranslate2(weights) else {
            return Ok(Box::new(GgmlModel::open(weights)?));
        };
        let library = self.files.ctranslate2.as_deref();
        let library = library.ok_or("the library for its format, CTranslate2, is not installed")?;
        let opened = Ct2Model::open(library, folder, lanes);
        // Where it lies is for the log.
        Ok(Box::new(opened.map_err(|why| {
            why.replace(&*folder.to_string_lossy(), "of the model")
        })?))
    }
}

impl EngineLoader for WhisperLoader {
    fn engine(&self) -> &EngineId {
        &self.engine
    }

    fn load(&self, model: &ModelRef, lanes: usize) -> Result<LoadedEngine, EngineError> {
        let name = &model.name;
        let path = self
            .files
            .models
            .get(name)
            .ok_or_else(|| EngineError::Load(format!("there is no Whisper model '{name}'")))?;
        let lanes = lanes.max(1);
        let runtime = self.open(path, lanes).map_err(|why| {
            tracing::error!(model = name, path = %path.display(), why, "Whisper model not loaded");
            EngineError::Load(format!(
                "the file of the Whisper model '{name}' is not usable: {why}"
            ))
        })?;
        let detectors = (0..lanes)
            .map(|_| Detector::load(&self.files.voice_activity))
            .collect::<Result<_, _>>()?;
        let engine = WhisperEngine::new(runtime, detectors);
        Ok(LoadedEngine::Transcription(Arc::new(engine)))
    }
}

/// The folder of a model in CTranslate2's format; `None` for other formats. CTranslate2 gives its weights their name.
fn folder_of_ctranslate2(weights: &Path) -> Option<&Path> {
    weights
        .parent()
        .filter(|_| weights.file_name().is_some_and(|name| name == "model.bin"))
}
