//! Loading the real voice.

use std::{collections::HashMap, fs, path::Path, sync::Arc};

use serde_json::{Value, json};
use voicefleet_core::ports::{
    EngineError, EngineLoader, LoadedEngine, ModelRef, SpeechEngine, SpeechRequest,
};
use voicefleet_piper::{PiperFiles, PiperLoader, PiperModelFiles};
use voicefleet_testkit::model_file;

/// Name of the voice.
pub(crate) const JOE: &str = "en_US-joe-medium";

/// How much chance there is in the voice.
#[derive(Clone, Copy)]
pub(crate) enum Scales {
    /// As published.
    Published,
    /// Durations and audio are the same every time.
    Fixed,
}

/// Where the real files are.
pub(crate) fn files() -> PiperFiles {
    let joe = PiperModelFiles {
        voice: "en_US-joe-medium".to_owned(),
        onnx: model_file("piper/en_US-joe-medium/en_US-joe-medium.onnx"),
        config: model_file("piper/en_US-joe-medium/en_US-joe-medium.onnx.json"),
    };
    PiperFiles {
        models: HashMap::from([(JOE.to_owned(), joe)]),
        espeak_data: model_file("espeak-ng-data"),
        onnx_runtime: model_file("onnxruntime/libonnxruntime.so"),
    }
}

/// Loads the voice `model` of `files`.
pub(crate) fn load_from(
    files: PiperFiles,
    model: &str,
    lanes: usize,
) -> Result<LoadedEngine, EngineError> {
    let model = ModelRef {
        name: model.to_owned(),
        digest: String::new(),
    };
    PiperLoader::new(files).load(&model, lanes)
}

/// The real voice with `lanes` lanes.
pub(crate) fn load(scales: Scales, lanes: usize) -> Arc<dyn SpeechEngine> {
    let mut files = files();
    let folder = tempfile::tempdir().expect("a folder");
    if let Scales::Fixed = scales {
        let joe = files.models.get_mut(JOE).expect("it is there");
        let quiet = folder.path().join("quiet.onnx.json");
        let scales = json!({"noise_scale": 0, "length_scale": 1, "noise_w": 0});
        rewrite(&joe.config, &quiet, |config| config["inference"] = scales);
        joe.config = quiet;
    }
    match load_from(files, JOE, lanes) {
        Ok(LoadedEngine::Speech(voice)) => voice,
        Ok(LoadedEngine::Transcription(_)) => panic!("Piper speaks"),
        Err(error) => panic!("{error}"),
    }
}

/// Writes the configuration `from`, changed, to `to`.
pub(crate) fn rewrite(from: &Path, to: &Path, change: impl FnOnce(&mut Value)) {
    let mut config = serde_json::from_slice(&fs::read(from).expect("readable")).expect("JSON");
    change(&mut config);
    fs::write(to, config.to_string()).expect("writable");
}

/// A request for the real voice.
pub(crate) fn request(text: &str, speed: f32) -> SpeechRequest {
    SpeechRequest {
        text: text.to_owned(),
        voice: JOE.to_owned(),
        speed,
    }
}
