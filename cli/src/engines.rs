//! The engines of this program: one line each.

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use voicefleet_core::{
    EngineId,
    ports::{EngineError, EngineLoader, LoadedEngine, ModelRef},
};
use voicefleet_kokoro::{KokoroFiles, KokoroLoader};
use voicefleet_models::{ModelStore, NotInstalled};
use voicefleet_piper::{PiperFiles, PiperLoader, PiperModelFiles};
use voicefleet_whisper::{WhisperFiles, WhisperLoader};

use crate::devices::Devices;

/// Makes a loader for one model, once its files are there.
type MakeLoader = fn(&ModelStore, &str, Devices) -> Result<Box<dyn EngineLoader>, NotInstalled>;

/// An engine's loader that looks up its files when a model is asked for, so that models can be
/// installed while the program runs.
struct InstalledLoader {
    engine: EngineId,
    store: Arc<ModelStore>,
    devices: Devices,
    make: MakeLoader,
}

impl EngineLoader for InstalledLoader {
    fn engine(&self) -> &EngineId {
        &self.engine
    }

    fn load(&self, model: &ModelRef, lanes: usize) -> Result<LoadedEngine, EngineError> {
        let loader = (self.make)(&self.store, &model.name, self.devices)
            .map_err(|error| EngineError::Load(error.to_string()))?;
        loader.load(model, lanes)
    }
}

/// Every engine that this program has.
const ENGINES: [(&str, MakeLoader); 3] =
    [("piper", piper), ("kokoro", kokoro), ("whisper", whisper)];

/// Their names.
pub(crate) fn ids() -> Vec<EngineId> {
    ENGINES
        .iter()
        .map(|(name, _)| EngineId::new(*name))
        .collect()
}

/// Their loaders, over the models in `store`.
pub(crate) fn loaders(store: &Arc<ModelStore>, devices: Devices) -> Vec<Arc<dyn EngineLoader>> {
    let loader = |(name, make): (&str, MakeLoader)| -> Arc<dyn EngineLoader> {
        Arc::new(InstalledLoader {
            engine: EngineId::new(name),
            store: Arc::clone(store),
            devices,
            make,
        })
    };
    ENGINES.into_iter().map(loader).collect()
}

/// The process has one ONNX Runtime for all of them.
fn onnx_runtime(store: &ModelStore, devices: Devices) -> Result<PathBuf, NotInstalled> {
    if devices.kokoro.is_gpu() {
        store.onnxruntime_cuda()
    } else {
        store.onnxruntime()
    }
}

fn piper(
    store: &ModelStore,
    model: &str,
    devices: Devices,
) -> Result<Box<dyn EngineLoader>, NotInstalled> {
    let files = store.piper(model)?;
    let files = PiperModelFiles {
        voice: files.voice,
        onnx: files.model,
        config: files.config,
    };
    Ok(Box::new(PiperLoader::new(PiperFiles {
        models: HashMap::from([(model.to_owned(), files)]),
        espeak_data: store.espeak_data()?,
        onnx_runtime: onnx_runtime(store, devices)?,
    })))
}

fn kokoro(
    store: &ModelStore,
    model: &str,
    devices: Devices,
) -> Result<Box<dyn EngineLoader>, NotInstalled> {
    let files = store.kokoro()?;
    let loader = KokoroLoader::new(KokoroFiles {
        models: HashMap::from([(model.to_owned(), files.model)]),
        vocab: files.vocabulary,
        voices: files.voices,
        espeak_data: store.espeak_data()?,
        onnx_runtime: onnx_runtime(store, devices)?,
    });
    Ok(Box::new(loader.on(devices.kokoro)))
}

fn whisper(
    store: &ModelStore,
    model: &str,
    devices: Devices,
) -> Result<Box<dyn EngineLoader>, NotInstalled> {
    let files = store.whisper(model)?;
    let weights = store.whisper_weights();
    let loader = WhisperLoader::new(WhisperFiles {
        // All of them, so that a refusal can name those that it does not concern.
        models: weights
            .map(|(name, file)| (name.to_owned(), file))
            .collect(),
        voice_activity: files.vad,
        ctranslate2: files.ctranslate2,
    });
    let rows = devices.whisper_rows;
    Ok(Box::new(loader.on(devices.whisper).with_rows(rows)))
}
