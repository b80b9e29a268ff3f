//! Bringing the model into memory.

use std::{
    collections::HashMap,
    panic::resume_unwind,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use voicefleet_core::{
    EngineId,
    ports::{Device, EngineError, EngineLoader, LoadedEngine, ModelRef},
};
use voicefleet_onnx::{OnnxError, load_runtime};
use voicefleet_phonemes::Espeak;

use crate::{
    engine::KokoroEngine,
    english::English,
    model::{self, Model},
    vocabulary::Vocabulary,
    voices::Voices,
};

/// Where everything lies that Kokoro needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KokoroFiles {
    /// The networks (`.onnx`), by model name. A GPU computes with their weights as floats.
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

/// Whether Kokoro can compute on `device` with the library `onnx_runtime`, which is loaded for the whole process.
///
/// # Errors
/// [`OnnxError`] with what is missing.
pub fn check_device(onnx_runtime: &Path, device: Device) -> Result<(), OnnxError> {
    load_runtime(onnx_runtime)?;
    voicefleet_onnx::check_device(device)
}

/// Loads Kokoro. Nothing is read before the first [`load`](EngineLoader::load).
#[derive(Debug)]
pub struct KokoroLoader {
    engine: EngineId,
    files: KokoroFiles,
    device: Device,
}

impl KokoroLoader {
    /// A loader of the models in `files`, for the CPU.
    pub fn new(files: KokoroFiles) -> Self {
        Self {
            engine: EngineId::new("kokoro"),
            files,
            device: Device::default(),
        }
    }

    /// The same for `device`.
    #[must_use]
    pub fn on(self, device: Device) -> Self {
        Self { device, ..self }
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
        // Dictionary, runtime and network do not need each other; what is first needed last is waited for last.
        let (model, english) = thread::scope(|scope| {
            let english = scope.spawn(|| English::read(espeak.clone()));
            let runtime = scope.spawn(|| load_runtime(&self.files.onnx_runtime));
            let made = model::made(onnx, self.device);
            let model = (runtime.join().unwrap_or_else(|panic| resume_unwind(panic)))
                .map_err(EngineError::from)
                .and_then(|()| Model::open(onnx, made?, lanes, self.device));
            let english = english.join().unwrap_or_else(|panic| resume_unwind(panic));
            (model, english)
        });
        let model = model?;
        Ok(LoadedEngine::Speech(Arc::new(KokoroEngine::new(
            model, vocabulary, voices, english, espeak,
        ))))
    }
}
