//! Which tensors a ggml file has, in which order, and where each comes from.
//!
//! Names and order are those of OpenAI's checkpoint. `CTranslate2` fuses the projections of an attention
//! (query, key, value) into one matrix, and pads in the key bias that Whisper does not have; here they
//! are taken apart again.

use super::{
    ConvertError,
    ct2::{Ct2Model, Rows},
};

/// The multilingual models have this many tokens or more; the English ones one less (whisper.cpp tells
/// them apart by it).
const MULTILINGUAL_TOKENS: usize = 51_865;

/// The figures of a model's architecture.
pub(super) struct ModelShape {
    pub(super) tokens: usize,
    pub(super) state: usize,
    pub(super) audio_context: usize,
    pub(super) audio_heads: i32,
    pub(super) audio_layers: usize,
    pub(super) text_context: usize,
    pub(super) text_heads: i32,
    pub(super) text_layers: usize,
    pub(super) mels: usize,
}

impl ModelShape {
    pub(super) fn of(model: &mut Ct2Model) -> Result<Self, ConvertError> {
        let [tokens, state] = matrix(model, "decoder/embeddings/weight")?;
        let [audio_context, _] = matrix(model, "encoder/position_encodings/encodings")?;
        let [text_context, _] = matrix(model, "decoder/position_encodings/encodings")?;
        let [_, mels, _] = dims(model, "encoder/conv1/weight")?;
        Ok(Self {
            tokens,
            state,
            audio_context,
            audio_heads: model.integer("encoder/num_heads")?,
            audio_layers: layers(model, "encoder"),
            text_context,
            text_heads: model.integer("decoder/num_heads")?,
            text_layers: layers(model, "decoder"),
            mels,
        })
    }

    pub(super) fn is_multilingual(&self) -> bool {
        self.tokens >= MULTILINGUAL_TOKENS
    }
}

fn matrix(model: &Ct2Model, name: &str) -> Result<[usize; 2], ConvertError> {
    dims(model, name)
}

fn dims<const N: usize>(model: &Ct2Model, name: &str) -> Result<[usize; N], ConvertError> {
    (model.tensor(name)?.dims.try_into())
        .map_err(|_| ConvertError::format(format!("'{name}' does not have {N} dimensions")))
}

fn layers(model: &Ct2Model, side: &str) -> usize {
    let first_norm =
        |name: &&str| name.starts_with(side) && name.ends_with("/ffn/layer_norm/gamma");
    model.names().filter(first_norm).count()
}

/// One tensor of the result.
pub(super) struct Tensor {
    /// OpenAI's name.
    pub(super) name: String,
    /// Its values.
    pub(super) rows: Rows,
    /// Kept as 32-bit floats in every format: vectors, biases and positions.
    pub(super) full_precision: bool,
}

/// All tensors, in the order of the file.
pub(super) fn tensors(
    model: &mut Ct2Model,
    shape: &ModelShape,
) -> Result<Vec<Tensor>, ConvertError> {
    let mut plan = Plan {
        model,
        tensors: Vec::new(),
    };
    let positions = "position_encodings/encodings";
    plan.positions(
        "decoder.positional_embedding",
        &format!("decoder/{positions}"),
    )?;
    plan.positions(
        "encoder.positional_embedding",
        &format!("encoder/{positions}"),
    )?;
    plan.copy(
        "decoder.token_embedding.weight",
        "decoder/embeddings/weight",
    )?;
    for layer in 0..shape.text_layers {
        plan.block("decoder", layer)?;
    }
    plan.norm("decoder.ln", "decoder/layer_norm")?;
    for convolution in ["conv1", "conv2"] {
        plan.convolution(convolution)?;
    }
    for layer in 0..shape.audio_layers {
        plan.block("encoder", layer)?;
    }
    plan.norm("encoder.ln_post", "encoder/layer_norm")?;
    Ok(plan.tensors)
}

/// The first of these of so many equal parts, along the first dimension.
type Part = (usize, usize);

struct Plan<'a> {
    model: &'a mut Ct2Model,
    tensors: Vec<Tensor>,
}

