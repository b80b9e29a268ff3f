//! Brings Whisper models into memory.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use voicefleet_core::{
    EngineId, ErrorCode, Failure,
    ports::{Device, EngineError, EngineLoader, LoadedEngine, ModelRef},
};
use voicefleet_ctranslate2::Ct2Error;

use crate::{
    ct2::{self, Computing, Ct2Model},
    engine::WhisperEngine,
    ggml::GgmlModel,
    pass::Runtime,
    speech::Detector,
};

/// Windows of different calls that a GPU computes together, where nothing else is said, and at most.
pub const ROWS_ON_GPU: usize = 8;
/// See [`ROWS_ON_GPU`]. Beyond some 30 rows a decoder keeps a large GPU busy.
pub const MOST_ROWS: usize = 32;

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

/// Whether the model with these weights is of a format that can be computed on GPUs.
pub fn runs_on_gpus(weights: &Path) -> bool {
    folder_of_ctranslate2(weights).is_some()
}

/// Whether models that can be computed on GPUs can be on `device`, with the library `ctranslate2`. It is loaded for the whole
/// process.
///
/// # Errors
/// [`Ct2Error`] with what is missing.
pub fn check_device(ctranslate2: &Path, device: Device) -> Result<(), Ct2Error> {
    ct2::check_device(ctranslate2, device)
}

/// Loads Whisper models for transcription.
pub struct WhisperLoader {
    engine: EngineId,
    files: WhisperFiles,
    device: Device,
    rows: usize,
}

impl WhisperLoader {
    /// A loader of the models in `files`, for the CPU. Nothing is read yet.
    pub fn new(files: WhisperFiles) -> Self {
        Self {
            engine: EngineId::new("whisper"),
            files,
            device: Device::default(),
            rows: 1,
        }
    }

    /// The same for `device`. On a GPU models of whisper.cpp's format are refused.
    #[must_use]
    pub fn on(self, device: Device) -> Self {
        Self { device, ..self }
    }

    /// The same with up to `rows` windows of different calls computed together (1 to [`MOST_ROWS`]; only models of
    /// CTranslate2's format).
    #[must_use]
    pub fn with_rows(self, rows: usize) -> Self {
        Self {
            rows: rows.clamp(1, MOST_ROWS),
            ..self
        }
    }

    /// # Errors
    /// If the model cannot be computed on the device that is asked for.
    fn check_format(&self, name: &str, weights: &Path) -> Result<(), EngineError> {
        if !self.device.is_gpu() || runs_on_gpus(weights) {
            return Ok(());
        }
        let able = self.files.models.iter();
        let able: Vec<&str> = able
            .filter(|(_, weights)| runs_on_gpus(weights))
            .map(|(name, _)| name.as_str())
            .collect();
        let message = format!(
            "the Whisper model '{name}' is in whisper.cpp's format, which is computed on the CPU only, and here {} is to be \
             used; models in CTranslate2's format can be: {}",
            self.device,
            if able.is_empty() {
                "none is here".to_owned()
            } else {
                able.join(", ")
            }
        );
        let failure = Failure::of_field(ErrorCode::InvalidRequest, "model", message);
        Err(EngineError::Refused(failure))
    }

    /// The runtime for the format of the file.
    fn open(&self, weights: &Path, lanes: usize) -> Result<Box<dyn Runtime>, String> {
        let Some(folder) = folder_of_ctranslate2(weights) else {
            return Ok(Box::new(GgmlModel::open(weights)?));
        };
        let library = self.files.ctranslate2.as_deref();
        let library = library.ok_or("the library for its format, CTranslate2, is not installed")?;
        let how = Computing {
            device: self.device,
            lanes,
            rows: self.rows,
        };
        let opened = Ct2Model::open(library, folder, how);
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
        self.check_format(name, path)?;
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
