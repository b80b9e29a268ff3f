//! The engines of this program: one line each.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use voicefleet_core::{
    EngineId,
    ports::{EngineError, EngineLoader, LoadedEngine, ModelRef},
};
use voicefleet_kokoro::{KokoroFiles, KokoroLoader};
use voicefleet_models::{ModelStore, NotInstalled};
use voicefleet_piper::{PiperFiles, PiperLoader, PiperModelFiles};
use voicefleet_whisper::{WhisperFiles, WhisperLoader};

/// Makes a loader for one model, once its files are there.
type MakeLoader = fn(&ModelStore, &str) -> Result<Box<dyn EngineLoader>, NotInstalled>;

/// An engine's loader that looks up its files when a model is asked for, so that models can be
/// installed while the program runs.
struct InstalledLoader {
    engine: EngineId,
    store: Arc<ModelStore>,
    make: MakeLoader,
}

impl EngineLoader for InstalledLoader {
    fn engine(&self) -> &EngineId {
        &self.engine
    }

    fn load(&self, model: &ModelRef, lanes: usize) -> Result<LoadedEngine, EngineError> {
        let loader = (self.make)(&self.store, &model.name)
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
pub(crate) fn loaders(store: &Arc<ModelStore>) -> Vec<Arc<dyn EngineLoader>> {
    let loader = |(name, make): (&str, MakeLoader)| -> Arc<dyn EngineLoader> {
        Arc::new(InstalledLoader {
            engine: EngineId::new(name),
            store: Arc::clone(store),
            make,
        })
    };
    ENGINES.into_iter().map(loader).collect()
}

fn piper(store: &ModelStore, model: &str) -> Result<Box<dyn EngineLoader>, NotInstalled> {
    let files = store.piper(model)?;
    let files = PiperModelFiles {
        voice: files.voice,
        onnx: files.model,
        config: files.config,
    };
    Ok(Box::new(PiperLoader::new(PiperFiles {
        models: HashMap::from([(model.to_owned(), files)]),
        espeak_data: store.espeak_data()?,
        onnx_runtime: store.onnxruntime()?,
    })))
}

fn kokoro(store: &ModelStore, model: &str) -> Result<Box<dyn EngineLoader>, NotInstalled> {
    let files = store.kokoro()?;
    Ok(Box::new(KokoroLoader::new(KokoroFiles {
        models: HashMap::from([(model.to_owned(), files.model)]),
        vocab: files.vocabulary,
        voices: files.voices,
        espeak_data: store.espeak_data()?,
        onnx_runtime: store.onnxruntime()?,
    })))
}

fn whisper(store: &ModelStore, model: &str) -> Result<Box<dyn EngineLoader>, NotInstalled> {
    let files = store.whisper(model)?;
    Ok(Box::new(WhisperLoader::new(WhisperFiles {
        models: BTreeMap::from([(model.to_owned(), files.model)]),
        voice_activity: files.vad,
        ctranslate2: files.ctranslate2,
    })))
}
