//! A voice's `.onnx.json`, as far as synthesis needs it.

use std::{
    collections::HashMap,
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::ids::PhonemeIds;

/// What the configuration of a voice says, checked.
#[derive(Debug)]
pub(crate) struct VoiceConfig {
    /// Samples per second of the audio (Hz).
    pub(crate) sample_rate: u32,
    /// The espeak-ng voice whose phonemes the model was trained on.
    pub(crate) espeak_voice: String,
    /// Ids of the phonemes.
    pub(crate) ids: PhonemeIds,
    /// The voice's own scales.
    pub(crate) inference: Inference,
    /// Who can speak.
    pub(crate) speakers: Speakers,
}

/// How freely and how fast the voice speaks; defaults as in piper-tts.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Inference {
    /// Standard deviation of the noise that the audio is made from.
    pub(crate) noise_scale: f32,
    /// Duration of every phoneme, relative to the one learnt.
    pub(crate) length_scale: f32,
    /// Standard deviation of the noise in the durations.
    pub(crate) noise_w: f32,
}

impl Default for Inference {
    fn default() -> Self {
        Self {
            noise_scale: 0.667,
            length_scale: 1.0,
            noise_w: 0.8,
        }
    }
}

/// The speakers of a model.
#[derive(Debug)]
pub(crate) enum Speakers {
    /// One; the model takes no speaker id.
    One,
    /// Several, by id from 0; some have names.
    Several {
        /// How many.
        count: i64,
        /// Who speaks when nobody is named.
        default: i64,
        /// Ids by name.
        names: HashMap<String, i64>,
    },
}

/// The model has no speaker of that name or number.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoSuchSpeaker;

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("the voice configuration {} cannot be read: {source}", path.display())]
    Unreadable {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("the voice configuration {} is not valid: {source}", path.display())]
    Malformed {
        path: PathBuf,
        source: serde_json::Error,
    },
    #[error("the voice configuration {} cannot be used: {reason}", path.display())]
    Unsupported { path: PathBuf, reason: String },
}

/// The file as it is written.
#[derive(Deserialize)]
struct ConfigFile {
    audio: Audio,
    espeak: Espeak,
    #[serde(default)]
    inference: Inference,
    #[serde(default = "phonemes_of_espeak")]
    phoneme_type: String,
    phoneme_id_map: HashMap<String, Vec<i64>>,
    #[serde(default)]
    vowel_clusters: Vec<Vec<String>>,
    num_speakers: i64,
    #[serde(default)]
    default_speaker_id: i64,
    #[serde(default)]
    speaker_id_map: HashMap<String, i64>,
}

#[derive(Deserialize)]
struct Audio {
    sample_rate: u32,
}

#[derive(Deserialize)]
struct Espeak {
    voice: String,
}

const ESPEAK_PHONEMES: &str = "espeak";

fn phonemes_of_espeak() -> String {
    ESPEAK_PHONEMES.to_owned()
}

impl VoiceConfig {
    /// Reads and checks the configuration at `path`.
    pub(crate) fn read(path: &Path) -> Result<Self, ConfigError> {
        let file = File::open(path).map_err(|source| ConfigError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let file = serde_json::from_reader(BufReader::new(file)).map_err(|source| {
            ConfigError::Malformed {
                path: path.to_owned(),
                source,
            }
        })?;
        Self::check(file).map_err(|reason| ConfigError::Unsupported {
            path: path.to_owned(),
            reason,
        })
    }

    fn check(file: ConfigFile) -> Result<Self, String> {
        if file.phoneme_type != ESPEAK_PHONEMES {
            return Err(format!(
                "its phonemes are of type '{}', not 'espeak'",
                file.phoneme_type
            ));
        }
        if !file.vowel_clusters.is_empty() {
            return Err("it merges vowels (vowel_clusters)".to_owned());
        }
        if file.audio.sample_rate == 0 {
            return Err("its sample rate is 0".to_owned());
        }
        // NaN is not above 0 either.
        let length_scale = file.inference.length_scale;
        if !(length_scale > 0.0 && length_scale.is_finite()) {
            return Err(format!("its length_scale is {length_scale}"));
        }
        Ok(Self {
            sample_rate: file.audio.sample_rate,
            espeak_voice: file.espeak.voice,
            ids: PhonemeIds::new(&file.phoneme_id_map)?,
            inference: file.inference,
            speakers: match file.num_speakers {
                ..=1 => Speakers::One,
                count => Speakers::Several {
                    count,
                    default: file.default_speaker_id,
                    names: file.speaker_id_map,
                },
            },
        })
    }
}

impl Speakers {
    /// The id of `speaker` (a name, or a number from 0) or of the default speaker; `None` for a model
    /// that takes no id.
    pub(crate) fn id(&self, speaker: Option<&str>) -> Result<Option<i64>, NoSuchSpeaker> {
        match (self, speaker) {
            (Self::One, None) => Ok(None),
            (Self::One, Some(_)) => Err(NoSuchSpeaker),
            (Self::Several { default, .. }, None) => Ok(Some(*default)),
            (Self::Several { count, names, .. }, Some(speaker)) => {
                let numbered = || speaker.parse().ok().filter(|id| (0..*count).contains(id));
                let id = names.get(speaker).copied().or_else(numbered);
                id.map(Some).ok_or(NoSuchSpeaker)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str) -> Result<VoiceConfig, String> {
        VoiceConfig::check(serde_json::from_str(json).unwrap())
    }

    fn with(fields: &str) -> String {
        format!(
            r#"{{"audio": {{"sample_rate": 16000}}, "espeak": {{"voice": "de"}}, "num_speakers": 1,
                "phoneme_id_map": {{"^": [1], "_": [0], "$": [2]}} {fields}}}"#
        )
    }

    #[test]
    fn what_is_left_out_is_as_in_piper_tts() {
        let inference = check(&with("")).unwrap().inference;
        let expected = Inference {
            noise_scale: 0.667,
            length_scale: 1.0,
            noise_w: 0.8,
        };
        assert_eq!(inference, expected);
    }

    #[test]
    fn voices_that_would_be_spoken_wrongly_are_refused() {
        for (fields, reason) in [
            (r#", "phoneme_type": "pinyin""#, "pinyin"),
            (r#", "vowel_clusters": [["a", "ɪ"]]"#, "vowel_clusters"),
            (r#", "inference": {"length_scale": 0}"#, "length_scale"),
        ] {
            let error = check(&with(fields)).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn speakers_are_found_by_name_and_by_number() {
        let names = HashMap::from([("anna".to_owned(), 2)]);
        let several = Speakers::Several {
            count: 3,
            default: 1,
            names,
        };
        assert_eq!(several.id(None), Ok(Some(1)));
        assert_eq!(several.id(Some("anna")), Ok(Some(2)));
        assert_eq!(several.id(Some("0")), Ok(Some(0)));
        for stranger in ["3", "-1", "Anna", ""] {
            assert_eq!(several.id(Some(stranger)), Err(NoSuchSpeaker), "{stranger}");
        }
        assert_eq!(Speakers::One.id(None), Ok(None));
        assert_eq!(Speakers::One.id(Some("0")), Err(NoSuchSpeaker));
    }
}
