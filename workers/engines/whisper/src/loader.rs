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
use whisper_rs::{
    DtwAhead, DtwMode, DtwModelPreset, DtwParameters, WhisperContext, WhisperContextParameters,
};

use crate::{
    engine::WhisperEngine,
    language::Languages,
    model_file::{self, Architecture},
    speech::Detector,
};

/// Bound of the memory that an alignment may use, bytes; taken only as far as needed, and given back
/// after each pass. 30 s of speech on 40 attention heads need 200 MB; more would abort the process.
const ALIGNMENT_MEMORY: usize = 256 << 20;

/// Attention heads that an alignment uses at most where the good ones are not known.
const MOST_HEADS: i32 = 40;

/// The heads of tiny.en by which words are timed. Of the eight that OpenAI names, most attend to 0.1 to 0.35 s after the
/// end of what they write down, which puts every boundary between words 0.12 s late; of these five as many are early as
/// are late (benches/README.md has the figures).
const TINY_EN: [DtwAhead; 5] = [head(2, 0), head(2, 1), head(2, 4), head(2, 5), head(3, 2)];

/// The same of base: four of the eight that OpenAI names. The others wander, one of them by seconds.
const BASE: [DtwAhead; 4] = [head(3, 1), head(4, 2), head(4, 7), head(5, 1)];

const fn head(layer: i32, head: i32) -> DtwAhead {
    DtwAhead {
        n_text_layer: layer,
        n_head: head,
    }
}

/// Loads Whisper models in whisper.cpp's format (ggml) for transcription on CPU.
pub struct WhisperLoader {
    engine: EngineId,
    /// Catalogue name to ggml file.
    models: BTreeMap<String, PathBuf>,
    /// Silero voice activity model, ggml file.
    voice_activity: PathBuf,
}

impl WhisperLoader {
    /// A loader of these models: (catalogue name, ggml file) pairs. `voice_activity` is the ggml file
    /// of the Silero model that finds the speech. Nothing is read yet.
    pub fn new(
        models: impl IntoIterator<Item = (String, PathBuf)>,
        voice_activity: PathBuf,
    ) -> Self {
        Self {
            engine: EngineId::new("whisper"),
            models: models.into_iter().collect(),
            voice_activity,
        }
    }
}

impl EngineLoader for WhisperLoader {
    fn engine(&self) -> &EngineId {
        &self.engine
    }

    fn load(&self, model: &ModelRef, lanes: usize) -> Result<LoadedEngine, EngineError> {
        whisper_rs::install_logging_hooks();
        let name = &model.name;
        let path = self
            .models
            .get(name)
            .ok_or_else(|| EngineError::Load(format!("there is no Whisper model '{name}'")))?;
        let unusable = |why: String| {
            tracing::error!(model = name, path = %path.display(), why, "Whisper model not loaded");
            EngineError::Load(format!(
                "the file of the Whisper model '{name}' is not usable: {why}"
            ))
        };
        let architecture =
            model_file::inspect_whisper(path).map_err(|defect| unusable(defect.to_string()))?;
        let context =
            load_context(path, &architecture).map_err(|error| unusable(error.to_string()))?;
        let detectors = (0..lanes.max(1))
            .map(|_| Detector::load(&self.voice_activity))
            .collect::<Result<_, _>>()?;
        let languages = Languages::of_vocabulary(architecture.vocabulary);
        let engine = WhisperEngine::new(context, languages, detectors);
        Ok(LoadedEngine::Transcription(Arc::new(engine)))
    }
}

fn load_context(
    path: &Path,
    architecture: &Architecture,
) -> Result<WhisperContext, whisper_rs::WhisperError> {
    let mut parameters = WhisperContextParameters::default();
    // Flash attention is 1.5 times slower on CPU, and alignment does not work with it.
    parameters
        .use_gpu(false)
        .flash_attn(false)
        .dtw_parameters(DtwParameters {
            mode: alignment_heads(architecture),
            dtw_mem_size: ALIGNMENT_MEMORY,
        });
    WhisperContext::new_with_params(path, parameters)
}

/// The attention heads that show which moment a token was heard at: measured for tiny.en and base, named
/// by OpenAI for its other models, for others all of the upper half of the layers, as in OpenAI's own code.
fn alignment_heads(model: &Architecture) -> DtwMode<'static> {
    let english = model.vocabulary == 51_864;
    let third_generation = model.vocabulary == 51_866;
    let preset = match (model.audio_layers, model.text_layers) {
        (4, 4) if english => return DtwMode::Custom { aheads: &TINY_EN },
        (4, 4) => DtwModelPreset::Tiny,
        (6, 6) if english => DtwModelPreset::BaseEn,
        (6, 6) => return DtwMode::Custom { aheads: &BASE },
        (12, 12) if english => DtwModelPreset::SmallEn,
        (12, 12) => DtwModelPreset::Small,
        (24, 24) if english => DtwModelPreset::MediumEn,
        (24, 24) => DtwModelPreset::Medium,
        (32, 32) if third_generation => DtwModelPreset::LargeV3,
        // The first large model looks the same; its successor replaced it.
        (32, 32) => DtwModelPreset::LargeV2,
        (32, 4) if third_generation => DtwModelPreset::LargeV3Turbo,
        (_, layers) => {
            let most = (MOST_HEADS / model.text_heads).max(1);
            return DtwMode::TopMost {
                n_top: (layers / 2).clamp(1, most),
            };
        }
    };
    DtwMode::ModelPreset {
        model_preset: preset,
    }
}
