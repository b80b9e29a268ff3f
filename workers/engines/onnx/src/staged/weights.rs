//! The large constants of prepared networks: in one file, and in memory once, whoever uses them.

use std::{collections::HashMap, fs::File, io, io::Read, path::Path, sync::Arc};

use ort::value::{DynValue, Tensor};
use serde::{Deserialize, Serialize};

use crate::graph::{ElementType, Network};

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
            let Some(raw) = tensor
                .raw_data
                .as_ref()
                .filter(|raw| raw.len() >= LARGE && tensor.data_type == ElementType::FLOAT.0)
            else {
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
                    length: raw.len() / size_of::<f32>(),
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
        let mut file = File::open(path)?;
        let mut sum = crc32fast::Hasher::new();
        let mut parts: HashMap<String, Constants> = HashMap::new();
        for place in places {
            let mut values = vec![0.0_f32; place.length];
            let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut values);
            file.read_exact(bytes)?;
            sum.update(bytes);
            let tensor = Tensor::from_array((place.dims.clone(), values))
                .map_err(|error| wrong(&error.to_string()))?;
            let part = parts.entry(place.part.clone()).or_default();
            part.insert(place.name.clone(), Arc::new(tensor.into_dyn()));
        }
        if file.read(&mut [0])? != 0 || sum.finalize() != checksum {
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
