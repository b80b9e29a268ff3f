//! Rounded weights that are kept beside the model.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use voicefleet_prepared::{Contents, Key, PreparedError, beside, find, keep};

use super::{WEIGHTS, small_files};

/// Changes with what rounding makes.
const VERSION: &str = "8 bits, 1";

/// The checksum of the weights, written last.
const CHECKSUM: &str = "model.bin.crc32";

/// Bytes. A few of these fit into a core's second cache.
const READ_AT_ONCE: usize = 256 * 1024;

/// A folder like the model's own.
pub(crate) struct Kept {
    folder: PathBuf,
}

impl Kept {
    /// What is kept for the model in `dir`. It has been read, so it is in memory.
    pub(super) fn find(dir: &Path) -> Option<Self> {
        find(&beside(&dir.join(WEIGHTS)), &key(dir).ok()?)
    }

    /// Keeps these weights for the model in `dir`.
    pub(super) fn keep(dir: &Path, rounded: &[u8]) -> Result<(), PreparedError> {
        let kept: Self = keep(&beside(&dir.join(WEIGHTS)), &key(dir)?, |folder| {
            write(dir, rounded, folder).map_err(PreparedError::at(folder))
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
        let written = fs::read_to_string(folder.join(CHECKSUM))?;
        if checksum(fs::File::open(folder.join(WEIGHTS))?)? != written {
            let what = format!("{WEIGHTS} is not what was written");
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        Ok(Self {
            folder: folder.to_owned(),
        })
    }
}

/// Also of the small files, which are copied.
fn key(dir: &Path) -> Result<Key, PreparedError> {
    let mut files = small_files(dir).map_err(PreparedError::at(dir))?;
    files.sort();
    let mut sum = crc32fast::Hasher::new();
    for (name, content) in &files {
        sum.update(name.as_bytes());
        sum.update(content);
    }
    Key::new(&dir.join(WEIGHTS), &sum.finalize().to_string(), VERSION)
}

fn write(dir: &Path, rounded: &[u8], folder: &Path) -> io::Result<()> {
    for (name, content) in small_files(dir)? {
        fs::write(folder.join(name), content)?;
    }
    fs::write(folder.join(WEIGHTS), rounded)?;
    fs::write(folder.join(CHECKSUM), checksum(rounded)?)
}

fn checksum(mut weights: impl Read) -> io::Result<String> {
    let mut sum = crc32fast::Hasher::new();
    let mut part = vec![0; READ_AT_ONCE];
    loop {
        match weights.read(&mut part)? {
            0 => return Ok(format!("{:08x}", sum.finalize())),
            length => sum.update(&part[..length]),
        }
    }
}
