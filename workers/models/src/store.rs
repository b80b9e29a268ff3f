//! A folder with models in it.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use crate::{
    digest::sha256_of,
    manifest::{FileEntry, Manifest, Selection},
};

/// The models folder. Opening it touches nothing; it need not exist before the first pull.
#[derive(Clone, Debug)]
pub struct ModelStore {
    dir: PathBuf,
    manifest: Manifest,
}

/// What was found of one file of the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileState {
    /// The asset it belongs to.
    pub asset: String,
    /// Its path below the models folder.
    pub path: String,
    /// How it is.
    pub condition: Condition,
}

/// How a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It is what the manifest says.
    Good,
    /// It is not there.
    Missing,
    /// It has another size (bytes).
    WrongSize {
        /// What the manifest says.
        expected: u64,
        /// What the file has.
        found: u64,
    },
    /// It has the right size and other content (SHA-256).
    WrongSum {
        /// What the manifest says.
        expected: String,
        /// What the file has.
        found: String,
    },
    /// It could not be read.
    Unreadable(String),
}

impl ModelStore {
    /// The models folder `dir`, for the manifest that is built into this program.
    pub fn open(dir: impl Into<PathBuf>) -> Self {
        Self::with_manifest(dir, Manifest::embedded().clone())
    }

    /// The same for another manifest.
    pub fn with_manifest(dir: impl Into<PathBuf>, manifest: Manifest) -> Self {
        Self {
            dir: dir.into(),
            manifest,
        }
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What can be in it.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Where the file at the manifest path `path` is or would be.
    pub fn path(&self, path: &str) -> PathBuf {
        self.dir.join(path)
    }

    /// Whether all files of an asset are there with the right sizes. Quick; see [`Self::verify`] for the
    /// content. False for unknown assets and for those that have no files for this machine.
    pub fn installed(&self, asset: &str) -> bool {
        self.manifest.asset(asset).is_some_and(|asset| {
            !asset.files.is_empty() && asset.files.iter().all(|file| self.has(file))
        })
    }

    /// SHA-256 (hex) of a model's main weights, as the manifest promises them. `None` if the asset is
    /// unknown or no model.
    pub fn digest(&self, asset: &str) -> Option<&str> {
        self.manifest.asset(asset)?.digest()
    }

    /// Reads every selected file and compares its SHA-256 with the manifest. Blocks for as long as it
    /// takes to read them all: about a second per gigabyte.
    pub fn verify(&self, selection: &Selection<'_>) -> Vec<FileState> {
        let states = selection.assets().flat_map(|asset| {
            asset.files.iter().map(|file| FileState {
                asset: asset.name.clone(),
                path: file.path.clone(),
                condition: self.check(file),
            })
        });
        states.collect()
    }

    /// Whether the file is there with the right size.
    pub(crate) fn has(&self, file: &FileEntry) -> bool {
        self.check_size(file) == Condition::Good
    }

    pub(crate) fn check_size(&self, file: &FileEntry) -> Condition {
        check_size(&self.path(&file.path), file)
    }

    pub(crate) fn check(&self, file: &FileEntry) -> Condition {
        check(&self.path(&file.path), file)
    }
}

/// Compares the size and the sum of the file at `path` with the manifest.
pub(crate) fn check(path: &Path, file: &FileEntry) -> Condition {
    match check_size(path, file) {
        Condition::Good => {}
        wrong => return wrong,
    }
    match sha256_of(path) {
        Ok(found) if found == file.sha256 => Condition::Good,
        Ok(found) => Condition::WrongSum {
            expected: file.sha256.clone(),
            found,
        },
        Err(error) => Condition::Unreadable(error.to_string()),
    }
}

pub(crate) fn check_size(path: &Path, file: &FileEntry) -> Condition {
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => Condition::Unreadable("not a file".to_owned()),
        Ok(metadata) if metadata.len() == file.size => Condition::Good,
        Ok(metadata) => Condition::WrongSize {
            expected: file.size,
            found: metadata.len(),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Condition::Missing,
        Err(error) => Condition::Unreadable(error.to_string()),
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Good => f.write_str("good"),
            Self::Missing => f.write_str("missing"),
            Self::WrongSize { expected, found } => {
                write!(f, "wrong size: expected {expected} bytes, found {found}")
            }
            Self::WrongSum { expected, found } => {
                write!(
                    f,
                    "wrong content: expected sha256 {expected}, found {found}"
                )
            }
            Self::Unreadable(why) => write!(f, "cannot be read: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        [[asset]]
        name = "abc"
        purpose = "sample"
        sets = ["default"]
        licence = "CC0-1.0"
        [[asset.group]]
        folder = "letters"
        sources = [{ kind = "url", url = "https://example.org/{name}" }]
        files = [{ name = "abc", size = 3, sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" }]
    "#;

    #[test]
    fn a_file_is_missing_then_wrong_then_good() {
        let dir = tempfile::tempdir().unwrap();
        let manifest = Manifest::parse(&[TEXT], "x86_64-linux").unwrap();
        let store = ModelStore::with_manifest(dir.path(), manifest);
        let condition = || store.verify(&store.manifest().all())[0].condition.clone();

        assert_eq!(condition(), Condition::Missing);
        fs::create_dir(dir.path().join("letters")).unwrap();
        fs::write(store.path("letters/abc"), "ab").unwrap();
        assert_eq!(
            condition(),
            Condition::WrongSize {
                expected: 3,
                found: 2
            }
        );
        assert!(!store.installed("abc"));
        fs::write(store.path("letters/abc"), "abd").unwrap();
        assert!(matches!(condition(), Condition::WrongSum { .. }));
        fs::write(store.path("letters/abc"), "abc").unwrap();
        assert_eq!(condition(), Condition::Good);
        assert!(store.installed("abc"));
    }
}
