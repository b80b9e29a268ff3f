//! A model file with its weights rounded.
//!
//! The format is CTranslate2's own (`python/ctranslate2/specs/model_spec.py` writes it), all numbers little-endian: u32
//! version, name and u32 revision of the specification, u32 number of variables; each variable is a name, u8 rank, as many u32
//! dimensions, u8 type, u32 size in bytes and the values; then the aliases, which are left as they are. A name is a u16 length
//! and as many bytes, with a zero at the end.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
};

use half::{
    f16,
    slice::{HalfBitsSliceExt, HalfFloatSliceExt},
};

use super::rounding::round_row;

/// Versions whose weights are rounded to the nearest; before, CTranslate2 cut them off.
const VERSIONS: std::ops::RangeInclusive<u32> = 5..=6;

const FLOAT32: u8 = 0;
const INT8: u8 = 1;
const FLOAT16: u8 = 4;

/// Bytes. A few of these fit into a core's second cache.
const READ_AT_ONCE: usize = 256 * 1024;

/// No weights of Whisper have more dimensions.
const MOST_DIMENSIONS: u8 = 4;

/// The model file `path` with its matrices in 8 bits; `None` if it is of a version, or has none of a type, that can be
/// converted here.
///
/// # Errors
/// Of reading, also where the file ends too early.
pub(crate) fn in_eight_bits(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut model = Converted {
        input: BufReader::with_capacity(READ_AT_ONCE, file),
        // Halves become bytes, with a scale for each row.
        output: Vec::with_capacity(usize::try_from(size / 16 * 9).unwrap_or(0)),
        size,
    };
    let version = model.copy_u32()?;
    if !VERSIONS.contains(&version) {
        return Ok(None);
    }
    model.copy_name()?;
    model.copy_u32()?;
    let place = model.output.len();
    let variables = model.copy_u32()?;
    let mut scales = 0;
    for _ in 0..variables {
        scales += u32::from(model.convert_variable()?);
    }
    if scales == 0 {
        return Ok(None);
    }
    let variables = variables.saturating_add(scales).to_le_bytes();
    model.output[place..place + variables.len()].copy_from_slice(&variables);
    model.input.read_to_end(&mut model.output)?;
    Ok(Some(model.output))
}

/// What is read, and what was made of it.
struct Converted {
    input: BufReader<File>,
    output: Vec<u8>,
    /// Bytes of the file.
    size: u64,
}

/// What comes before the values of a variable.
struct Header {
    /// As it stands in the file.
    name: Vec<u8>,
    shape: Vec<u32>,
    kind: u8,
    bytes: u32,
}

impl Converted {
    /// Whether the variable became two: the matrix and its scales.
    fn convert_variable(&mut self) -> io::Result<bool> {
        let header = self.header()?;
        match Matrix::of(&header) {
            Some(matrix) => self.round(&header, &matrix).map(|()| true),
            None => self.copy_variable(&header).map(|()| false),
        }
    }

    fn copy_variable(&mut self, header: &Header) -> io::Result<()> {
        self.write_header(header);
        self.copy(header.bytes)
    }

    fn round(&mut self, header: &Header, matrix: &Matrix) -> io::Result<()> {
        let elements = header.bytes / u32::from(matrix.width);
        self.write_header(&Header {
            name: header.name.clone(),
            shape: header.shape.clone(),
            kind: INT8,
            bytes: elements,
        });
        let mut scales = Vec::with_capacity(matrix.rows as usize);
        let mut row = vec![0.0; matrix.columns as usize];
        let mut halves = vec![0; row.len()];
        for _ in 0..matrix.rows {
            self.read_row(&mut row, &mut halves, matrix)?;
            scales.push(round_row(&row, &mut self.output));
        }
        self.write_header(&Header {
            name: scale_of(&header.name),
            shape: vec![matrix.rows],
            kind: FLOAT32,
            bytes: matrix.rows * 4,
        });
        let bytes = scales.iter().flat_map(|scale| scale.to_le_bytes());
        self.output.extend(bytes);
        Ok(())
    }

