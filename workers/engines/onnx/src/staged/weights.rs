//! The large constants of prepared networks: in one file, and in memory once, whoever uses them.

use std::{collections::HashMap, fs::File, io, io::Read, path::Path, sync::Arc};

use half::{f16, vec::HalfBitsVecExt};
use ort::value::{DynValue, Tensor};
use serde::{Deserialize, Serialize};

use crate::graph::{self, ElementType, Network};

/// Constants of fewer bytes stay where they are.
const LARGE: usize = 1024;

/// Where one constant lies.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Place {
    part: String,
    name: String,
    dims: Vec<i64>,
    offset: u64,
    /// In numbers.
    length: usize,
    #[serde(default)]
    element: Element,
}

/// What numbers a constant is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
enum Element {
    #[default]
    Float,
    Half,
}

impl Element {
    fn of(tensor: &graph::Tensor) -> Option<Self> {
        match ElementType(tensor.data_type) {
            ElementType::FLOAT => Some(Self::Float),
            ElementType::FLOAT16 => Some(Self::Half),
            _ => None,
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::Float => size_of::<f32>(),
            Self::Half => size_of::<f16>(),
        }
    }
}

/// What will be the file.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) bytes: Vec<u8>,
    pub(super) places: Vec<Place>,
}

impl Gathered {
    /// Moves the large constants of `network`, a piece of the part `part`, into `file`.
    pub(super) fn take_from(&mut self, network: &mut Network, part: &str, file: &str) {
        for tensor in &mut network.graph_mut().initializer {
            let raw = tensor.raw_data.as_ref();
            let raw = raw.filter(|raw| raw.len() >= LARGE);
            let (Some(raw), Some(element)) = (raw, Element::of(tensor)) else {
                continue;
            };
            let known = |place: &&Place| place.part == part && place.name == tensor.name;
            let offset = if let Some(place) = self.places.iter().find(known) {
                place.offset
            } else {
                let offset = self.bytes.len() as u64;
                self.bytes.extend_from_slice(raw);
                self.places.push(Place {
                    part: part.to_owned(),
                    name: tensor.name.clone(),
                    dims: tensor.dims.clone(),
                    offset,
                    length: raw.len() / element.bytes(),
                    element,
                });
                offset
            };
            *tensor = tensor.moved_to(file, offset, raw.len());
        }
    }
}

/// Constants in memory, by part and name. Cheap to clone.
#[derive(Clone)]
pub struct Weights(Arc<HashMap<String, Constants>>);

/// Constants by name.
pub(super) type Constants = HashMap<String, Arc<DynValue>>;

impl Weights {
    /// Reads the constants at `places`, which must be all of the file, in order, and give `checksum`.
    pub(super) fn read(path: &Path, places: &[Place], checksum: u32) -> io::Result<Self> {
        let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let mut file = Reading {
            file: File::open(path)?,
            sum: crc32fast::Hasher::new(),
        };
        let mut parts: HashMap<String, Constants> = HashMap::new();
        for place in places {
            let dims = place.dims.clone();
            let tensor = match place.element {
                Element::Float => {
                    let values: Vec<f32> = file.numbers(place.length)?;
                    Tensor::from_array((dims, values)).map(Tensor::into_dyn)
                }
                Element::Half => {
                    let values: Vec<u16> = file.numbers(place.length)?;
                    let values: Vec<f16> = values.reinterpret_into();
                    Tensor::from_array((dims, values)).map(Tensor::into_dyn)
                }
            };
            let tensor = tensor.map_err(|error| wrong(&error.to_string()))?;
            let part = parts.entry(place.part.clone()).or_default();
            part.insert(place.name.clone(), Arc::new(tensor));
        }
        if file.file.read(&mut [0])? != 0 || file.sum.finalize() != checksum {
            return Err(wrong("its content is not what was written"));
        }
        Ok(Self(Arc::new(parts)))
    }

    /// Those of one part.
    pub(super) fn of(&self, part: &str) -> impl Fn(&str) -> Option<Arc<DynValue>> {
        let all = Arc::clone(&self.0);
        let part = part.to_owned();
        move |name| all.get(&part)?.get(name).cloned()
    }
}

/// The file, as far as it has been read.
struct Reading {
    file: File,
    sum: crc32fast::Hasher,
}

impl Reading {
    fn numbers<T: bytemuck::Pod>(&mut self, length: usize) -> io::Result<Vec<T>> {
        let mut values = vec![T::zeroed(); length];
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut values);
        self.file.read_exact(bytes)?;
        self.sum.update(bytes);
        Ok(values)
    }
}
