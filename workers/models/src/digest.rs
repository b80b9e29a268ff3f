//! SHA-256 of files, and the memory of those that need not be computed again.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// SHA-256 of a file's content, 64 lower-case hex digits.
pub(crate) fn sha256_of(path: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    io::copy(&mut File::open(path)?, &mut hasher)?;
    Ok(hex::encode(hasher.finalize()))
}

/// Digests of files that are not in the manifest, each valid while size and modification time stay.
pub(crate) struct DigestCache {
    file: PathBuf,
    known: BTreeMap<String, Known>,
    changed: bool,
}

#[derive(Serialize, Deserialize)]
struct Known {
    size: u64,
    modified_ns: u64,
    sha256: String,
}

impl DigestCache {
    /// The cache of a models folder. An unreadable cache is an empty one: it only saves time.
    pub(crate) fn open(dir: &Path) -> Self {
        let file = dir.join(".digests.json");
        let known = fs::read(&file)
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default();
        Self {
            file,
            known,
            changed: false,
        }
    }

    /// The digest of `path`, computed only if the file is new or changed.
    pub(crate) fn digest(&mut self, path: &Path) -> io::Result<String> {
        let key = path.to_string_lossy().into_owned();
        let (size, modified_ns) = identity(path)?;
        if let Some(known) = (self.known.get(&key))
            .filter(|known| known.size == size && known.modified_ns == modified_ns)
        {
            return Ok(known.sha256.clone());
        }
        let sha256 = sha256_of(path)?;
        let known = Known {
            size,
            modified_ns,
            sha256: sha256.clone(),
        };
        self.known.insert(key, known);
        self.changed = true;
        Ok(sha256)
    }

    /// Writes the cache if something was learnt. A folder that cannot be written to is no error.
    pub(crate) fn save(&mut self) {
        if !std::mem::take(&mut self.changed) {
            return;
        }
        self.known.retain(|path, _| Path::new(path).exists());
        let written = serde_json::to_vec_pretty(&self.known)
            .map_err(io::Error::from)
            .and_then(|text| fs::write(&self.file, text));
        if let Err(error) = written {
            tracing::debug!(file = %self.file.display(), %error, "digests are not remembered");
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::metadata(path)?;
    let modified = metadata.modified()?.duration_since(UNIX_EPOCH);
    let modified_ns = modified.map_or(0, |age| u64::try_from(age.as_nanos()).unwrap_or(u64::MAX));
    Ok((metadata.len(), modified_ns))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_remembered_until_the_file_changes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("voice.onnx");
        fs::write(&path, "abc").unwrap();
        let of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let mut cache = DigestCache::open(dir.path());
        assert_eq!(cache.digest(&path).unwrap(), of_abc);
        cache.save();

        // A remembered digest is believed: put a wrong one in, and it comes back.
        let file = dir.path().join(".digests.json");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text.replace(of_abc, "remembered")).unwrap();
        let mut cache = DigestCache::open(dir.path());
        assert_eq!(cache.digest(&path).unwrap(), "remembered");

        fs::write(&path, "abcd").unwrap();
        assert_eq!(
            cache.digest(&path).unwrap(),
            "88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589"
        );
    }
}
