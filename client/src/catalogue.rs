//! What can be asked for: models and voices.

use reqwest::Method;
use serde::Deserialize;

use crate::{Client, ClientError, JobKind, page::Whole};

/// A model.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Model {
    /// Its name in requests.
    pub id: String,
    /// What it does.
    pub task: JobKind,
    /// The engine that runs it.
    pub engine: String,
    /// Whether its files are on the server.
    pub installed: bool,
    /// ISO 639-1 codes that it speaks or understands; empty means all that the model knows.
    pub languages: Vec<String>,
    /// Licence of the weights, as stated by their publisher.
    pub licence: String,
}

/// A voice.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Voice {
    /// Its name in requests.
    pub id: String,
    /// The engine that speaks with it.
    pub engine: String,
    /// The model that holds it.
    pub model: String,
    /// BCP 47 tag.
    pub language: String,
    /// Whether its model's files are on the server.
    pub installed: bool,
    /// Whether it can be mixed with others of its model, as in `af_bella(2)+af_sky`.
    pub mixable: bool,
    /// Whether the engine uses it when no voice is asked for.
    pub default: bool,
    /// OpenAI's voice names that mean this one on its engine.
    pub aliases: Vec<String>,
}

impl Client {
    /// All models, installed or not.
    pub async fn models(&self) -> Result<Vec<Model>, ClientError> {
        let list: Whole<Model> = self.call(Method::GET, ["v1", "models"]).json().await?;
        Ok(list.data)
    }

    /// A model.
    pub async fn model(&self, id: &str) -> Result<Model, ClientError> {
        self.call(Method::GET, ["v1", "models", id]).json().await
    }

    /// All voices, installed or not.
    pub async fn voices(&self) -> Result<Vec<Voice>, ClientError> {
        let list: Whole<Voice> = self.call(Method::GET, ["v1", "voices"]).json().await?;
        Ok(list.data)
    }
}
