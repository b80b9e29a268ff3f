//! `GET /v1/models`: what can be asked for as `model`.

use axum::{Json, extract::State, response::IntoResponse};
use serde::Serialize;
use utoipa::ToSchema;
use voicefleet_core::{ModelEntry, catalog::ModelTask};

use crate::{app::SharedApp, schema::KindName};

/// The models, in OpenAI's shape.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelList {
    /// Always `list`.
    object: &'static str,
    /// The models.
    data: Vec<ModelObject>,
}

/// A model.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Model)]
pub(crate) struct ModelObject {
    /// Its name in requests.
    #[schema(example = "whisper-base")]
    id: String,
    /// Always `model`.
    object: &'static str,
    /// Always 0: when the weights were published is not recorded.
    created: u64,
    /// Always `voicefleet`.
    owned_by: &'static str,
    /// The engine that runs it.
    #[schema(example = "whisper")]
    engine: String,
    /// What it does.
    #[schema(value_type = KindName)]
    task: &'static str,
    /// Whether its files are on this server.
    installed: bool,
    /// Licence of the weights, as stated by their publisher.
    licence: String,
    /// ISO 639-1 codes that it speaks or understands; empty means all that the model knows.
    languages: Vec<String>,
}

impl From<&ModelEntry> for ModelObject {
    fn from(model: &ModelEntry) -> Self {
        Self {
            id: model.name.clone(),
            object: "model",
            created: 0,
            owned_by: "voicefleet",
            engine: model.engine.to_string(),
            task: match model.task {
                ModelTask::Speech => "speech",
                ModelTask::Transcription => "transcription",
            },
            installed: model.installed,
            licence: model.licence.clone(),
            languages: model.languages.clone(),
        }
    }
}

/// List models
#[utoipa::path(get, path = "/v1/models", tag = "Catalogue", responses(
    (status = 200, description = "All models, installed or not.", body = ModelList),
))]
pub(crate) async fn list_models(State(app): State<SharedApp>) -> impl IntoResponse {
    let catalog = app.catalog_now();
    Json(ModelList {
        object: "list",
        data: catalog.models.iter().map(ModelObject::from).collect(),
    })
}
