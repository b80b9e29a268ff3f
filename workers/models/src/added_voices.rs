//! Piper voices: those of the manifest, and those that somebody has put into `piper/<voice>/`.

use std::{fs, path::Path};

use serde::Deserialize;

use crate::locations::PiperFiles;

/// A voice that is in the folder and not in the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AddedVoice {
    /// Folder name, file name and voice name in one.
    pub(crate) name: String,
    /// BCP 47 tag.
    pub(crate) language: String,
    /// Where it is.
    pub(crate) files: PiperFiles,
}

/// The part of a Piper voice's configuration that the catalogue needs.
#[derive(Deserialize)]
struct Config {
    language: Option<Language>,
    espeak: Option<Espeak>,
}

#[derive(Deserialize)]
struct Language {
    code: String,
}

#[derive(Deserialize)]
struct Espeak {
    voice: String,
}

/// The model name of a voice.
pub(crate) fn model_of_voice(voice: &str) -> String {
    format!("piper-{voice}")
}

/// The voice of a model name; `None` if it is not the name of a Piper model.
pub(crate) fn voice_of_model(model: &str) -> Option<&str> {
    let voice = model.strip_prefix("piper-")?;
    let is_name = !voice.is_empty() && !voice.starts_with('.') && !voice.contains(['/', '\\']);
    is_name.then_some(voice)
}

/// Where the files of a voice lie.
pub(crate) fn files_of(dir: &Path, voice: &str) -> PiperFiles {
    let folder = dir.join("piper").join(voice);
    PiperFiles {
        voice: voice.to_owned(),
        model: folder.join(format!("{voice}.onnx")),
        config: folder.join(format!("{voice}.onnx.json")),
    }
}

/// The voices in `piper/` that `known` does not hold, by name. A voice that cannot be used is logged
/// with the reason and left out.
pub(crate) fn find(dir: &Path, known: impl Fn(&str) -> bool) -> Vec<AddedVoice> {
    let Ok(folders) = fs::read_dir(dir.join("piper")) else {
        return Vec::new();
    };
    let mut voices = Vec::new();
    for folder in folders.flatten().filter(|entry| entry.path().is_dir()) {
        let Ok(name) = folder.file_name().into_string() else {
            continue;
        };
        if known(&name) || voice_of_model(&model_of_voice(&name)).is_none() {
            continue;
        }
        match read_voice(dir, &name) {
            Ok(voice) => voices.push(voice),
            Err(why) => tracing::warn!(voice = name, why, "this Piper voice cannot be used"),
        }
    }
    voices.sort_by(|a, b| a.name.cmp(&b.name));
    voices
}

fn read_voice(dir: &Path, name: &str) -> Result<AddedVoice, String> {
    let files = files_of(dir, name);
    if !files.model.is_file() {
        return Err(format!("{} is missing", files.model.display()));
    }
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", files.config.display());
    let text = fs::read(&files.config).map_err(|error| named(&error))?;
    let config: Config = serde_json::from_slice(&text).map_err(|error| named(&error))?;
    let code = (config.language.map(|language| language.code))
        .or(config.espeak.map(|espeak| espeak.voice))
        .ok_or_else(|| named(&"it names no language"))?;
    Ok(AddedVoice {
        name: name.to_owned(),
        language: code.replace('_', "-"),
        files,
    })
}
