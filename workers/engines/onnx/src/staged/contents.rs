//! What lies in the folder of a prepared network.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use voicefleet_prepared::{self as prepared, PreparedError};

use super::{
    Weights,
    weights::{Gathered, Place},
};
use crate::{MakeOperators, OnnxError, SessionOptions, Stages, graph::Network, session::open_with};

const CONTENTS: &str = "contents.json";
const WEIGHTS: &str = "weights.bin";

/// A network in pieces, which is opened by itself.
pub struct Part {
    /// Its name.
    pub name: String,
    /// Its pieces in order.
    pub pieces: Vec<Network>,
}

/// Prepared networks: checked, with their weights in memory.
pub struct Prepared {
    folder: PathBuf,
    contents: Contents,
    weights: Weights,
    /// Where the folder is to go with it.
    _temporary: Option<TempDir>,
}

/// The file that is written last.
#[derive(Serialize, Deserialize)]
struct Contents {
    /// Facts for whoever has prepared the networks.
    facts: BTreeMap<String, u64>,
    parts: BTreeMap<String, Vec<PieceFile>>,
    weights: Vec<Place>,
    weights_checksum: u32,
}

#[derive(Serialize, Deserialize)]
struct PieceFile {
    name: String,
    checksum: u32,
    /// Constants that lie with the weights.
    constants: Vec<String>,
}

impl prepared::Contents for Prepared {
    fn read(folder: &Path) -> io::Result<Self> {
        let contents: Contents = serde_json::from_slice(&fs::read(folder.join(CONTENTS))?)?;
        for file in contents.parts.values().flatten() {
            if crc32fast::hash(&fs::read(folder.join(&file.name))?) != file.checksum {
                let what = format!("{} is not what was written", file.name);
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
        }
        let weights = Weights::read(
            &folder.join(WEIGHTS),
            &contents.weights,
            contents.weights_checksum,
        )?;
        Ok(Self {
            folder: folder.to_owned(),
            contents,
            weights,
            _temporary: None,
        })
    }
}

impl prepared::Temporary for Prepared {
    fn in_its_own(self, folder: TempDir) -> Self {
        Self {
            _temporary: Some(folder),
            ..self
        }
    }
}

impl Prepared {
    /// Writes `parts` and `facts` into `folder`.
    ///
    /// # Errors
    /// Files that cannot be written.
    pub fn write(
        folder: &Path,
        parts: Vec<Part>,
        facts: BTreeMap<String, u64>,
    ) -> Result<(), OnnxError> {
        let failed = |source| PreparedError::at(folder)(source);
        let mut gathered = Gathered::default();
        let mut files = BTreeMap::new();
        for part in parts {
            let mut written = Vec::new();
            for (number, mut piece) in part.pieces.into_iter().enumerate() {
                gathered.take_from(&mut piece, &part.name, WEIGHTS);
                let name = format!("{}-{number}.onnx", part.name);
                let bytes = piece.encode();
                fs::write(folder.join(&name), &bytes).map_err(failed)?;
                let constants = piece.graph().initializer.iter();
                written.push(PieceFile {
                    name,
                    checksum: crc32fast::hash(&bytes),
                    constants: constants
                        .filter(|tensor| tensor.is_external())
                        .map(|tensor| tensor.name.clone())
                        .collect(),
                });
            }
            files.insert(part.name, written);
        }
        fs::write(folder.join(WEIGHTS), &gathered.bytes).map_err(failed)?;
        let contents = Contents {
            facts,
            parts: files,
            weights_checksum: crc32fast::hash(&gathered.bytes),
            weights: gathered.places,
        };
        let contents = serde_json::to_vec(&contents).map_err(|error| failed(error.into()))?;
        Ok(fs::write(folder.join(CONTENTS), contents).map_err(failed)?)
    }

    /// A fact that was written.
    pub fn fact(&self, name: &str) -> Option<u64> {
        self.contents.facts.get(name).copied()
    }

    /// Whether it has a part of this name.
    pub fn has(&self, part: &str) -> bool {
        self.contents.parts.contains_key(part)
    }

    /// Opens the part `part`. Its weights are not copied.
    ///
    /// # Errors
    /// If there is no such part, or what ONNX Runtime has against it.
    pub fn open(&self, part: &str, options: &SessionOptions) -> Result<Stages, OnnxError> {
        self.open_with_operators(part, options, None)
    }

    /// Opens a part that may have operators which ONNX Runtime has not.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with_operators(
        &self,
        part: &str,
        options: &SessionOptions,
        operators: Option<&MakeOperators>,
    ) -> Result<Stages, OnnxError> {
        let Some(files) = self.contents.parts.get(part) else {
            let what = format!("it has no part '{part}'");
            let error = io::Error::new(io::ErrorKind::NotFound, what);
            return Err(PreparedError::at(&self.folder)(error).into());
        };
        let options = SessionOptions {
            optimised: true,
            ..*options
        };
        let constants = self.weights.of(part);
        let open = |file: &PieceFile| {
            let used = file.constants.iter();
            let shared = used.filter_map(|name| Some((name.as_str(), constants(name)?)));
            let shared: Vec<_> = shared.collect();
            open_with(&self.folder.join(&file.name), options, &shared, operators)
        };
        let sessions: Result<_, _> = files.iter().map(open).collect();
        Ok(Stages::of(sessions?))
    }
}
