//! Whisper weights as `CTranslate2` packs them (float16) to whisper.cpp's ggml files.
//!
//! Nothing is lost or re-trained: the numbers are those of OpenAI's checkpoints, in another order and
//! under other names, and the results equal the files that whisper.cpp's authors publish, byte for byte.
//! Read [`whisper_to_ggml`] top-down; memory stays small because tensors are streamed.

mod ct2;
mod ggml;
mod plan;
mod quantise;
mod vocabulary;

use std::{fs::File, io, io::Write, path::Path};

use npyz::NpyFile;
use serde::Deserialize;

use ct2::Ct2Model;

/// The precision of a ggml file's matrices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
pub enum WeightFormat {
    /// 16-bit floats, as trained.
    #[serde(rename = "f16")]
    F16,
    /// Blocks of 32 8-bit integers with a scale.
    #[serde(rename = "q8_0")]
    Q8_0,
    /// Blocks of 32 5-bit integers with a scale and a minimum.
    #[serde(rename = "q5_1")]
    Q5_1,
}

/// The files that a conversion reads.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// `CTranslate2`'s `model.bin`.
    pub weights: &'a Path,
    /// OpenAI's `mel_filters.npz`.
    pub mel: &'a Path,
    /// OpenAI's `gpt2.tiktoken` for English-only models, `multilingual.tiktoken` for the others.
    pub vocabulary: &'a Path,
}

/// Why a conversion failed.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// A file could not be read, or the result not written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// An input is not what it should be.
    #[error("{0}")]
    Format(String),
}

impl ConvertError {
    fn format(why: impl Into<String>) -> Self {
        Self::Format(why.into())
    }
}

/// Writes the ggml file for `inputs` to `out`. Blocks: a second or two per model.
///
/// # Errors
/// [`ConvertError`] for inputs that are no float16 Whisper model and what belongs to it.
pub fn whisper_to_ggml(
    inputs: Inputs<'_>,
    to: WeightFormat,
    out: &mut impl Write,
) -> Result<(), ConvertError> {
    let mut model = Ct2Model::open(inputs.weights)?;
    let shape = plan::ModelShape::of(&mut model)?;
    ggml::write_header(out, &shape, to)?;
    ggml::write_mel_filters(out, &read_mel_filters(inputs.mel, shape.mels)?)?;
    ggml::write_vocabulary(
        out,
        &vocabulary::read(inputs.vocabulary, shape.is_multilingual())?,
    )?;
    for tensor in plan::tensors(&mut model, &shape)? {
        ggml::write_tensor(out, &mut model, &tensor, to)?;
    }
    Ok(())
}

/// A mel filter bank: `mels` rows of `bins` weights.
struct MelFilters {
    mels: usize,
    bins: usize,
    weights: Vec<f32>,
}

fn read_mel_filters(path: &Path, mels: usize) -> Result<MelFilters, ConvertError> {
    let refuse = |why: &dyn std::fmt::Display| {
        ConvertError::format(format!("{}: mel_{mels}: {why}", path.display()))
    };
    let mut archive = zip::ZipArchive::new(File::open(path)?).map_err(|error| refuse(&error))?;
    let array = archive
        .by_name(&format!("mel_{mels}.npy"))
        .map_err(|error| refuse(&error))?;
    let array = NpyFile::new(array)?;
    let shape = array.shape().to_vec();
    let weights: Vec<f32> = array.into_vec()?;
    match *shape {
        [rows, bins] if rows == mels as u64 && bins > 0 => Ok(MelFilters {
            mels,
            bins: weights.len() / mels,
            // The array holds negative zeros where the published files have positive ones.
            weights: weights.into_iter().map(|weight| weight + 0.0).collect(),
        }),
        _ => Err(refuse(&format!("its shape is {shape:?}"))),
    }
}
