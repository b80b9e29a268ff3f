//! Finding the voice: a name, a mix, one of OpenAI's names, or the engine's default.

use std::collections::BTreeMap;

use voicefleet_core::{
    Catalog, EngineId, ErrorCode, Failure, VoiceEntry,
    catalog::{ModelTask, VoicePart, parse_voice},
};

use super::openai_names;

/// Most voices in a mix, and longest voice field, characters.
const MAX_PARTS: usize = 8;
const MAX_LENGTH: usize = 256;

/// Smallest share of a mix, relative to its strongest part; shares are rounded to this.
const SMALLEST_SHARE: f32 = 0.001;

/// The engine whose voices OpenAI's names are mapped to one by one.
const KOKORO: &str = "kokoro";

/// The engine and model that the request has settled on so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Choice {
    pub(crate) engine: Option<EngineId>,
    pub(crate) model: Option<String>,
}

impl Choice {
    fn allows(&self, voice: &VoiceEntry) -> bool {
        self.engine
            .as_ref()
            .is_none_or(|engine| *engine == voice.engine)
            && self
                .model
                .as_ref()
                .is_none_or(|model| *model == voice.model)
    }
}

/// A voice or mix in canonical spelling, with what speaks it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ResolvedVoice {
    pub(crate) name: String,
    pub(crate) engine: EngineId,
    pub(crate) model: String,
}

/// The voice to speak with.
pub(crate) fn resolve(
    voice: Option<&str>,
    choice: &Choice,
    catalog: &Catalog,
) -> Result<ResolvedVoice, Failure> {
    let Some(voice) = voice else {
        return default_voice(choice, catalog).map(single);
    };
    if voice.len() > MAX_LENGTH {
        return Err(refusal(format!(
            "the voice is longer than {MAX_LENGTH} bytes"
        )));
    }
    if catalog.voice(voice).is_none()
        && let Some(counterpart) = openai_names::kokoro_voice(voice)
    {
        return alias(voice, counterpart, choice, catalog).map(single);
    }
    mix(&parse_voice(voice)?, choice, catalog)
}

fn single(voice: &VoiceEntry) -> ResolvedVoice {
    ResolvedVoice {
        name: voice.name.clone(),
        engine: voice.engine.clone(),
        model: voice.model.clone(),
    }
}

fn default_voice<'a>(choice: &Choice, catalog: &'a Catalog) -> Result<&'a VoiceEntry, Failure> {
    let engine = choice
        .engine
        .clone()
        .or_else(|| catalog.engines(ModelTask::Speech).first().cloned())
        .ok_or_else(|| {
            Failure::of_field(
                ErrorCode::UnknownEngine,
                "engine",
                "this server has no engine that speaks",
            )
        })?;
    let installed = |voice: &&VoiceEntry| catalog.model(&voice.model).is_some_and(|m| m.installed);
    let mut offered = catalog
        .voices
        .iter()
        .filter(|voice| voice.engine == engine && choice.allows(voice));
    offered
        .clone()
        .find(installed)
        .or_else(|| offered.next())
        .ok_or_else(|| refusal(format!("the engine '{engine}' has no voice")))
}

/// One of OpenAI's names: its counterpart on Kokoro, the default voice on any other engine.
fn alias<'a>(
    name: &str,
    counterpart: &str,
    choice: &Choice,
    catalog: &'a Catalog,
) -> Result<&'a VoiceEntry, Failure> {
    let default = default_voice(choice, catalog)?;
    if default.engine.as_str() != KOKORO {
        return Ok(default);
    }
    catalog
        .voice(counterpart)
        .filter(|voice| choice.allows(voice))
        .ok_or_else(|| {
            refusal(format!(
                "'{name}' stands for the voice '{counterpart}', which this server does not have"
            ))
        })
}

fn mix(parts: &[VoicePart], choice: &Choice, catalog: &Catalog) -> Result<ResolvedVoice, Failure> {
    if parts.len() > MAX_PARTS {
        return Err(refusal(format!(
            "a mix has at most {MAX_PARTS} voices, not {}",
            parts.len()
        )));
    }
    let voices = parts
        .iter()
        .map(|part| find(&part.name, choice, catalog))
        .collect::<Result<Vec<_>, _>>()?;
    let (Some(first), rest) = (voices.first(), voices.get(1..).unwrap_or_default()) else {
        return Err(refusal("the voice is empty".to_owned()));
    };
    for voice in rest {
        mixable(first, voice)?;
    }
    Ok(ResolvedVoice {
        name: canonical(parts)?,
        ..single(first)
    })
}

