//! A Whisper model in memory.

use std::{path::Path, thread};

use ct2rs::sys::{self, ComputeType, Config, StorageView, WhisperOptions};

use crate::{
    Alignment, Ct2Error, Device, Features, Generated, Generation, library, load_library,
    weights::{self, Rounded},
};

/// Width of the median filter over the attention before an alignment, positions; OpenAI's reference uses the same.
const MEDIAN_FILTER: i64 = 7;

/// The latest first time mark, steps of 20 ms: speech begins in the first second of a pass (OpenAI's reference).
const LATEST_FIRST_MARK: usize = 50;

/// A model that several calls can use at a time.
pub struct WhisperModel {
    model: sys::Whisper,
}

/// What the encoder made of audio, or audio that it is yet to hear.
pub struct Encoded<'a> {
    view: StorageView<'a>,
}

impl<'a> Encoded<'a> {
    /// Spectrograms that every computation encodes for itself. What the encoder has made cannot be taken apart into rows or
    /// put together from them; these can.
    ///
    /// # Errors
    /// [`Ct2Error::Computation`] if there are not as many values as there should be.
    pub fn by_each(features: &'a mut Features) -> Result<Self, Ct2Error> {
        let shape = [features.rows, features.bands, features.frames];
        if features.values.len() != shape.iter().product::<usize>() {
            return Err(Ct2Error::Computation(format!(
                "there are {} values, not {shape:?}",
                features.values.len()
            )));
        }
        let view = StorageView::new(&shape, &mut features.values, sys::Device::CPU);
        Ok(Self {
            view: view.map_err(failed)?,
        })
    }
}

/// Whether models can be opened on `device`.
///
/// # Errors
/// [`Ct2Error::LibraryNotLoaded`], [`Ct2Error::NoSuchGpu`] and [`Ct2Error::NoCudaLibrary`].
pub fn check_device(device: Device) -> Result<(), Ct2Error> {
    library::require()?;
    let Device::Cuda(index) = device else {
        return Ok(());
    };
    let count = sys::get_device_count(sys::Device::CUDA);
    if i32::from(index) >= count {
        return Err(Ct2Error::NoSuchGpu { index, count });
    }
    library::require_cublas()
}

impl WhisperModel {
    /// Opens the model in the folder `dir` (`model.bin`, `config.json`, `vocabulary.*`) with the library `library`, which is
    /// loaded for the whole process, for `lanes` calls at a time, one thread each; on a GPU the calls take turns.
    ///
    /// # Errors
    /// Those of [`load_library`] and [`check_device`], and [`Ct2Error::Model`] with what CTranslate2 says.
    pub fn open(
        library: &Path,
        dir: &Path,
        device: Device,
        lanes: usize,
    ) -> Result<Self, Ct2Error> {
        let how = configuration(device, lanes);
        // The library takes a while, and the weights need none of it.
        let (loaded, rounded) = thread::scope(|scope| {
            let rounded = scope.spawn(|| match device {
                Device::Cpu => weights::rounded(dir),
                Device::Cuda(_) => None,
            });
            let loaded = load_library(library).and_then(|()| check_device(device));
            (loaded, rounded.join())
        });
        loaded?;
        let rounded = rounded.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let model = match rounded {
            Some(Rounded::Kept(kept)) => open_published(kept.folder(), how).or_else(|error| {
                // Somebody may have removed it meanwhile.
                tracing::warn!(folder = %kept.folder().display(), error, "kept weights cannot be opened");
                open_published(dir, configuration(device, lanes))
            }),
            Some(Rounded::Made(rounded)) => open_rounded(dir, rounded, how),
            None => open_published(dir, how),
        };
        let model = model.map_err(|reason| Ct2Error::Model {
            path: dir.to_owned(),
            reason,
        })?;
        Ok(Self { model })
    }

    /// Whether it knows other languages than English.
    pub fn is_multilingual(&self) -> bool {
        self.model.is_multilingual()
    }

