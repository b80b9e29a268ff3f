//! The models folder as the catalogue that the API shows.

use voicefleet_core::{Catalog, EngineId, ModelEntry, VoiceEntry, catalog::ModelTask};

use crate::{
    added_voices::{self, AddedVoice, model_of_voice},
    digest::DigestCache,
    manifest::{Asset, ModelFacts},
    store::ModelStore,
};

/// All models and voices: those of the manifest, installed or not, and the Piper voices that were put
/// into the folder by hand. The first model and voice of an engine are its default.
///
/// Reads the folder, and the weights of voices that it has not seen before: once per folder and change.
pub fn catalog(store: &ModelStore) -> Catalog {
    let mut catalog = Catalog::default();
    for asset in store.manifest().assets() {
        let (Some(facts), Some(digest)) = (&asset.model, asset.digest()) else {
            continue;
        };
        if !store.manifest().runs_here(asset) {
            continue;
        }
        catalog.models.push(ModelEntry {
            name: asset.name.clone(),
            engine: facts.engine.clone(),
            task: facts.task,
            digest: digest.to_owned(),
            licence: asset.licence.clone(),
            installed: store.installed(&asset.name),
            languages: facts.languages.clone(),
        });
        catalog.voices.extend(voices_of(asset, facts));
    }
    add_voices(store, &mut catalog);
    catalog
}

/// The voices of a model of the manifest.
fn voices_of(asset: &Asset, facts: &ModelFacts) -> Vec<VoiceEntry> {
    let entry = |name: &str, language: String, mixable| VoiceEntry {
        name: name.to_owned(),
        engine: facts.engine.clone(),
        model: asset.name.clone(),
        language,
        mixable,
    };
    match facts.engine.as_str() {
        "piper" => (added_voices::voice_of_model(&asset.name).into_iter())
            .map(|voice| entry(voice, language_of_piper_voice(voice), false))
            .collect(),
        "kokoro" => (asset.files.iter())
            .filter_map(|file| {
                let voice = file
                    .path
                    .strip_prefix("kokoro/voices/")?
                    .strip_suffix(".bin")?;
                Some(entry(
                    voice,
                    language_of_kokoro_voice(voice)?.to_owned(),
                    true,
                ))
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// `en_US-joe-medium` speaks `en-US`: Piper's names are `<locale>-<speaker>-<quality>`.
fn language_of_piper_voice(voice: &str) -> String {
    let locale = voice.split('-').next().unwrap_or(voice);
    locale.replace('_', "-")
}

/// Kokoro's voice names begin with a letter for the language and one for the speaker's sex.
fn language_of_kokoro_voice(voice: &str) -> Option<&'static str> {
    Some(match voice.as_bytes().first()? {
        b'a' => "en-US",
        b'b' => "en-GB",
        b'e' => "es",
        b'f' => "fr-FR",
        b'h' => "hi",
        b'i' => "it",
        b'j' => "ja",
        b'p' => "pt-BR",
        b'z' => "zh",
        _ => return None,
    })
}

/// Adds the voices that are not in the manifest, behind those that are.
fn add_voices(store: &ModelStore, catalog: &mut Catalog) {
    let known = |voice: &str| store.manifest().asset(&model_of_voice(voice)).is_some();
    let mut digests = DigestCache::open(store.dir());
    for voice in added_voices::find(store.dir(), known) {
        match digests.digest(&voice.files.model) {
            Ok(digest) => add_voice(catalog, voice, digest),
            Err(error) => {
                tracing::warn!(voice = voice.name, %error, "this Piper voice cannot be read");
            }
        }
    }
    digests.save();
}

fn add_voice(catalog: &mut Catalog, voice: AddedVoice, digest: String) {
    let engine = EngineId::new("piper");
    let language = voice.language.split('-').next().unwrap_or_default();
    catalog.models.push(ModelEntry {
        name: model_of_voice(&voice.name),
        engine: engine.clone(),
        task: ModelTask::Speech,
        digest,
        licence: "unknown (added by hand)".to_owned(),
        installed: true,
        languages: vec![language.to_owned()],
    });
    catalog.voices.push(VoiceEntry {
        model: model_of_voice(&voice.name),
        name: voice.name,
        engine,
        language: voice.language,
        mixable: false,
    });
}
