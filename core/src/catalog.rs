//! Which engines, models and voices this installation has. Plain data, read by the API to refuse
//! unknown names before a job exists.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::failure::{ErrorCode, Failure};

/// Name of an engine: `piper`, `kokoro`, `whisper`, or one that is added later.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EngineId(String);

impl EngineId {
    /// An engine name. Lower-case ASCII by convention; it becomes part of queue and metric names.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EngineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a model does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelTask {
    /// Speaks.
    Speech,
    /// Transcribes.
    Transcription,
}

/// A model that can be asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelEntry {
    /// Name in requests, e.g. `whisper-base`.
    pub name: String,
    /// The engine that runs it.
    pub engine: EngineId,
    /// What it does.
    pub task: ModelTask,
    /// SHA-256 of the weights (hex).
    pub digest: String,
    /// Licence of the weights, as stated by their publisher.
    pub licence: String,
    /// Whether its files are on this machine.
    pub installed: bool,
    /// ISO 639-1 codes that it speaks or understands; empty means "any that the model knows".
    pub languages: Vec<String>,
}

/// A voice that can be asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VoiceEntry {
    /// Name in requests, e.g. `af_heart`.
    pub name: String,
    /// The engine that speaks with it.
    pub engine: EngineId,
    /// The model that holds it.
    pub model: String,
    /// BCP 47 tag, e.g. `en-US`.
    pub language: String,
    /// Whether several of these can be mixed (`af_bella+af_sky`).
    pub mixable: bool,
}

/// All that is on offer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Catalog {
    /// Models, speaking and transcribing.
    pub models: Vec<ModelEntry>,
    /// Voices; the first of an engine is that engine's default.
    pub voices: Vec<VoiceEntry>,
}

/// One component of a voice mix.
#[derive(Clone, Debug, PartialEq)]
pub struct VoicePart {
    /// Voice name.
    pub name: String,
    /// Relative weight, above 0.
    pub weight: f32,
}

/// Splits `af_bella(2)+af_sky` into its parts; a name without a weight weighs 1.
///
/// # Errors
/// [`ErrorCode::UnknownVoice`] for empty parts and for weights that are not numbers above 0 (at most 100).
pub fn parse_voice(voice: &str) -> Result<Vec<VoicePart>, Failure> {
    voice
        .split('+')
        .map(|part| parse_voice_part(part.trim(), voice))
        .collect()
}

fn parse_voice_part(part: &str, whole: &str) -> Result<VoicePart, Failure> {
    let refuse = |why: &str| {
        Failure::of_field(
            ErrorCode::UnknownVoice,
            "voice",
            format!("voice '{whole}': {why}"),
        )
    };
    let (name, weight) = match part.split_once('(') {
        None => (part, 1.0),
        Some((name, rest)) => {
            let number = rest
                .strip_suffix(')')
                .ok_or_else(|| refuse("a weight must end with ')'"))?;
            let weight = number
                .trim()
                .parse::<f32>()
                .map_err(|_| refuse("a weight must be a number"))?;
            (name.trim(), weight)
        }
    };
    if name.is_empty() {
        return Err(refuse("a part of the mix has no name"));
    }
    if !(weight > 0.0 && weight <= 100.0) {
        return Err(refuse("a weight must be above 0 and at most 100"));
    }
    Ok(VoicePart {
        name: name.to_owned(),
        weight,
    })
}

impl Catalog {
    /// The model of that name.
    pub fn model(&self, name: &str) -> Option<&ModelEntry> {
        self.models.iter().find(|model| model.name == name)
    }

    /// The voice of that name.
    pub fn voice(&self, name: &str) -> Option<&VoiceEntry> {
        self.voices.iter().find(|voice| voice.name == name)
    }

    /// The voice an engine uses when none is asked for.
    pub fn default_voice(&self, engine: &EngineId) -> Option<&VoiceEntry> {
        self.voices.iter().find(|voice| &voice.engine == engine)
    }

    /// The installed model that transcribes when none is asked for: the first in the catalogue.
    pub fn default_transcriber(&self) -> Option<&ModelEntry> {
        let mut listening = self
            .models
            .iter()
            .filter(|model| model.task == ModelTask::Transcription);
        listening
            .clone()
            .find(|model| model.installed)
            .or_else(|| listening.next())
    }

    /// The engines that have a model with this task, in catalogue order.
    pub fn engines(&self, task: ModelTask) -> Vec<EngineId> {
        engines_of(self.models.iter().filter(|model| model.task == task))
    }

    /// Every engine, in catalogue order.
    pub fn all_engines(&self) -> Vec<EngineId> {
        engines_of(self.models.iter())
    }
}

fn engines_of<'a>(models: impl Iterator<Item = &'a ModelEntry>) -> Vec<EngineId> {
    let mut engines = Vec::new();
    for model in models {
        if !engines.contains(&model.engine) {
            engines.push(model.engine.clone());
        }
    }
    engines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixes_are_read_with_and_without_weights() {
        let parts = parse_voice("af_bella(2) + af_sky").expect("valid");
        assert_eq!(parts.len(), 2);
        assert_eq!((parts[0].name.as_str(), parts[0].weight), ("af_bella", 2.0));
        assert_eq!((parts[1].name.as_str(), parts[1].weight), ("af_sky", 1.0));
    }

    #[test]
    fn broken_mixes_are_refused_with_the_voice_field() {
        for voice in [
            "", "a+", "a(x)", "a(0)", "a(-1)", "a(1", "a(nan)", "a(inf)", "(1)",
        ] {
            let failure = parse_voice(voice).expect_err(voice);
            assert_eq!(
                (failure.code, failure.field.as_deref()),
                (ErrorCode::UnknownVoice, Some("voice"))
            );
        }
    }
}
