//! `GET /v1/voices`: what can be asked for as `voice`.

use axum::{Json, extract::State, response::IntoResponse};
use serde::Serialize;
use utoipa::ToSchema;
use voicefleet_core::{Catalog, VoiceEntry};

use crate::{app::SharedApp, speech::openai_names};

/// The voices.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VoiceList {
    /// Always `list`.
    object: &'static str,
    /// The voices.
    data: Vec<VoiceObject>,
}

/// A voice.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Voice)]
pub(crate) struct VoiceObject {
    /// Its name in requests.
    #[schema(example = "af_heart")]
    id: String,
    /// Always `voice`.
    object: &'static str,
    /// The engine that speaks with it.
    #[schema(example = "kokoro")]
    engine: String,
    /// The model that holds it.
    model: String,
    /// BCP 47 tag.
    #[schema(example = "en-US")]
    language: String,
    /// Whether it can be mixed with others of its model, as in `af_bella(2)+af_sky`.
    mixable: bool,
    /// Whether its model's files are on this server.
    installed: bool,
    /// Whether the engine uses it when no voice is asked for.
    default: bool,
    /// OpenAI's voice names that mean this one on its engine.
    aliases: Vec<&'static str>,
}

fn object(voice: &VoiceEntry, catalog: &Catalog) -> VoiceObject {
    let default = catalog
        .default_voice(&voice.engine)
        .is_some_and(|default| default.name == voice.name);
    VoiceObject {
        id: voice.name.clone(),
        object: "voice",
        engine: voice.engine.to_string(),
        model: voice.model.clone(),
        language: voice.language.clone(),
        mixable: voice.mixable,
        installed: catalog
            .model(&voice.model)
            .is_some_and(|model| model.installed),
        default,
        aliases: aliases(voice, default),
    }
}

fn aliases(voice: &VoiceEntry, default: bool) -> Vec<&'static str> {
    let kokoro = voice.engine.as_str() == "kokoro";
    openai_names::VOICES
        .iter()
        .filter(|(_, counterpart)| {
            if kokoro {
                *counterpart == voice.name
            } else {
                default
            }
        })
        .map(|(name, _)| *name)
        .collect()
}

/// List voices
#[utoipa::path(get, path = "/v1/voices", tag = "Catalogue", responses(
    (status = 200, description = "All voices, installed or not.", body = VoiceList),
))]
pub(crate) async fn list_voices(State(app): State<SharedApp>) -> impl IntoResponse {
    let catalog = app.catalog_now();
    let voices = catalog.voices.iter();
    Json(VoiceList {
        object: "list",
        data: voices.map(|voice| object(voice, &catalog)).collect(),
    })
}
