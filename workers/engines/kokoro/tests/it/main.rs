//! The engine with the real model.

mod errors;
mod phonemes;
mod planning;
mod speaking;

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use voicefleet_core::ports::{
    EngineError, EngineLoader, LoadedEngine, ModelRef, SpeechChunk, SpeechEngine, SpeechRequest,
};
use voicefleet_kokoro::{KokoroFiles, KokoroLoader};
use voicefleet_testkit::model_file;

fn files() -> KokoroFiles {
    KokoroFiles {
        models: HashMap::from([(
            "kokoro".to_owned(),
            model_file("kokoro/kokoro-v1.0.int8.onnx"),
        )]),
        vocab: model_file("kokoro/vocab.json"),
        voices: model_file("kokoro/voices"),
        espeak_data: model_file("espeak-ng-data"),
        onnx_runtime: model_file("onnxruntime/libonnxruntime.so"),
    }
}

fn load(files: KokoroFiles) -> Result<Arc<dyn SpeechEngine>, EngineError> {
    let model = ModelRef {
        name: "kokoro".to_owned(),
        digest: String::new(),
    };
    match KokoroLoader::new(files).load(&model, 2)? {
        LoadedEngine::Speech(engine) => Ok(engine),
        LoadedEngine::Transcription(_) => panic!("Kokoro speaks"),
    }
}

/// One engine for all tests of a process.
static ENGINE: LazyLock<Arc<dyn SpeechEngine>> =
    LazyLock::new(|| load(files()).expect("the model loads"));

fn plan(voice: &str, speed: f32, text: &str) -> Result<Vec<SpeechChunk>, EngineError> {
    ENGINE.plan(&SpeechRequest {
        text: text.to_owned(),
        voice: voice.to_owned(),
        speed,
    })
}

/// The phonemes of all chunks, chunks set apart by one blank.
fn phonemes(voice: &str, text: &str) -> String {
    let chunks: Vec<String> = plan(voice, 1.0, text)
        .expect(text)
        .into_iter()
        .map(|chunk| chunk.phonemes)
        .collect();
    chunks.join(" ")
}

/// All samples of a text.
fn speak(voice: &str, speed: f32, text: &str) -> Vec<f32> {
    let chunks = plan(voice, speed, text).expect(text);
    chunks
        .iter()
        .flat_map(|chunk| ENGINE.speak(chunk).expect(text).samples)
        .collect()
}
