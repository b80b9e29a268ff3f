//! Reading `CTranslate2`'s `model.bin`.
//!
//! Layout, little-endian, as `CTranslate2`'s model serialisation (binary version 6) writes it: u32 version,
//! string specification name, u32 its revision, u32 number of variables; per variable: string name, u8
//! rank, rank x u32 dimensions, u8 type, u32 bytes, data. A string is u16 length, then bytes with a
//! closing 0. Aliases follow; Whisper's only one ties the output projection to the embeddings.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use half::f16;

use super::ConvertError;

/// The binary version whose layout is described above.
const VERSION: u32 = 6;
/// No Whisper model has more (large: 32 layers x 2 sides, some 20 variables each).
const MAX_VARIABLES: u32 = 10_000;
/// No tensor of ours has more dimensions.
const MAX_RANK: u8 = 4;

/// A model file, its index read, its tensors read on demand.
pub(super) struct Ct2Model {
    file: BufReader<File>,
    variables: BTreeMap<String, Variable>,
}

#[derive(Clone, Debug)]
struct Variable {
    dims: Vec<usize>,
    dtype: u8,
    offset: u64,
    bytes: u64,
}

/// Consecutive rows (along the first dimension) of a float16 variable.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    /// Dimensions of these rows together, slowest first.
    pub(super) dims: Vec<usize>,
    offset: u64,
}

impl Rows {
    /// Number of values.
    pub(super) fn len(&self) -> usize {
        self.dims.iter().product()
    }

    /// Part `index` of `parts` equal ones along the first dimension.
    pub(super) fn part(&self, index: usize, parts: usize) -> Self {
        let mut dims = self.dims.clone();
        dims[0] /= parts;
        let values: usize = dims.iter().product();
        let bytes = index * values * size_of::<f16>();
        Self {
            dims,
            offset: self.offset + bytes as u64,
        }
    }
}

impl Ct2Model {
    pub(super) fn open(path: &Path) -> Result<Self, ConvertError> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        let mut model = Self {
            file: BufReader::with_capacity(1 << 16, file),
            variables: BTreeMap::new(),
        };
        model
            .read_index(size)
            .map_err(|error| ConvertError::format(format!("{}: {error}", path.display())))?;
        Ok(model)
    }

    fn read_index(&mut self, size: u64) -> Result<(), ConvertError> {
        let version = self.u32()?;
        let specification = self.string()?;
        if version != VERSION || specification != "WhisperSpec" {
            return Err(ConvertError::format(format!(
                "expected WhisperSpec in binary version {VERSION}, found '{specification}' in {version}"
            )));
        }
        let _revision = self.u32()?;
        let count = self.u32()?;
        if count > MAX_VARIABLES {
            return Err(ConvertError::format(format!(
                "{count} variables are too many"
            )));
        }
        for _ in 0..count {
            let (name, variable) = self.variable()?;
            if variable.offset + variable.bytes > size {
                return Err(ConvertError::format(format!("it ends within '{name}'")));
            }
            self.variables.insert(name, variable);
        }
        Ok(())
    }

    fn variable(&mut self) -> Result<(String, Variable), ConvertError> {
        let name = self.string()?;
        let [rank] = self.bytes()?;
        if rank > MAX_RANK {
            return Err(ConvertError::format(format!(
                "'{name}' has {rank} dimensions"
            )));
        }
        let dims = (0..rank).map(|_| Ok(self.u32()? as usize));
        let dims = dims.collect::<Result<Vec<_>, ConvertError>>()?;
        let [dtype] = self.bytes()?;
        let bytes = u64::from(self.u32()?);
        let offset = self.file.stream_position()?;
        self.file
            .seek_relative(i64::try_from(bytes).unwrap_or(i64::MAX))?;
        let variable = Variable {
            dims,
            dtype,
            offset,
            bytes,
        };
        Ok((name, variable))
    }

    /// The names of all variables, sorted.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(String::as_str)
    }

    /// The whole of a float16 variable.
    pub(super) fn tensor(&self, name: &str) -> Result<Rows, ConvertError> {
        let variable = self.find(name)?;
        let values: usize = variable.dims.iter().product();
        let is_f16 = variable.dtype == 4 && variable.bytes == (values * size_of::<f16>()) as u64;
        if !is_f16 || variable.dims.is_empty() {
            return Err(ConvertError::format(format!(
                "'{name}' is not a float16 tensor"
            )));
        }
        Ok(Rows {
            dims: variable.dims.clone(),
            offset: variable.offset,
        })
    }

    /// A single integer.
    pub(super) fn integer(&mut self, name: &str) -> Result<i32, ConvertError> {
        let variable = self.find(name)?.clone();
        self.file.seek(SeekFrom::Start(variable.offset))?;
        match (variable.dtype, variable.bytes) {
            (1, 1) => Ok(i32::from(i8::from_le_bytes(self.bytes()?))),
            (2, 2) => Ok(i32::from(i16::from_le_bytes(self.bytes()?))),
            (3, 4) => Ok(i32::from_le_bytes(self.bytes()?)),
            _ => Err(ConvertError::format(format!(
                "'{name}' is not a single integer"
            ))),
        }
    }

    /// Hands the values of `rows` to `take`, in order, at most `chunk` at a time.
    pub(super) fn stream(
        &mut self,
        rows: &Rows,
        chunk: usize,
        mut take: impl FnMut(&[f16]) -> Result<(), ConvertError>,
    ) -> Result<(), ConvertError> {
        self.file.seek(SeekFrom::Start(rows.offset))?;
        let mut left = rows.len();
        let mut bytes = vec![0; chunk.min(left) * size_of::<f16>()];
        let mut values = Vec::with_capacity(chunk.min(left));
        while left > 0 {
            let count = chunk.min(left);
            let bytes = &mut bytes[..count * size_of::<f16>()];
            self.file.read_exact(bytes)?;
            values.clear();
            values.extend(
                bytes
                    .as_chunks()
                    .0
                    .iter()
                    .map(|pair| f16::from_le_bytes(*pair)),
            );
            take(&values)?;
            left -= count;
        }
        Ok(())
    }

    fn find(&self, name: &str) -> Result<&Variable, ConvertError> {
        (self.variables.get(name))
            .ok_or_else(|| ConvertError::format(format!("the variable '{name}' is missing")))
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], ConvertError> {
        let mut bytes = [0; N];
        self.file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn u32(&mut self) -> Result<u32, ConvertError> {
        Ok(u32::from_le_bytes(self.bytes()?))
    }

    fn string(&mut self) -> Result<String, ConvertError> {
        let length = u16::from_le_bytes(self.bytes()?);
        let mut bytes = vec![0; usize::from(length)];
        self.file.read_exact(&mut bytes)?;
        while bytes.last() == Some(&0) {
            bytes.pop();
        }
        String::from_utf8(bytes).map_err(|_| ConvertError::format("a name is not UTF-8"))
    }
}
