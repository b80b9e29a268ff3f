//! From what a client asks to be spoken to a fully resolved [`voicefleet_core::SpeechSpec`].

pub(crate) mod events;
pub(crate) mod openai_names;
pub(crate) mod steering;
pub(crate) mod voice;

use voicefleet_core::{
    AudioFormat, Catalog, EngineId, ErrorCode, Failure, ModelEntry, SpeechSpec, catalog::ModelTask,
    text,
};

use self::voice::Choice;

/// Slowest and fastest speech. OpenAI's own range.
const SPEED: std::ops::RangeInclusive<f64> = 0.25..=4.0;

/// What a client asks for; `None` is what it left out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SpeechWish<'a> {
    pub(crate) input: &'a str,
    pub(crate) engine: Option<&'a str>,
    pub(crate) model: Option<&'a str>,
    pub(crate) voice: Option<&'a str>,
    pub(crate) speed: Option<f64>,
    pub(crate) format: Option<&'a str>,
}

/// Checks every field and fills in every default.
fn resolve(
    wish: SpeechWish<'_>,
    catalog: &Catalog,
    max_chars: usize,
    default_format: AudioFormat,
) -> Result<SpeechSpec, Failure> {
    let text = text::normalise(wish.input);
    text::check(&text, max_chars, "input")?;
    let choice = choose(wish.engine, wish.model, catalog)?;
    let voice = voice::resolve(wish.voice, &choice, catalog)?;
    let model = installed_model(&voice.model, catalog)?;
    Ok(SpeechSpec {
        walled: None,
        engine: voice.engine,
        model: model.name.clone(),
        model_digest: model.digest.clone(),
        voice: voice.name,
        text,
        speed: speed(wish.speed)?,
        format: format(wish.format, default_format)?,
    })
}

/// What the fields `engine` and `model` say together.
fn choose(engine: Option<&str>, model: Option<&str>, catalog: &Catalog) -> Result<Choice, Failure> {
    let engine = match engine {
        None | Some(steering::AUTO) => None,
        Some(name) => Some(known_engine(name, catalog)?),
    };
    let Some(name) = model.filter(|name| *name != steering::AUTO) else {
        return Ok(Choice {
            engine,
            model: None,
        });
    };
    let (of_model, model) = known_model(name, catalog)?;
    match engine {
        Some(engine) if engine != of_model => {
            let message = format!(
                "the model '{name}' runs on the engine '{of_model}'; the request asks for the engine '{engine}'"
            );
            Err(Failure::of_field(
                ErrorCode::InvalidRequest,
                "engine",
                message,
            ))
        }
        _ => Ok(Choice {
            engine: Some(of_model),
            model,
        }),
    }
}

fn known_engine(name: &str, catalog: &Catalog) -> Result<EngineId, Failure> {
    let engines = catalog.engines(ModelTask::Speech);
    let found = engines.iter().find(|engine| engine.as_str() == name);
    found.cloned().ok_or_else(|| {
        let known: Vec<&str> = engines.iter().map(EngineId::as_str).collect();
        let message = format!(
            "there is no engine '{name}' that speaks; use one of auto, {}",
            known.join(", ")
        );
        Failure::of_field(ErrorCode::UnknownEngine, "engine", message)
    })
}

/// The engine, and the model where the name says one: a model's own name, an engine's name, or one
/// of OpenAI's.
fn known_model(name: &str, catalog: &Catalog) -> Result<(EngineId, Option<String>), Failure> {
    if let Some(model) = catalog.model(name).filter(|m| m.task == ModelTask::Speech) {
        return Ok((model.engine.clone(), Some(model.name.clone())));
    }
    let engine = openai_names::speech_engine(name).unwrap_or(name);
    let engines = catalog.engines(ModelTask::Speech);
    let found = engines.into_iter().find(|known| known.as_str() == engine);
    found.map(|engine| (engine, None)).ok_or_else(|| {
        let message = format!("there is no model '{name}' that speaks; GET /v1/models lists them");
        Failure::of_field(ErrorCode::UnknownModel, "model", message)
    })
}

fn installed_model<'a>(name: &str, catalog: &'a Catalog) -> Result<&'a ModelEntry, Failure> {
    let model = catalog.model(name).ok_or_else(|| {
        let message = format!("the voice's model '{name}' is not in the catalogue");
        Failure::of_field(ErrorCode::UnknownModel, "voice", message)
    })?;
    if !model.installed {
        let message = format!("the model '{name}' is known but not installed on this server");
        return Err(Failure::of_field(
            ErrorCode::ModelNotInstalled,
            "model",
            message,
        ));
    }
    Ok(model)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "digits beyond an f32's are no audible difference"
)]
fn speed(speed: Option<f64>) -> Result<f32, Failure> {
    let speed = speed.unwrap_or(1.0);
    if SPEED.contains(&speed) {
        return Ok(speed as f32);
    }
    let message = format!("the speed must be between 0.25 and 4.0, not {speed}");
    Err(Failure::of_field(
        ErrorCode::SpeedOutOfRange,
        "speed",
        message,
    ))
}

fn format(format: Option<&str>, default: AudioFormat) -> Result<AudioFormat, Failure> {
    let Some(name) = format else {
        return Ok(default);
    };
    name.parse()
        .map_err(|error: voicefleet_core::audio::UnknownFormat| {
            Failure::of_field(
                ErrorCode::UnknownFormat,
                "response_format",
                error.to_string(),
            )
        })
}