impl Plan<'_> {
    fn block(&mut self, side: &str, layer: usize) -> Result<(), ConvertError> {
        let to = |name: &str| format!("{side}.blocks.{layer}.{name}");
        let from = |name: &str| format!("{side}/layer_{layer}/{name}");
        self.norm(&to("mlp_ln"), &from("ffn/layer_norm"))?;
        self.linear(&to("mlp.0"), &from("ffn/linear_0"))?;
        self.linear(&to("mlp.2"), &from("ffn/linear_1"))?;
        self.norm(&to("attn_ln"), &from("self_attention/layer_norm"))?;
        self.self_attention(&to("attn"), &from("self_attention"))?;
        if side == "decoder" {
            self.norm(&to("cross_attn_ln"), &from("attention/layer_norm"))?;
            self.cross_attention(&to("cross_attn"), &from("attention"))?;
        }
        Ok(())
    }

    /// `linear_0` is query, key and value; `linear_1` the output.
    fn self_attention(&mut self, to: &str, from: &str) -> Result<(), ConvertError> {
        let fused = format!("{from}/linear_0");
        let [query, key, value]: [Part; 3] = [(0, 3), (1, 3), (2, 3)];
        self.linear_part(&format!("{to}.query"), &fused, query)?;
        self.key(&format!("{to}.key"), &fused, key)?;
        self.linear_part(&format!("{to}.value"), &fused, value)?;
        self.linear(&format!("{to}.out"), &format!("{from}/linear_1"))
    }

    /// `linear_0` is the query; `linear_1` key and value; `linear_2` the output.
    fn cross_attention(&mut self, to: &str, from: &str) -> Result<(), ConvertError> {
        let fused = format!("{from}/linear_1");
        self.linear(&format!("{to}.query"), &format!("{from}/linear_0"))?;
        self.key(&format!("{to}.key"), &fused, (0, 2))?;
        self.linear_part(&format!("{to}.value"), &fused, (1, 2))?;
        self.linear(&format!("{to}.out"), &format!("{from}/linear_2"))
    }

    fn norm(&mut self, to: &str, from: &str) -> Result<(), ConvertError> {
        self.copy(&format!("{to}.weight"), &format!("{from}/gamma"))?;
        self.copy(&format!("{to}.bias"), &format!("{from}/beta"))
    }

    fn linear(&mut self, to: &str, from: &str) -> Result<(), ConvertError> {
        self.linear_part(to, from, (0, 1))
    }

    fn linear_part(&mut self, to: &str, from: &str, part: Part) -> Result<(), ConvertError> {
        let weight = self.rows(&format!("{from}/weight"), part)?;
        self.push(format!("{to}.weight"), weight);
        let bias = self.rows(&format!("{from}/bias"), part)?;
        self.push(format!("{to}.bias"), bias);
        Ok(())
    }

    /// The weights alone: Whisper's keys have no bias, so what was padded in must be zeros.
    fn key(&mut self, to: &str, from: &str, part: Part) -> Result<(), ConvertError> {
        let weight = self.rows(&format!("{from}/weight"), part)?;
        self.push(format!("{to}.weight"), weight);
        let bias = self.rows(&format!("{from}/bias"), part)?;
        self.model.stream(&bias, bias.len(), |values| {
            if values.iter().all(|value| value.to_f32() == 0.0) {
                Ok(())
            } else {
                Err(ConvertError::format(format!("'{from}' has a key bias")))
            }
        })
    }

    /// A convolution's bias is a column, so that it can be added to every frame.
    fn convolution(&mut self, name: &str) -> Result<(), ConvertError> {
        self.copy(
            &format!("encoder.{name}.weight"),
            &format!("encoder/{name}/weight"),
        )?;
        let mut bias = self.model.tensor(&format!("encoder/{name}/bias"))?;
        bias.dims.push(1);
        self.tensors.push(Tensor {
            name: format!("encoder.{name}.bias"),
            rows: bias,
            full_precision: true,
        });
        Ok(())
    }

    fn positions(&mut self, to: &str, from: &str) -> Result<(), ConvertError> {
        self.tensors.push(Tensor {
            name: to.to_owned(),
            rows: self.model.tensor(from)?,
            full_precision: true,
        });
        Ok(())
    }

    fn copy(&mut self, to: &str, from: &str) -> Result<(), ConvertError> {
        let rows = self.model.tensor(from)?;
        self.push(to.to_owned(), rows);
        Ok(())
    }

    fn push(&mut self, name: String, rows: Rows) {
        self.tensors.push(Tensor {
            name,
            full_precision: rows.dims.len() < 2,
            rows,
        });
    }

    fn rows(&self, name: &str, (part, parts): Part) -> Result<Rows, ConvertError> {
        let rows = self.model.tensor(name)?;
        if rows.dims[0].is_multiple_of(parts) {
            Ok(rows.part(part, parts))
        } else {
            Err(ConvertError::format(format!(
                "'{name}' cannot be split into {parts}"
            )))
        }
    }
}
