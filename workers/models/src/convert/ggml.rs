//! Writing whisper.cpp's ggml files (the format that its `whisper_model_load` reads): header, mel
//! filters, vocabulary, tensors; all numbers little-endian, dimensions fastest first.

use std::io::Write;

use super::{
    ConvertError, MelFilters, WeightFormat,
    ct2::Ct2Model,
    plan::{ModelShape, Tensor},
    quantise::{self, BLOCK},
};

/// "ggml" as whisper.cpp spells it.
const MAGIC: i32 = 0x6767_6d6c;
/// Values that are read, converted and written at a time; a multiple of [`BLOCK`].
const CHUNK: usize = BLOCK << 10;

/// ggml's numbers for the types of a tensor's values (`enum ggml_type`).
mod tensor_type {
    pub(super) const F32: i32 = 0;
    pub(super) const F16: i32 = 1;
    pub(super) const Q5_1: i32 = 7;
    pub(super) const Q8_0: i32 = 8;
}

impl WeightFormat {
    /// The header's `ftype`: 1000 times the version of the quantised formats, plus `enum ggml_ftype`.
    /// The versions are those that the published files carry.
    fn file_type(self) -> i32 {
        match self {
            Self::F16 => 1,
            Self::Q8_0 => 2007,
            Self::Q5_1 => 1009,
        }
    }
}

pub(super) fn write_header(
    out: &mut impl Write,
    shape: &ModelShape,
    to: WeightFormat,
) -> Result<(), ConvertError> {
    let fields = [
        MAGIC,
        int(shape.tokens)?,
        int(shape.audio_context)?,
        int(shape.state)?,
        shape.audio_heads,
        int(shape.audio_layers)?,
        int(shape.text_context)?,
        int(shape.state)?,
        shape.text_heads,
        int(shape.text_layers)?,
        int(shape.mels)?,
        to.file_type(),
    ];
    write_ints(out, &fields)
}

pub(super) fn write_mel_filters(
    out: &mut impl Write,
    filters: &MelFilters,
) -> Result<(), ConvertError> {
    write_ints(out, &[int(filters.mels)?, int(filters.bins)?])?;
    for weight in &filters.weights {
        out.write_all(&weight.to_le_bytes())?;
    }
    Ok(())
}

pub(super) fn write_vocabulary(
    out: &mut impl Write,
    tokens: &[Vec<u8>],
) -> Result<(), ConvertError> {
    write_ints(out, &[int(tokens.len())?])?;
    for token in tokens {
        write_ints(out, &[int(token.len())?])?;
        out.write_all(token)?;
    }
    Ok(())
}

pub(super) fn write_tensor(
    out: &mut impl Write,
    model: &mut Ct2Model,
    tensor: &Tensor,
    to: WeightFormat,
) -> Result<(), ConvertError> {
    let dims = &tensor.rows.dims;
    let encoding = Encoding::of(tensor, to)?;
    write_ints(
        out,
        &[
            int(dims.len())?,
            int(tensor.name.len())?,
            encoding.tensor_type(),
        ],
    )?;
    for dim in dims.iter().rev() {
        write_ints(out, &[int(*dim)?])?;
    }
    out.write_all(tensor.name.as_bytes())?;
    let mut bytes = Vec::new();
    model.stream(&tensor.rows, CHUNK, |values| {
        bytes.clear();
        encoding.encode(values, &mut bytes);
        Ok(out.write_all(&bytes)?)
    })
}

/// How the values of one tensor are written.
#[derive(Clone, Copy)]
enum Encoding {
    F32,
    F16,
    Q8_0,
    Q5_1,
}

impl Encoding {
    /// Only matrices are quantised; convolutions stay float16.
    fn of(tensor: &Tensor, to: WeightFormat) -> Result<Self, ConvertError> {
        let encoding = match (tensor.full_precision, tensor.rows.dims.as_slice(), to) {
            (true, _, _) => Self::F32,
            (false, [_, _], WeightFormat::Q8_0) => Self::Q8_0,
            (false, [_, _], WeightFormat::Q5_1) => Self::Q5_1,
            (false, _, _) => Self::F16,
        };
        let in_blocks = matches!(encoding, Self::Q8_0 | Self::Q5_1);
        match tensor.rows.dims.last() {
            Some(row) if in_blocks && !row.is_multiple_of(BLOCK) => {
                Err(ConvertError::format(format!(
                    "'{}' has rows of {row}, not of blocks of {BLOCK}",
                    tensor.name
                )))
            }
            _ => Ok(encoding),
        }
    }

    fn tensor_type(self) -> i32 {
        match self {
            Self::F32 => tensor_type::F32,
            Self::F16 => tensor_type::F16,
            Self::Q8_0 => tensor_type::Q8_0,
            Self::Q5_1 => tensor_type::Q5_1,
        }
    }

    fn encode(self, values: &[half::f16], out: &mut Vec<u8>) {
        match self {
            Self::F32 => out.extend(values.iter().flat_map(|value| value.to_f32().to_le_bytes())),
            Self::F16 => out.extend(values.iter().flat_map(|value| value.to_le_bytes())),
            Self::Q8_0 => quantise::blocks(values).for_each(|block| quantise::q8_0(&block, out)),
            Self::Q5_1 => quantise::blocks(values).for_each(|block| quantise::q5_1(&block, out)),
        }
    }
}

fn write_ints(out: &mut impl Write, values: &[i32]) -> Result<(), ConvertError> {
    for value in values {
        out.write_all(&value.to_le_bytes())?;
    }
    Ok(())
}

fn int(value: usize) -> Result<i32, ConvertError> {
    i32::try_from(value).map_err(|_| ConvertError::format(format!("{value} is too large")))
}