    fn read_row(&mut self, row: &mut [f32], halves: &mut [u16], matrix: &Matrix) -> io::Result<()> {
        if matrix.width == 4 {
            return self.input.read_exact(bytemuck::cast_slice_mut(row));
        }
        self.input.read_exact(bytemuck::cast_slice_mut(halves))?;
        halves.reinterpret_cast::<f16>().convert_to_f32_slice(row);
        Ok(())
    }

    fn header(&mut self) -> io::Result<Header> {
        let length = u16::from_le_bytes(self.read()?);
        let mut name = vec![0; length.into()];
        self.input.read_exact(&mut name)?;
        let [rank] = self.read()?;
        if rank > MOST_DIMENSIONS {
            let what = format!("a variable of {rank} dimensions");
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        let shape = (0..rank).map(|_| self.read().map(u32::from_le_bytes));
        let shape = shape.collect::<io::Result<_>>()?;
        let [kind] = self.read()?;
        let bytes = u32::from_le_bytes(self.read()?);
        if u64::from(bytes) > self.size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Header {
            name,
            shape,
            kind,
            bytes,
        })
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "what is written was read in the same widths, but for six bytes more in a name"
    )]
    fn write_header(&mut self, header: &Header) {
        let output = &mut self.output;
        output.extend((header.name.len() as u16).to_le_bytes());
        output.extend(&header.name);
        output.push(header.shape.len() as u8);
        output.extend(header.shape.iter().flat_map(|size| size.to_le_bytes()));
        output.push(header.kind);
        output.extend(header.bytes.to_le_bytes());
    }

    fn copy_name(&mut self) -> io::Result<()> {
        let length: [u8; 2] = self.read()?;
        self.output.extend(length);
        self.copy(u16::from_le_bytes(length).into())
    }

    fn copy_u32(&mut self) -> io::Result<u32> {
        let bytes: [u8; 4] = self.read()?;
        self.output.extend(bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn copy(&mut self, bytes: u32) -> io::Result<()> {
        let copied = io::copy(&mut (&mut self.input).take(bytes.into()), &mut self.output)?;
        if copied < bytes.into() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    fn read<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.input.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

/// A variable that CTranslate2 would round.
struct Matrix {
    rows: u32,
    columns: u32,
    /// Bytes of a value.
    width: u8,
}

impl Matrix {
    /// What it does not round are biases and the like, and the convolutions, which have three dimensions.
    fn of(header: &Header) -> Option<Self> {
        let width = match header.kind {
            FLOAT16 => 2,
            FLOAT32 => 4,
            _ => return None,
        };
        let &[rows, columns] = header.shape.as_slice() else {
            return None;
        };
        let bytes = u64::from(rows) * u64::from(columns) * u64::from(width);
        let is_whole = bytes == u64::from(header.bytes) && bytes > 0;
        (header.name.ends_with(b"weight\0") && is_whole).then_some(Self {
            rows,
            columns,
            width,
        })
    }
}

/// The name that CTranslate2 looks for the scales of a matrix by.
fn scale_of(name: &[u8]) -> Vec<u8> {
    let stem = name.strip_suffix(b"\0").unwrap_or(name);
    [stem, b"_scale\0"].concat()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn named(name: &str) -> Vec<u8> {
        let length = u16::try_from(name.len() + 1).unwrap().to_le_bytes();
        [&length, name.as_bytes(), b"\0"].concat()
    }

    fn variable(name: &str, shape: &[u32], kind: u8, values: &[u8]) -> Vec<u8> {
        let rank = [u8::try_from(shape.len()).unwrap()];
        let shape: Vec<u8> = shape.iter().flat_map(|size| size.to_le_bytes()).collect();
        let size = u32::try_from(values.len()).unwrap().to_le_bytes();
        [&named(name), &rank[..], &shape, &[kind], &size, values].concat()
    }

    fn model(version: u32, variables: &[Vec<u8>]) -> Vec<u8> {
        let count = u32::try_from(variables.len()).unwrap().to_le_bytes();
        let start = [&version.to_le_bytes()[..], &named("WhisperSpec")].concat();
        let alias = [
            &1_u32.to_le_bytes()[..],
            &named("b/weight"),
            &named("a/weight"),
        ]
        .concat();
        [
            &start,
            &3_u32.to_le_bytes()[..],
            &count,
            &variables.concat(),
            &alias,
        ]
        .concat()
    }

    fn halves(values: &[f32]) -> Vec<u8> {
        let bytes = values.iter().map(|value| f16::from_f32(*value));
        bytes.flat_map(f16::to_le_bytes).collect()
    }

    fn floats(values: &[f32]) -> Vec<u8> {
        values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect()
    }

    fn converted(model: &[u8]) -> io::Result<Option<Vec<u8>>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.bin");
        fs::write(&path, model).unwrap();
        in_eight_bits(&path)
    }

    #[test]
    fn matrices_are_rounded_by_row_and_nothing_else_is() {
        let bias = variable("a/bias", &[2], FLOAT16, &halves(&[1.0, 2.0]));
        let convolution = variable("conv/weight", &[1, 1, 2], FLOAT16, &halves(&[3.0, 4.0]));
        let matrix = [0.5, -1.0, 0.0, 0.0];
        let rounded = [
            variable("a/weight", &[2, 2], INT8, &[64, 129, 0, 0]),
            variable("a/weight_scale", &[2], FLOAT32, &floats(&[127.0, 1.0])),
        ];
        let expected = model(6, &[bias.clone(), rounded.concat(), convolution.clone()]);
        for (kind, values) in [(FLOAT16, halves(&matrix)), (FLOAT32, floats(&matrix))] {
            let matrix = variable("a/weight", &[2, 2], kind, &values);
            let published = model(6, &[bias.clone(), matrix, convolution.clone()]);
            let mut made = converted(&published).unwrap().expect("it was rounded");
            // Four variables of three; `model` counts the two that belong together once.
            let count = made
                .iter()
                .zip(&expected)
                .position(|(one, other)| one != other);
            made[count.expect("the number of variables")] -= 1;
            assert_eq!(made, expected);
        }
    }

    #[test]
    fn what_needs_no_rounding_is_left_to_ctranslate2() {
        let matrix = variable("a/weight", &[1, 2], INT8, &[1, 2]);
        assert!(converted(&model(6, &[matrix])).unwrap().is_none());
        let matrix = variable("a/weight", &[1, 2], FLOAT16, &halves(&[1.0, 2.0]));
        assert!(
            converted(&model(4, std::slice::from_ref(&matrix)))
                .unwrap()
                .is_none()
        );
        assert!(converted(&model(7, &[matrix])).unwrap().is_none());
    }

    #[test]
    fn a_file_that_ends_early_is_an_error_wherever_it_ends() {
        let matrix = variable("a/weight", &[2, 2], FLOAT16, &halves(&[1.0; 4]));
        let bias = variable("a/bias", &[2], FLOAT16, &halves(&[1.0, 2.0]));
        let aliases = 4 + named("a/weight").len() + named("b/weight").len();
        let whole = model(6, &[matrix, bias]);
        for length in 0..whole.len() - aliases {
            let error = converted(&whole[..length]).expect_err("it is not whole");
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{length} bytes");
        }
    }

    #[test]
    fn sizes_beyond_the_file_are_an_error_before_there_is_memory_for_them() {
        let mut header = variable("a/weight", &[60_000, 30_000], FLOAT16, &[]);
        let size = header.len() - 4;
        header[size..].copy_from_slice(&3_600_000_000_u32.to_le_bytes());
        let error = converted(&model(6, &[header])).expect_err("it is not whole");
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
