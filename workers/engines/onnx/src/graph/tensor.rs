//! Making constants, and reading them.

use super::{ElementType, Tensor};

/// `TensorProto.DataLocation.EXTERNAL`.
const EXTERNAL: i32 = 1;

impl Tensor {
    /// A constant of 32-bit floating-point numbers.
    pub fn of_floats(name: &str, dims: &[i64], values: &[f32]) -> Self {
        Self {
            name: name.to_owned(),
            dims: dims.to_vec(),
            data_type: ElementType::FLOAT.0,
            raw_data: Some(
                values
                    .iter()
                    .flat_map(|value| value.to_le_bytes())
                    .collect(),
            ),
            ..Self::default()
        }
    }

    /// This constant of 32-bit numbers as one of 16-bit ones, called `name`. `None` if it is none, or a number is too large.
    pub fn halved(&self, name: &str) -> Option<Self> {
        let halves = self.floats()?.into_iter().map(half::f16::from_f32);
        let halves: Vec<half::f16> = halves.collect();
        halves.iter().all(|half| half.is_finite()).then(|| Self {
            name: name.to_owned(),
            dims: self.dims.clone(),
            data_type: ElementType::FLOAT16.0,
            raw_data: Some(
                halves
                    .into_iter()
                    .flat_map(half::f16::to_le_bytes)
                    .collect(),
            ),
            ..Self::default()
        })
    }

    /// A list of whole numbers.
    pub fn of_ints(name: &str, values: &[i64]) -> Self {
        Self {
            name: name.to_owned(),
            dims: vec![i64::try_from(values.len()).unwrap_or(i64::MAX)],
            data_type: ElementType::INT64.0,
            raw_data: Some(
                values
                    .iter()
                    .flat_map(|value| value.to_le_bytes())
                    .collect(),
            ),
            ..Self::default()
        }
    }

    /// Its numbers, if they are 32-bit floating-point ones and in the model file.
    pub fn floats(&self) -> Option<Vec<f32>> {
        if self.data_type != ElementType::FLOAT.0 || self.is_external() {
            return None;
        }
        Some(match &self.raw_data {
            Some(raw) => (raw.as_chunks::<4>().0.iter())
                .map(|bytes| f32::from_le_bytes(*bytes))
                .collect(),
            None => self.float_data.clone(),
        })
    }

    /// Its numbers, if they are 64-bit whole ones and in the model file.
    pub fn ints(&self) -> Option<Vec<i64>> {
        if self.data_type != ElementType::INT64.0 || self.is_external() {
            return None;
        }
        Some(match &self.raw_data {
            Some(raw) => (raw.as_chunks::<8>().0.iter())
                .map(|bytes| i64::from_le_bytes(*bytes))
                .collect(),
            None => self.int64_data.clone(),
        })
    }

    /// Whether its numbers lie in another file.
    pub fn is_external(&self) -> bool {
        self.data_location == Some(EXTERNAL) || !self.external_data.is_empty()
    }

    /// The same constant with its numbers in `file`, `length` bytes from `offset`.
    pub(crate) fn moved_to(&self, file: &str, offset: u64, length: usize) -> Self {
        let entry = |key: &str, value: String| super::proto::Entry {
            key: key.to_owned(),
            value,
        };
        Self {
            name: self.name.clone(),
            dims: self.dims.clone(),
            data_type: self.data_type,
            external_data: vec![
                entry("location", file.to_owned()),
                entry("offset", offset.to_string()),
                entry("length", length.to_string()),
            ],
            data_location: Some(EXTERNAL),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_a_number_afterwards_too_is_halved() {
        let tensor = Tensor::of_floats("weights", &[3], &[1.0, -0.5, 65_504.0]);
        let halved = tensor.halved("halves").unwrap();
        assert_eq!(halved.name, "halves");
        assert_eq!(
            (halved.dims, halved.data_type),
            (vec![3], ElementType::FLOAT16.0)
        );
        let bytes: &[u8] = &halved.raw_data.unwrap();
        assert_eq!(bytes, [0, 0x3c, 0, 0xb8, 0xff, 0x7b]);
        let large = Tensor::of_floats("weights", &[1], &[65_536.0]);
        assert!(large.halved("halves").is_none());
        assert!(Tensor::of_ints("lengths", &[1]).halved("halves").is_none());
    }
}