fn find<'a>(name: &str, choice: &Choice, catalog: &'a Catalog) -> Result<&'a VoiceEntry, Failure> {
    let mut named = catalog.voices.iter().filter(|voice| voice.name == name);
    let Some(first) = named.clone().next() else {
        return Err(refusal(format!(
            "there is no voice '{name}'; GET /v1/voices lists them"
        )));
    };
    named.find(|voice| choice.allows(voice)).ok_or_else(|| {
        let wanted = match (&choice.model, &choice.engine) {
            (Some(model), _) => format!("the model '{model}'"),
            (None, Some(engine)) => format!("the engine '{engine}'"),
            (None, None) => "another engine".to_owned(),
        };
        refusal(format!(
            "the voice '{name}' belongs to the engine '{}' (model '{}'); the request asks for {wanted}",
            first.engine, first.model
        ))
    })
}

fn mixable(first: &VoiceEntry, other: &VoiceEntry) -> Result<(), Failure> {
    if first.engine != other.engine || first.model != other.model {
        return Err(refusal(format!(
            "'{}' (engine '{}') and '{}' (engine '{}') cannot be mixed: they are of different models",
            first.name, first.engine, other.name, other.engine
        )));
    }
    match [first, other].into_iter().find(|voice| !voice.mixable) {
        Some(voice) => Err(refusal(format!(
            "the voice '{}' of the engine '{}' cannot be mixed",
            voice.name, voice.engine
        ))),
        None => Ok(()),
    }
}

/// One spelling per mix, so that equal mixes have equal fingerprints: by name, the strongest part
/// weighs 1, the others their share of it.
fn canonical(parts: &[VoicePart]) -> Result<String, Failure> {
    let mut weights = BTreeMap::<&str, f32>::new();
    for part in parts {
        *weights.entry(&part.name).or_default() += part.weight;
    }
    let strongest = weights
        .values()
        .fold(0.0_f32, |most, weight| most.max(*weight));
    let mut names = Vec::new();
    for (name, weight) in weights {
        let share = (weight / strongest / SMALLEST_SHARE).round() * SMALLEST_SHARE;
        if share < SMALLEST_SHARE {
            return Err(refusal(format!(
                "the part '{name}' is less than a thousandth of the mix"
            )));
        }
        let share = format!("{share:.3}");
        match share.trim_end_matches('0').trim_end_matches('.') {
            "1" => names.push(name.to_owned()),
            share => names.push(format!("{name}({share})")),
        }
    }
    Ok(names.join("+"))
}

fn refusal(message: String) -> Failure {
    Failure::of_field(ErrorCode::UnknownVoice, "voice", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical_of(voice: &str) -> String {
        canonical(&parse_voice(voice).expect(voice)).expect(voice)
    }

    #[test]
    fn equal_mixes_are_spelled_equally() {
        for voice in [
            "af_sky+af_bella",
            "af_bella(1)+af_sky",
            "af_sky(3) + af_bella(3)",
        ] {
            assert_eq!(canonical_of(voice), "af_bella+af_sky", "{voice}");
        }
        for voice in ["b(2)+a", "a(0.1)+b(0.2)", "b+a(50)+b(99)"] {
            assert_eq!(canonical_of(voice), "a(0.5)+b", "{voice}");
        }
        assert_eq!(canonical_of("a(7)"), "a");
        assert_eq!(canonical_of("a+a"), "a");
    }

    #[test]
    fn what_is_canonical_stays_as_it_is() {
        for voice in ["a+b(0.333)", "a(0.001)+b", "a+b+c(0.25)"] {
            assert_eq!(canonical_of(voice), voice);
        }
    }

    #[test]
    fn an_inaudible_part_is_refused_rather_than_dropped() {
        let parts = parse_voice("a(100)+b(0.01)").expect("parses");
        assert_eq!(
            canonical(&parts).expect_err("too weak").code,
            ErrorCode::UnknownVoice
        );
    }
}