    /// Mel bands of its spectrograms.
    pub fn bands(&self) -> usize {
        self.model.n_mels()
    }

    /// Runs the encoder.
    ///
    /// # Errors
    /// [`Ct2Error::Computation`], also where the features are not what the model takes.
    pub fn encode(&self, mut features: Features) -> Result<Encoded<'static>, Ct2Error> {
        let heard = Encoded::by_each(&mut features)?;
        let view = self.model.encode(&heard.view, false);
        Ok(Encoded {
            view: view.map_err(failed)?,
        })
    }

    /// The probability of every language that the model knows, as (token such as `<|en|>`, probability), for each row.
    ///
    /// # Errors
    /// [`Ct2Error::Computation`].
    pub fn languages(&self, encoded: &Encoded<'_>) -> Result<Vec<Vec<(String, f32)>>, Ct2Error> {
        let rows = self.model.detect_language(&encoded.view).map_err(failed)?;
        let pairs = |row: Vec<sys::DetectionResult>| {
            let pairs = row.into_iter();
            pairs
                .map(|found| (found.language, found.probability))
                .collect()
        };
        Ok(rows.into_iter().map(pairs).collect())
    }

    /// Writes down each row after its prompt. Time marks are written unless the prompt ends with `<|notimestamps|>`.
    ///
    /// # Errors
    /// [`Ct2Error::Computation`].
    pub fn generate(
        &self,
        encoded: &Encoded<'_>,
        prompts: &[Vec<String>],
        how: &Generation,
    ) -> Result<Vec<Generated>, Ct2Error> {
        let drawn = how.temperature > 0.0;
        let options = WhisperOptions {
            beam_size: if drawn { 1 } else { how.beam_size },
            num_hypotheses: if drawn { how.candidates } else { 1 },
            // 0 draws from all tokens, 1 takes the best one.
            sampling_topk: usize::from(!drawn),
            sampling_temperature: if drawn { how.temperature } else { 1.0 },
            max_length: how.max_length,
            max_initial_timestamp_index: LATEST_FIRST_MARK,
            return_scores: true,
            return_no_speech_prob: true,
            ..WhisperOptions::default()
        };
        let rows = self
            .model
            .generate(&encoded.view, prompts, &options)
            .map_err(failed)?;
        Ok(rows.into_iter().map(best).collect())
    }

    /// When the tokens of each row's text were said. `start` are the ids of the tokens that every text begins with, `frames`
    /// how many frames of 10 ms of each row are audio.
    ///
    /// # Errors
    /// [`Ct2Error::Computation`].
    pub fn align(
        &self,
        encoded: &Encoded<'_>,
        start: &[usize],
        texts: &[Vec<usize>],
        frames: &[usize],
    ) -> Result<Vec<Alignment>, Ct2Error> {
        let rows = self
            .model
            .align(&encoded.view, start, texts, frames, MEDIAN_FILTER)
            .map_err(failed)?;
        let index = |number: i64| usize::try_from(number).unwrap_or_default();
        let alignment = |row: sys::WhisperAlignmentResult| Alignment {
            path: (row.alignments.iter())
                .map(|step| (index(step.token_x), index(step.frame_x)))
                .collect(),
            probabilities: row.text_token_probs,
        };
        Ok(rows.into_iter().map(alignment).collect())
    }
}

/// The model in `dir` as it lies there.
fn open_published(dir: &Path, how: Config) -> Result<sys::Whisper, String> {
    sys::Whisper::new(dir, how).map_err(|error| error.to_string())
}

/// The model in `dir` with the weights `rounded`.
fn open_rounded(dir: &Path, rounded: Vec<u8>, how: Config) -> Result<sys::Whisper, String> {
    let mut files = weights::files_with(dir, rounded).map_err(|error| error.to_string())?;
    sys::Whisper::new_from_memory(&mut files, how).map_err(|error| error.to_string())
}

