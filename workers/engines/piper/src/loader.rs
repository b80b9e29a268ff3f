//! Bringing voices into memory.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use voicefleet_core::{
    EngineId,
    ports::{EngineError, EngineLoader, LoadedEngine, ModelRef},
};
use voicefleet_onnx::load_runtime;
use voicefleet_phonemes::Espeak;

use crate::{config::VoiceConfig, engine::PiperEngine};

/// Where the files of one voice lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PiperModelFiles {
    /// The voice's name in requests.
    pub voice: String,
    /// The network, `.onnx`.
    pub onnx: PathBuf,
    /// Its configuration, `.onnx.json`.
    pub config: PathBuf,
}

/// Where everything lies that Piper needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PiperFiles {
    /// The voices, by model name.
    pub models: HashMap<String, PiperModelFiles>,
    /// The folder `espeak-ng-data`.
    pub espeak_data: PathBuf,
    /// The ONNX Runtime shared library.
    pub onnx_runtime: PathBuf,
}

/// Loads Piper's voices. Nothing is read before the first [`load`](EngineLoader::load).
#[derive(Debug)]
pub struct PiperLoader {
    engine: EngineId,
    files: PiperFiles,
}

impl PiperLoader {
    /// A loader of the voices in `files`.
    pub fn new(files: PiperFiles) -> Self {
        Self {
            engine: EngineId::new("piper"),
            files,
        }
    }
}

impl EngineLoader for PiperLoader {
    fn engine(&self) -> &EngineId {
        &self.engine
    }

    fn load(&self, model: &ModelRef, lanes: usize) -> Result<LoadedEngine, EngineError> {
        let failed = |error: &dyn std::error::Error| EngineError::Load(error.to_string());
        let Some(files) = self.files.models.get(&model.name) else {
            return Err(EngineError::Load(format!(
                "Piper has no model '{}'",
                model.name
            )));
        };
        let began = Instant::now();
        let config = VoiceConfig::read(&files.config).map_err(|error| failed(&error))?;
        let espeak = Espeak::open(&self.files.espeak_data).map_err(|error| failed(&error))?;
        let configured = began.elapsed();
        load_runtime(&self.files.onnx_runtime)?;
        let linked = began.elapsed();
        let engine = PiperEngine::open(
            &files.voice,
            &files.onnx,
            &model.digest,
            config,
            espeak,
            lanes,
        )?;
        tracing::debug!(
            model = model.name,
            configuration_ms = milliseconds(configured),
            runtime_ms = milliseconds(linked.saturating_sub(configured)),
            networks_ms = milliseconds(began.elapsed().saturating_sub(linked)),
            "brought a model into memory"
        );
        Ok(LoadedEngine::Speech(Arc::new(engine)))
    }
}

fn milliseconds(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}
