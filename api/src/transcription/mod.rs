//! From what a client wants transcribed to a fully resolved [`voicefleet_core::TranscriptionSpec`].

pub(crate) mod events;
pub(crate) mod formats;
pub(crate) mod upload;

use voicefleet_core::{
    Catalog, ErrorCode, Failure, ModelEntry, TranscriptionSpec, catalog::ModelTask,
};

use self::upload::FileId;
use crate::speech::openai_names::TRANSCRIPTION_MODELS;

/// What a client asks for; `None` is what it left out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TranscriptionWish<'a> {
    pub(crate) model: Option<&'a str>,
    pub(crate) language: Option<&'a str>,
    pub(crate) temperature: Option<f32>,
    pub(crate) prompt: Option<&'a str>,
    /// Into English.
    pub(crate) translate: bool,
}

/// A wish whose fields are all in order and which has no defaults left to fill in.
#[derive(Clone)]
pub(crate) struct CheckedWish {
    model: ModelEntry,
    language: Option<String>,
    temperature: f32,
    prompt: Option<String>,
    translate: bool,
}

/// Checks every field and fills in every default, before anything is done about the audio.
pub(crate) fn check(
    wish: TranscriptionWish<'_>,
    catalog: &Catalog,
    max_prompt_chars: usize,
) -> Result<CheckedWish, Failure> {
    let model = model(wish.model, catalog)?;
    if wish.translate {
        check_translates(model)?;
    }
    Ok(CheckedWish {
        language: language(wish.language, model)?,
        temperature: temperature(wish.temperature)?,
        prompt: prompt(wish.prompt, max_prompt_chars)?,
        translate: wish.translate,
        model: model.clone(),
    })
}

impl CheckedWish {
    /// The work that it is for `file`.
    pub(crate) fn of(self, file: &FileId) -> TranscriptionSpec {
        TranscriptionSpec {
            walled: None,
            engine: self.model.engine,
            model: self.model.name,
            model_digest: self.model.digest,
            audio_key: file.path(),
            audio_digest: file.digest().to_owned(),
            audio_seconds: file.seconds(),
            language: self.language,
            temperature: self.temperature,
            prompt: self.prompt,
            translate: self.translate,
        }
    }
}

/// A model for one language has not learnt to translate.
fn check_translates(model: &ModelEntry) -> Result<(), Failure> {
    if model.languages.len() != 1 {
        return Ok(());
    }
    let message = format!(
        "the model '{}' understands one language only; a translation needs one that understands several",
        model.name
    );
    Err(Failure::of_field(
        ErrorCode::InvalidRequest,
        "model",
        message,
    ))
}

fn model<'a>(name: Option<&str>, catalog: &'a Catalog) -> Result<&'a ModelEntry, Failure> {
    let listens = |model: &&ModelEntry| model.task == ModelTask::Transcription;
    let model = match name {
        None => catalog.default_transcriber(),
        Some(name) => match catalog.model(name).filter(listens) {
            None if TRANSCRIPTION_MODELS.contains(&name) => catalog.default_transcriber(),
            found => found,
        },
    };
    let model = model.ok_or_else(|| {
        let message = match name {
            Some(name) => {
                format!("there is no model '{name}' that transcribes; GET /v1/models lists them")
            }
            None => "this server has no model that transcribes".to_owned(),
        };
        Failure::of_field(ErrorCode::UnknownModel, "model", message)
    })?;
    if !model.installed {
        let message = format!(
            "the model '{}' is known but not installed on this server",
            model.name
        );
        return Err(Failure::of_field(
            ErrorCode::ModelNotInstalled,
            "model",
            message,
        ));
    }
    Ok(model)
}

/// A code that the model lists. A model that lists none knows more than the catalogue says: there
/// the engine has the last word, and only what is no code at all is refused here.
fn language(language: Option<&str>, model: &ModelEntry) -> Result<Option<String>, Failure> {
    let Some(given) = language else {
        return Ok(None);
    };
    let code = given.to_ascii_lowercase();
    let refuse = |why: String| Failure::of_field(ErrorCode::UnknownLanguage, "language", why);
    if !matches!(code.len(), 2 | 3) || !code.bytes().all(|byte| byte.is_ascii_lowercase()) {
        let shown: String = given.chars().take(32).collect();
        let message = format!("'{shown}' is no ISO 639-1 code, such as 'en'");
        return Err(refuse(message));
    }
    if !model.languages.is_empty() && !model.languages.contains(&code) {
        let known = model.languages.join(", ");
        let message = format!(
            "the model '{}' does not understand '{code}'; it understands {known}",
            model.name
        );
        return Err(refuse(message));
    }
    Ok(Some(code))
}

fn temperature(temperature: Option<f32>) -> Result<f32, Failure> {
    let temperature = temperature.unwrap_or(0.0);
    if (0.0..=1.0).contains(&temperature) {
        return Ok(temperature);
    }
    let message = format!("the temperature must be between 0 and 1, not {temperature}");
    Err(Failure::of_field(
        ErrorCode::InvalidRequest,
        "temperature",
        message,
    ))
}

fn prompt(prompt: Option<&str>, max_chars: usize) -> Result<Option<String>, Failure> {
    let Some(prompt) = prompt.map(str::trim).filter(|prompt| !prompt.is_empty()) else {
        return Ok(None);
    };
    let chars = prompt.chars().count();
    if chars > max_chars {
        let message =
            format!("the prompt has {chars} characters; at most {max_chars} are accepted");
        return Err(Failure::of_field(ErrorCode::TextTooLong, "prompt", message));
    }
    if prompt.contains('\0') {
        let message = "the prompt has a NUL character in it";
        return Err(Failure::of_field(
            ErrorCode::InvalidRequest,
            "prompt",
            message,
        ));
    }
    Ok(Some(prompt.to_owned()))
}
