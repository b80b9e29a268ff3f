//! Where the parts lie that an engine loader asks for.

use std::path::PathBuf;

use voicefleet_core::EngineId;

use crate::{added_voices, manifest::ModelFacts, store::ModelStore};

/// Something that is wanted is not in the models folder.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{asset}' is not installed ({missing}): run `voicefleet models pull {asset}`")]
pub struct NotInstalled {
    /// The asset.
    pub asset: String,
    /// What is missing of it.
    pub missing: String,
}

/// A Piper voice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PiperFiles {
    /// The voice's name, e.g. `en_US-joe-medium`.
    pub voice: String,
    /// The network, ONNX.
    pub model: PathBuf,
    /// Its settings and phoneme table, JSON.
    pub config: PathBuf,
}

/// Kokoro and its voices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KokoroFiles {
    /// The network, ONNX.
    pub model: PathBuf,
    /// Phoneme to token id, JSON.
    pub vocabulary: PathBuf,
    /// The folder with one `<voice>.bin` per voice: 510 x 256 little-endian f32.
    pub voices: PathBuf,
}

/// A Whisper model and the voice activity detector that goes before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WhisperFiles {
    /// The weights: a ggml file, or `model.bin` in CTranslate2's folder of a model.
    pub model: PathBuf,
    /// Silero's voice activity detector, ggml.
    pub vad: PathBuf,
    /// The CTranslate2 library, where it is installed.
    pub ctranslate2: Option<PathBuf>,
}

impl ModelStore {
    /// The files of a Piper model, by its name in the catalogue (`piper-<voice>`).
    ///
    /// # Errors
    /// [`NotInstalled`] if it is not there, also for names of other engines' models.
    pub fn piper(&self, model: &str) -> Result<PiperFiles, NotInstalled> {
        if self.manifest().asset(model).is_some() {
            self.require(model)?;
        }
        let files = added_voices::voice_of_model(model)
            .map(|voice| added_voices::files_of(self.dir(), voice))
            .filter(|files| files.model.is_file() && files.config.is_file());
        files.ok_or_else(|| NotInstalled {
            asset: model.to_owned(),
            missing: "there is no such Piper voice".to_owned(),
        })
    }

    /// Kokoro's files.
    ///
    /// # Errors
    /// [`NotInstalled`] if one is not there.
    pub fn kokoro(&self) -> Result<KokoroFiles, NotInstalled> {
        self.require("kokoro-82m")?;
        Ok(KokoroFiles {
            model: self.path("kokoro/kokoro-v1.0.int8.onnx"),
            vocabulary: self.path("kokoro/vocab.json"),
            voices: self.path("kokoro/voices"),
        })
    }

    /// The files of a Whisper model, by its name in the catalogue (`whisper-base`).
    ///
    /// # Errors
    /// [`NotInstalled`] if it or the voice activity detector is not there, also for names of other
    /// engines' models.
    pub fn whisper(&self, model: &str) -> Result<WhisperFiles, NotInstalled> {
        let runs_it = |facts: &&ModelFacts| facts.engine == EngineId::new("whisper");
        let facts = self
            .manifest()
            .asset(model)
            .and_then(|asset| asset.model.as_ref());
        let facts = facts.filter(runs_it).ok_or_else(|| NotInstalled {
            asset: model.to_owned(),
            missing: "there is no such Whisper model".to_owned(),
        })?;
        self.require(model)?;
        Ok(WhisperFiles {
            model: self.path(&facts.weights),
            vad: self.vad()?,
            ctranslate2: self.ctranslate2().ok(),
        })
    }

    /// Silero's voice activity detector for whisper.cpp.
    ///
    /// # Errors
    /// [`NotInstalled`] if it is not there.
    pub fn vad(&self) -> Result<PathBuf, NotInstalled> {
        self.require("vad")?;
        Ok(self.path("vad/ggml-silero-v6.2.0.bin"))
    }

    /// The ONNX Runtime library.
    ///
    /// # Errors
    /// [`NotInstalled`] if it is not there.
    pub fn onnxruntime(&self) -> Result<PathBuf, NotInstalled> {
        self.require("onnxruntime")?;
        Ok(self.path("onnxruntime/libonnxruntime.so"))
    }

    /// The ONNX Runtime library that knows CUDA. It computes on the CPU as well: a process has one library.
    ///
    /// # Errors
    /// [`NotInstalled`] if it is not there.
    pub fn onnxruntime_cuda(&self) -> Result<PathBuf, NotInstalled> {
        self.require("onnxruntime-cuda")?;
        Ok(self.path("onnxruntime-cuda/libonnxruntime.so"))
    }

    /// The CTranslate2 library.
    ///
    /// # Errors
    /// [`NotInstalled`] if it is not there.
    pub fn ctranslate2(&self) -> Result<PathBuf, NotInstalled> {
        self.require("ctranslate2")?;
        Ok(self.path("ctranslate2/libctranslate2.so"))
    }

    /// The weights of every Whisper model of the manifest that this machine can run, by its name in the catalogue,
    /// installed or not.
    pub fn whisper_weights(&self) -> impl Iterator<Item = (&str, PathBuf)> + '_ {
        let whisper = EngineId::new("whisper");
        let here =
            (self.manifest().assets().iter()).filter(|asset| self.manifest().runs_here(asset));
        here.filter_map(move |asset| {
            let facts = asset.model.as_ref()?;
            let weights = (facts.engine == whisper).then(|| self.path(&facts.weights))?;
            Some((asset.name.as_str(), weights))
        })
    }

    /// espeak-ng's data folder (the one with `phontab` in it).
    ///
    /// # Errors
    /// [`NotInstalled`] if a file of the default languages is not there.
    pub fn espeak_data(&self) -> Result<PathBuf, NotInstalled> {
        self.require("espeak-ng-data")?;
        Ok(self.path("espeak-ng-data"))
    }

    /// A spoken sample: 11 s of English, WAV, 16 kHz.
    ///
    /// # Errors
    /// [`NotInstalled`] if it is not there.
    pub fn speech_sample(&self) -> Result<PathBuf, NotInstalled> {
        self.require("speech-samples")?;
        Ok(self.path("speech/jfk.wav"))
    }

    fn require(&self, asset: &str) -> Result<(), NotInstalled> {
        let refuse = |missing: String| NotInstalled {
            asset: asset.to_owned(),
            missing,
        };
        let Some(known) = self.manifest().asset(asset) else {
            return Err(refuse("the manifest does not know it".to_owned()));
        };
        if known.files.is_empty() {
            return Err(refuse("there is none for this machine".to_owned()));
        }
        match known.files.iter().find(|file| !self.has(file)) {
            None => Ok(()),
            Some(file) => Err(refuse(format!("{}: {}", file.path, self.check_size(file)))),
        }
    }
}
