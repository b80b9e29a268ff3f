//! The voices: style vectors, one for each length of text, read when first used.

use std::{
    collections::{BTreeSet, VecDeque},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use voicefleet_core::{
    ErrorCode, Failure,
    catalog::{VoicePart, parse_voice},
    ports::EngineError,
};

/// Rows of a voice file: one style for each number of tokens up to this.
pub(crate) const ROWS: usize = 510;
/// Numbers in one style.
pub(crate) const STYLE: usize = 256;
/// Voices kept in memory, half a MiB each; 54 exist.
const KEPT: usize = 16;
/// Voices in one mix. More than a few are an average voice, and each costs a file.
const MIXED: usize = 8;

/// The folder of voices, and those in memory.
#[derive(Debug)]
pub(crate) struct Voices {
    folder: PathBuf,
    names: BTreeSet<String>,
    /// Most recently used last.
    kept: Mutex<VecDeque<(String, Arc<[f32]>)>>,
}

impl Voices {
    /// Lists the voices in `folder`: files `NAME.bin`. Reads none of them.
    pub(crate) fn list(folder: &Path) -> Result<Self, EngineError> {
        let unusable = |reason: &dyn std::fmt::Display| {
            EngineError::Load(format!("the voices folder {}: {reason}", folder.display()))
        };
        let mut names = BTreeSet::new();
        for entry in std::fs::read_dir(folder).map_err(|error| unusable(&error))? {
            let path = entry.map_err(|error| unusable(&error))?.path();
            let name = path.file_stem().and_then(|name| name.to_str());
            if let (Some(name), Some("bin")) = (name, path.extension().and_then(|end| end.to_str()))
            {
                names.insert(name.to_owned());
            }
        }
        if names.is_empty() {
            return Err(unusable(&"it holds no voice (.bin)"));
        }
        Ok(Self {
            folder: folder.to_owned(),
            names,
            kept: Mutex::default(),
        })
    }

    /// Reads a request's voice: the parts of the mix, all known, with weights that sum to 1.
    pub(crate) fn resolve(&self, voice: &str) -> Result<Vec<VoicePart>, EngineError> {
        let refuse = |message: String| {
            EngineError::Refused(Failure::of_field(ErrorCode::UnknownVoice, "voice", message))
        };
        let mut parts = parse_voice(voice).map_err(EngineError::Refused)?;
        if let Some(unknown) = parts.iter().find(|part| !self.names.contains(&part.name)) {
            return Err(refuse(format!(
                "there is no Kokoro voice '{}'",
                unknown.name
            )));
        }
        if parts.len() > MIXED {
            return Err(refuse(format!(
                "{} voices in one mix; at most {MIXED} can be mixed",
                parts.len()
            )));
        }
        let sum: f32 = parts.iter().map(|part| part.weight).sum();
        for part in &mut parts {
            part.weight /= sum;
        }
        Ok(parts)
    }

    /// The style of a mix for a text of `tokens` tokens (at least 1, at most [`ROWS`]).
    pub(crate) fn style(&self, mix: &[VoicePart], tokens: usize) -> Result<Vec<f32>, EngineError> {
        // Row n - 1 is what upstream takes for n tokens.
        let row = tokens.clamp(1, ROWS) - 1;
        let mut style = vec![0.0; STYLE];
        for part in mix {
            let voice = self.voice(&part.name)?;
            for (sum, value) in style.iter_mut().zip(&voice[row * STYLE..][..STYLE]) {
                *sum += part.weight * value;
            }
        }
        Ok(style)
    }

    fn voice(&self, name: &str) -> Result<Arc<[f32]>, EngineError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = kept.iter().position(|(known, _)| known == name)
            && let Some(found) = kept.remove(at)
        {
            let styles = Arc::clone(&found.1);
            kept.push_back(found);
            return Ok(styles);
        }
        let styles = self.read(name)?;
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back((name.to_owned(), Arc::clone(&styles)));
        Ok(styles)
    }

    /// Reads `NAME.bin`: [`ROWS`] x 1 x [`STYLE`] little-endian 32-bit floats.
    fn read(&self, name: &str) -> Result<Arc<[f32]>, EngineError> {
        let path = self.folder.join(format!("{name}.bin"));
        let unusable = |reason: String| {
            EngineError::Load(format!("the voice file {}: {reason}", path.display()))
        };
        let bytes = std::fs::read(&path).map_err(|error| unusable(error.to_string()))?;
        let (numbers, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() || numbers.len() != ROWS * STYLE {
            let wanted = ROWS * STYLE * 4;
            return Err(unusable(format!(
                "it has {} bytes instead of {wanted}",
                bytes.len()
            )));
        }
        Ok(numbers
            .iter()
            .map(|number| f32::from_le_bytes(*number))
            .collect())
    }
}
