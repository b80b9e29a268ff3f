//! What the API under test has on offer.

use voicefleet_core::{Catalog, EngineId, ModelEntry, VoiceEntry, catalog::ModelTask};

/// Piper, Kokoro and Whisper as a first run has them, and a model that is not installed.
pub(crate) fn usual() -> Catalog {
    let speech = ModelTask::Speech;
    let listening = ModelTask::Transcription;
    Catalog {
        models: vec![
            model("piper-en_US-joe-medium", "piper", speech, true, &["en"]),
            model("kokoro-82m", "kokoro", speech, true, &["en", "es"]),
            model("piper-de_DE-eva-high", "piper", speech, false, &["de"]),
            model("whisper-base", "whisper", listening, true, &[]),
            model("whisper-tiny.en", "whisper", listening, true, &["en"]),
            model("whisper-large", "whisper", listening, false, &[]),
        ],
        voices: vec![
            voice("en_US-joe-medium", "piper", "piper-en_US-joe-medium", false),
            voice("de_DE-eva-high", "piper", "piper-de_DE-eva-high", false),
            voice("af_heart", "kokoro", "kokoro-82m", true),
            voice("af_alloy", "kokoro", "kokoro-82m", true),
            voice("af_bella", "kokoro", "kokoro-82m", true),
        ],
    }
}

pub(crate) fn model(
    name: &str,
    engine: &str,
    task: ModelTask,
    installed: bool,
    languages: &[&str],
) -> ModelEntry {
    ModelEntry {
        name: name.to_owned(),
        engine: EngineId::new(engine),
        task,
        digest: voicefleet_core::fingerprint::digest_of(name.as_bytes()),
        licence: "MIT".to_owned(),
        installed,
        languages: languages.iter().map(|code| (*code).to_owned()).collect(),
    }
}

fn voice(name: &str, engine: &str, model: &str, mixable: bool) -> VoiceEntry {
    VoiceEntry {
        name: name.to_owned(),
        engine: EngineId::new(engine),
        model: model.to_owned(),
        language: "en-US".to_owned(),
        mixable,
    }
}
