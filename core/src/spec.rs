//! What a job is asked to do, fully resolved: no defaults left to fill in, no names left to look up.

use serde::{Deserialize, Serialize};

use crate::{
    audio::AudioFormat,
    catalog::EngineId,
    fingerprint::{Fingerprint, FingerprintBuilder},
    tenant::Tenant,
};

/// Speaking or transcribing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobKind {
    /// Text to audio.
    Speech,
    /// Audio to text.
    Transcription,
}

impl JobKind {
    /// The name used in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Speech => "speech",
            Self::Transcription => "transcription",
        }
    }
}

/// Text to be spoken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpeechSpec {
    /// The tenant within whose wall the result stays; `None` where all share what is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub walled: Option<Tenant>,
    /// The engine that speaks.
    pub engine: EngineId,
    /// The model's name in the catalogue.
    pub model: String,
    /// SHA-256 of the model's weights (hex): another model under the same name is another speech.
    pub model_digest: String,
    /// The voice, or a weighted mix of voices, as the engine understands it.
    pub voice: String,
    /// Normalised text.
    pub text: String,
    /// Speaking rate; 1.0 is the voice's own, 2.0 twice as fast.
    pub speed: f32,
    /// The format the result is delivered in. Not part of the fingerprint.
    pub format: AudioFormat,
}

/// Audio to be transcribed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TranscriptionSpec {
    /// The tenant within whose wall the result stays; `None` where all share what is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub walled: Option<Tenant>,
    /// The engine that listens.
    pub engine: EngineId,
    /// The model's name in the catalogue.
    pub model: String,
    /// SHA-256 of the model's weights (hex).
    pub model_digest: String,
    /// Key of the uploaded audio in the blob store.
    pub audio_key: String,
    /// SHA-256 of the uploaded bytes (hex).
    pub audio_digest: String,
    /// Length of the audio in seconds.
    pub audio_seconds: f64,
    /// ISO 639-1 code; `None` means detect.
    pub language: Option<String>,
    /// Sampling temperature, 0 to 1; 0 is greedy with fallback.
    pub temperature: f32,
    /// Words or names to expect, given to the model as preceding text.
    pub prompt: Option<String>,
    /// Whether what is said in another language is written down in English.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub translate: bool,
}

/// What a job is asked to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum JobSpec {
    /// Text to audio.
    Speech(SpeechSpec),
    /// Audio to text.
    Transcription(TranscriptionSpec),
}

impl JobSpec {
    /// Speaking or transcribing.
    pub fn kind(&self) -> JobKind {
        match self {
            Self::Speech(_) => JobKind::Speech,
            Self::Transcription(_) => JobKind::Transcription,
        }
    }

    /// The engine whose pool does the work.
    pub fn engine(&self) -> &EngineId {
        match self {
            Self::Speech(spec) => &spec.engine,
            Self::Transcription(spec) => &spec.engine,
        }
    }

    /// The model that does the work.
    pub fn model(&self) -> &str {
        match self {
            Self::Speech(spec) => &spec.model,
            Self::Transcription(spec) => &spec.model,
        }
    }

    /// The content hash: equal for two jobs exactly when one result serves both.
    ///
    /// Everything that changes the output is in it. The delivery format is not: it is made from the
    /// same stored audio.
    ///
    /// Behind a tenant's wall it is another one than outside.
    pub fn fingerprint(&self) -> Fingerprint {
        let shared = self.shared_fingerprint();
        match self.walled() {
            Some(tenant) => shared.walled(tenant),
            None => shared,
        }
    }

    /// Puts the result behind the wall of `tenant`, or where all share it.
    pub fn set_walled(&mut self, tenant: Option<Tenant>) {
        match self {
            Self::Speech(spec) => spec.walled = tenant,
            Self::Transcription(spec) => spec.walled = tenant,
        }
    }

    fn walled(&self) -> Option<&Tenant> {
        match self {
            Self::Speech(spec) => spec.walled.as_ref(),
            Self::Transcription(spec) => spec.walled.as_ref(),
        }
    }

    fn shared_fingerprint(&self) -> Fingerprint {
        match self {
            Self::Speech(spec) => FingerprintBuilder::new("speech.v1")
                .text(&spec.text)
                .text(spec.engine.as_str())
                .text(&spec.model_digest)
                .text(&spec.voice)
                .number(spec.speed)
                .finish(),
            Self::Transcription(spec) => FingerprintBuilder::new(if spec.translate {
                "translation.v1"
            } else {
                "transcription.v1"
            })
            .text(&spec.audio_digest)
            .text(spec.engine.as_str())
            .text(&spec.model_digest)
            .text(spec.language.as_deref().unwrap_or("auto"))
            .number(spec.temperature)
            .text(spec.prompt.as_deref().unwrap_or(""))
            .finish(),
        }
    }
}
