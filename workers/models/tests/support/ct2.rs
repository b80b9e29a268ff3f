//! A Whisper model in miniature, as `CTranslate2` would write it.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use half::f16;

use super::noise;

/// Values of each vector in the model's state.
const STATE: u32 = 32;
const TOKENS: u32 = 40;

/// Builds `model.bin` and the tables that a conversion needs beside it.
pub(crate) struct Ct2Builder {
    variables: Vec<u8>,
    count: u32,
    key_bias: f32,
}

impl Ct2Builder {
    /// One layer on each side, made of noise.
    pub(crate) fn new() -> Self {
        Self {
            variables: Vec::new(),
            count: 0,
            key_bias: 0.0,
        }
    }

    /// Puts a value where Whisper has none.
    pub(crate) fn key_bias(mut self, value: f32) -> Self {
        self.key_bias = value;
        self
    }

    /// The bytes of `model.bin`.
    pub(crate) fn build(mut self) -> Vec<u8> {
        for side in ["decoder", "encoder"] {
            self.side(side);
        }
        let mut model = 6_u32.to_le_bytes().to_vec();
        string(&mut model, "WhisperSpec");
        model.extend(3_u32.to_le_bytes());
        model.extend(self.count.to_le_bytes());
        model.extend(&self.variables);
        model.extend(0_u32.to_le_bytes());
        model
    }

    fn side(&mut self, side: &str) {
        self.variable(&format!("{side}/num_heads"), &[], 2, &4_i16.to_le_bytes());
        self.tensor(&format!("{side}/position_encodings/encodings"), &[3, STATE]);
        self.norm(&format!("{side}/layer_norm"));
        if side == "decoder" {
            self.tensor("decoder/embeddings/weight", &[TOKENS, STATE]);
        } else {
            self.tensor("encoder/conv1/weight", &[STATE, 4, 3]);
            self.tensor("encoder/conv1/bias", &[STATE]);
            self.tensor("encoder/conv2/weight", &[STATE, STATE, 3]);
            self.tensor("encoder/conv2/bias", &[STATE]);
        }
        let layer = format!("{side}/layer_0");
        self.norm(&format!("{layer}/ffn/layer_norm"));
        self.linear(&format!("{layer}/ffn/linear_0"), 4 * STATE, STATE);
        self.linear(&format!("{layer}/ffn/linear_1"), STATE, 4 * STATE);
        self.norm(&format!("{layer}/self_attention/layer_norm"));
        self.fused(&format!("{layer}/self_attention/linear_0"), 3, 1);
        self.linear(&format!("{layer}/self_attention/linear_1"), STATE, STATE);
        if side == "decoder" {
            self.norm(&format!("{layer}/attention/layer_norm"));
            self.linear(&format!("{layer}/attention/linear_0"), STATE, STATE);
            self.fused(&format!("{layer}/attention/linear_1"), 2, 0);
            self.linear(&format!("{layer}/attention/linear_2"), STATE, STATE);
        }
    }

    fn norm(&mut self, name: &str) {
        self.tensor(&format!("{name}/gamma"), &[STATE]);
        self.tensor(&format!("{name}/beta"), &[STATE]);
    }

    fn linear(&mut self, name: &str, rows: u32, columns: u32) {
        self.tensor(&format!("{name}/weight"), &[rows, columns]);
        self.tensor(&format!("{name}/bias"), &[rows]);
    }

    /// `parts` projections in one, of which `key` has no bias.
    fn fused(&mut self, name: &str, parts: u32, key: u32) {
        self.tensor(&format!("{name}/weight"), &[parts * STATE, STATE]);
        let bias = (0..parts * STATE).map(|row| {
            let of_key = row / STATE == key;
            f16::from_f32(if of_key { self.key_bias } else { 0.5 })
        });
        let bias: Vec<u8> = bias.flat_map(f16::to_le_bytes).collect();
        self.variable(&format!("{name}/bias"), &[parts * STATE], 4, &bias);
    }

    fn tensor(&mut self, name: &str, dims: &[u32]) {
        let values = noise(dims.iter().product::<u32>() as usize).into_iter();
        let values = values.map(|byte| f16::from_f32(f32::from(byte) / 100.0 - 1.0));
        let bytes: Vec<u8> = values.flat_map(f16::to_le_bytes).collect();
        self.variable(name, dims, 4, &bytes);
    }

    fn variable(&mut self, name: &str, dims: &[u32], dtype: u8, bytes: &[u8]) {
        let out = &mut self.variables;
        string(out, name);
        out.push(u8::try_from(dims.len()).unwrap());
        out.extend(dims.iter().flat_map(|dim| dim.to_le_bytes()));
        out.push(dtype);
        out.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
        out.extend(bytes);
        self.count += 1;
    }

    /// A filter bank of 4 x 2 and a vocabulary of two tokens, written into `dir`.
    pub(crate) fn tables(dir: &Path) -> (PathBuf, PathBuf) {
        let (mel, vocabulary) = (dir.join("mel.npz"), dir.join("tokens.tiktoken"));
        let mut archive = zip::ZipWriter::new(fs::File::create(&mel).unwrap());
        let options = zip::write::SimpleFileOptions::default();
        archive.start_file("mel_4.npy", options).unwrap();
        archive.write_all(&npy(4, 2)).unwrap();
        archive.finish().unwrap();
        fs::write(&vocabulary, "IQ== 0\nIg== 1\n").unwrap();
        (mel, vocabulary)
    }
}

/// A `NumPy` array of ones, version 1.0.
fn npy(rows: usize, columns: usize) -> Vec<u8> {
    let header =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
    let header = format!("{header:<117}\n");
    let mut array = b"\x93NUMPY\x01\x00".to_vec();
    array.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    array.extend(header.as_bytes());
    array.extend((0..rows * columns).flat_map(|_| 1.0_f32.to_le_bytes()));
    array
}

fn string(out: &mut Vec<u8>, text: &str) {
    out.extend(u16::try_from(text.len() + 1).unwrap().to_le_bytes());
    out.extend(text.as_bytes());
    out.push(0);
}
