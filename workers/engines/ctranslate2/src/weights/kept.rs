//! Rounded weights that are kept beside the model.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use voicefleet_prepared::{Contents, Key, PreparedError, beside, find, keep};

use super::{WEIGHTS, small_files};

/// Changes with what rounding makes.
const VERSION: &str = "8 bits, 2";

/// The checksums of the weights and of the small files, written last.
const CHECKSUMS: &str = "checksums";

/// Bytes. A few of these fit into a core's second cache.
const READ_AT_ONCE: usize = 256 * 1024;

/// A folder like the model's own.
pub(crate) struct Kept {
    folder: PathBuf,
}

impl Kept {
    /// What is kept for the model in `dir`, which has this key. It has been read, so it is in memory.
    pub(super) fn find(dir: &Path, key: &Key) -> Option<Self> {
        find(&beside(&dir.join(WEIGHTS)), key)
    }

    /// Keeps these weights for the model in `dir`, which had this key before it was read. If it has another by now, they
    /// may be of neither.
    pub(super) fn keep(dir: &Path, before: &Key, rounded: &[u8]) -> Result<(), PreparedError> {
        let kept: Self = keep(&beside(&dir.join(WEIGHTS)), before, |folder| {
            write(dir, rounded, folder).map_err(PreparedError::at(folder))?;
            if key(dir)? == *before {
                return Ok(());
            }
            let changed = io::Error::other("the model was changed while it was read");
            Err(PreparedError::at(dir)(changed))
        })?;
        tracing::info!(folder = %kept.folder.display(), "rounded weights are kept");
        Ok(())
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Contents for Kept {
    fn read(folder: &Path) -> io::Result<Self> {
        let written = fs::read_to_string(folder.join(CHECKSUMS))?;
        let weights = fs::File::open(folder.join(WEIGHTS))?;
        if checksums(weights, small_files(folder)?)? != written {
            let what = "its files are not what was written";
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        Ok(Self {
            folder: folder.to_owned(),
        })
    }
}

/// What is kept for the model in `dir` is found by it: also by the small files, which are copied.
pub(super) fn key(dir: &Path) -> Result<Key, PreparedError> {
    let files = small_files(dir).map_err(PreparedError::at(dir))?;
    Key::new(&dir.join(WEIGHTS), &checksum_of_small(files), VERSION)
}

fn write(dir: &Path, rounded: &[u8], folder: &Path) -> io::Result<()> {
    let files = small_files(dir)?;
    for (name, content) in &files {
        fs::write(folder.join(name), content)?;
    }
    fs::write(folder.join(WEIGHTS), rounded)?;
    fs::write(folder.join(CHECKSUMS), checksums(rounded, files)?)
}

fn checksums(mut weights: impl Read, small: Vec<(String, Vec<u8>)>) -> io::Result<String> {
    let small = checksum_of_small(small);
    let mut sum = crc32fast::Hasher::new();
    let mut part = vec![0; READ_AT_ONCE];
    loop {
        match weights.read(&mut part)? {
            0 => return Ok(format!("{:08x} {small}", sum.finalize())),
            length => sum.update(&part[..length]),
        }
    }
}

/// In any order.
fn checksum_of_small(mut files: Vec<(String, Vec<u8>)>) -> String {
    files.sort();
    let mut sum = crc32fast::Hasher::new();
    for (name, content) in &files {
        sum.update(name.as_bytes());
        sum.update(content);
    }
    format!("{:08x}", sum.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_changed_while_it_was_read_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        fs::write(dir.join(WEIGHTS), "weights").unwrap();
        fs::write(dir.join("vocabulary.txt"), "words").unwrap();
        let before = key(dir).unwrap();
        fs::write(dir.join("vocabulary.txt"), "other words").unwrap();
        let error = Kept::keep(dir, &before, b"rounded").err().unwrap();
        assert!(error.to_string().contains("changed"), "{error}");
        let after = key(dir).unwrap();
        assert!(Kept::find(dir, &before).is_none());
        assert!(Kept::find(dir, &after).is_none());
        Kept::keep(dir, &after, b"rounded").unwrap();
        assert!(Kept::find(dir, &after).is_some());
    }
}