fn configuration(device: Device, lanes: usize) -> Config {
    let common = Config {
        num_threads_per_replica: 1,
        ..Config::default()
    };
    match device {
        Device::Cpu => Config {
            compute_type: ComputeType::INT8,
            device_indices: vec![0; lanes.max(1)],
            ..common
        },
        Device::Cuda(index) => Config {
            device: sys::Device::CUDA,
            compute_type: ComputeType::INT8_FLOAT16,
            device_indices: vec![i32::from(index)],
            ..common
        },
    }
}

/// The most probable of the texts of a row.
fn best(row: sys::WhisperGenerationResult) -> Generated {
    let texts = row.sequences_ids.into_iter().zip(row.scores);
    let best = texts.max_by(|(_, a), (_, b)| a.total_cmp(b));
    let (tokens, score) = best.unwrap_or_default();
    Generated {
        tokens,
        score,
        no_speech: row.no_speech_prob,
    }
}

fn failed(error: impl std::fmt::Display) -> Ct2Error {
    Ct2Error::Computation(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use voicefleet_testkit::model_file;

    use super::*;

    /// What a model writes down of a noise, and how sure it is.
    fn heard(model: sys::Whisper) -> Vec<Generated> {
        let noise = (0..80 * 1_000_u32).map(|n| f32::from((n * 7_919 % 977) as u16) / 488.0 - 1.0);
        let features = Features {
            rows: 1,
            bands: 80,
            frames: 1_000,
            values: noise.collect(),
        };
        let model = WhisperModel { model };
        let encoded = model.encode(features).unwrap();
        let how = Generation {
            beam_size: 5,
            temperature: 0.0,
            candidates: 1,
            max_length: 40,
        };
        let prompt = [vec!["<|startoftranscript|>".to_owned()]];
        model.generate(&encoded, &prompt, &how).unwrap()
    }

    #[test]
    fn weights_rounded_here_are_the_ones_that_ctranslate2_rounds() {
        load_library(&model_file("ctranslate2/libctranslate2.so")).unwrap();
        let dir = model_file("ct2/tiny.en");
        let how = || configuration(Device::Cpu, 1);
        let published = sys::Whisper::new(&dir, how()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        for file in fs::read_dir(&dir).unwrap() {
            let file = file.unwrap();
            if file.file_type().unwrap().is_file() {
                fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
            }
        }
        let expected = heard(published);
        let Some(Rounded::Made(made)) = weights::rounded(folder.path()) else {
            panic!("it is of 16 bits, and nothing is kept yet");
        };
        let made = open_rounded(folder.path(), made, how()).unwrap();
        assert_eq!(heard(made), expected);
        let Some(Rounded::Kept(kept)) = weights::rounded(folder.path()) else {
            panic!("it is kept");
        };
        let found = sys::Whisper::new(kept.folder(), how()).unwrap();
        assert_eq!(heard(found), expected);
        let vocabulary = folder.path().join("vocabulary.txt");
        let words = fs::read_to_string(&vocabulary).unwrap();
        fs::write(&vocabulary, words.clone() + "more\n").unwrap();
        let again = weights::rounded(folder.path());
        assert!(matches!(again, Some(Rounded::Made(_))), "of other words");
        fs::write(&vocabulary, words).unwrap();
        for file in ["vocabulary.txt", "model.bin"] {
            let is_whole = matches!(weights::rounded(folder.path()), Some(Rounded::Kept(_)));
            assert!(is_whole, "made anew");
            fs::write(kept.folder().join(file), "broken").unwrap();
            let again = weights::rounded(folder.path());
            assert!(matches!(again, Some(Rounded::Made(_))), "{file} is broken");
        }
        // Not one of the model's files.
        fs::create_dir(folder.path().join("vocabulary.old")).unwrap();
        let again = weights::rounded(folder.path());
        assert!(matches!(again, Some(Rounded::Kept(_))), "the same model");
    }
}
