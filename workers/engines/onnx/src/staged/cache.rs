//! Where prepared networks are kept.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::Prepared;
use crate::OnnxError;

/// How long a prepared network is kept that nobody loads: what an earlier version, or a machine with another processor, made. Longer
/// than a process runs that has it loaded: that opens it again for every further lane.
const UNUSED: Duration = Duration::from_hours(180 * 24);

/// What a prepared network was made of and for. If any of it changes it is made anew.
pub struct Key(String);

impl Key {
    /// The key of the model file `model`, with the digest of its content if it is known, prepared by
    /// `version` of whoever prepares it, for the loaded ONNX Runtime and this processor.
    ///
    /// # Errors
    /// If the model file is not there.
    pub fn new(model: &Path, digest: &str, version: &str) -> Result<Self, OnnxError> {
        let unreadable = |source| OnnxError::ModelFile {
            path: model.to_owned(),
            source,
        };
        let file = fs::metadata(model).map_err(unreadable)?;
        let changed = file.modified().map_err(unreadable)?;
        let changed = changed.duration_since(UNIX_EPOCH).unwrap_or_default();
        let parts = [
            digest,
            &file.len().to_string(),
            &changed.as_nanos().to_string(),
            version,
            env!("CARGO_PKG_VERSION"),
            ort::info(),
            std::env::consts::ARCH,
            &processor(),
        ];
        // Only files of one model lie side by side, so 64 bits are many.
        let mut sums = [
            crc32fast::Hasher::new(),
            crc32fast::Hasher::new_with_initial(1),
        ];
        for sum in &mut sums {
            for part in parts {
                sum.update(part.as_bytes());
                sum.update(&[0]);
            }
        }
        let [one, other] = sums.map(crc32fast::Hasher::finalize);
        Ok(Self(format!("{one:08x}{other:08x}")))
    }
}

/// The instructions that what is prepared hangs on: machines with others may see the same folder.
fn processor() -> String {
    #[cfg(target_arch = "x86_64")]
    {
        let has = [
            is_x86_feature_detected!("avx"),
            is_x86_feature_detected!("fma"),
            is_x86_feature_detected!("avx2"),
            is_x86_feature_detected!("avx512f"),
            is_x86_feature_detected!("avx512bw"),
            is_x86_feature_detected!("avx512vnni"),
            is_x86_feature_detected!("avx512bf16"),
        ];
        format!("{has:?}")
    }
    #[cfg(not(target_arch = "x86_64"))]
    String::new()
}

/// The prepared network for `key`, from `folder` or made by `make` in a folder that it is given, and kept
/// in `folder` for the next time. What is broken is made anew. Where `folder` cannot be written to,
/// it is made for this time only. Whatever else lies in `folder` and has not been loaded for half a year is removed when
/// something new is kept there.
///
/// Processes that make the same at the same time do not disturb each other.
///
/// # Errors
/// What `make` returns; files that cannot be written in the system's folder for temporary files.
pub fn prepared<E: From<OnnxError>>(
    folder: &Path,
    key: &Key,
    make: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<Prepared, E> {
    let kept = folder.join(&key.0);
    match Prepared::read(&kept) {
        Ok(prepared) => {
            note_use(&kept);
            return Ok(prepared);
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && !kept.exists() => {}
        Err(error) => {
            tracing::warn!(folder = %kept.display(), %error, "a prepared model is broken and is made anew");
        }
    }
    let failed = |path: &Path| {
        let folder = path.to_owned();
        move |source| OnnxError::Prepared { folder, source }
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix("making-");
    let making = match fs::create_dir_all(folder).and_then(|()| builder.tempdir_in(folder)) {
        Ok(making) => making,
        Err(error) => {
            tracing::warn!(folder = %folder.display(), %error, "a prepared model cannot be kept: every start prepares it anew");
            let making = builder.tempdir().map_err(failed(&std::env::temp_dir()))?;
            make(making.path())?;
            let prepared = Prepared::read(making.path()).map_err(failed(making.path()))?;
            return Ok(prepared.in_its_own(making));
        }
    };
    make(making.path())?;
    let done = making.keep();
    let prepared = keep(&done, &kept).map_err(failed(&kept))?;
    note_use(&kept);
    if let Err(error) = remove_unused(folder) {
        tracing::debug!(folder = %folder.display(), %error, "old prepared models stay");
    }
    Ok(prepared)
}

/// By the folder's time of change. Where it cannot be set, as in an image that is only read, nothing is removed either.
#[expect(
    clippy::disallowed_methods,
    reason = "compared with what the system notes of files"
)]
fn note_use(kept: &Path) {
    let now = SystemTime::now();
    if let Err(error) = fs::File::open(kept).and_then(|folder| folder.set_modified(now)) {
        tracing::debug!(folder = %kept.display(), %error, "not noted that a prepared model is used");
    }
}

fn remove_unused(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let removing = remove_if_unused(&entry);
        if let Err(error) = removing {
            tracing::debug!(file = %entry.path().display(), %error, "an old prepared model stays");
        }
    }
    Ok(())
}

/// Puts what was made where it is looked for.
fn keep(made: &Path, kept: &Path) -> io::Result<Prepared> {
    if fs::rename(made, kept).is_err() {
        // Somebody else was quicker, or what lies there is broken.
        if let Ok(prepared) = Prepared::read(kept) {
            fs::remove_dir_all(made)?;
            return Ok(prepared);
        }
        match fs::remove_dir_all(kept) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::rename(made, kept)?,
        }
    }
    Prepared::read(kept)
}

fn remove_if_unused(entry: &fs::DirEntry) -> io::Result<()> {
    let about = entry.metadata()?;
    let age = about.modified()?.elapsed().unwrap_or_default();
    if about.is_dir() && age > UNUSED {
        fs::remove_dir_all(entry.path())?;
    }
    Ok(())
}

/// For a folder that a model's prepared networks are kept in.
pub fn beside(model: &Path) -> PathBuf {
    model.with_extension("prepared")
}
