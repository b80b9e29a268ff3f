//! The attention heads by which words are timed.

use whisper_rs::{DtwAhead, DtwMode, DtwModelPreset};

use crate::ggml::model_file::Architecture;

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

/// The attention heads that show which moment a token was heard at: measured for tiny.en and base, named
/// by OpenAI for its other models, for others all of the upper half of the layers, as in OpenAI's own code.
pub(crate) fn alignment_heads(model: &Architecture) -> DtwMode<'static> {
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
