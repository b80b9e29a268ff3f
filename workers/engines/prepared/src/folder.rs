//! Where prepared files are kept.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use tempfile::TempDir;

use crate::{Key, PreparedError};

/// How long a folder is kept that nobody looks for: what an earlier version, or a machine with another processor, made. Longer
/// than a process runs that has it loaded: that opens it again for every further lane.
const UNUSED: Duration = Duration::from_hours(180 * 24);

/// Begin of the names of folders in which something is being made, which takes a minute or so.
const MAKING: &str = "making-";
/// How long such a folder is left alone. Whoever made it was killed, and may be killed again with every start.
const MAKING_TAKES: Duration = Duration::from_hours(1);

/// What lies in a folder.
pub trait Contents: Sized {
    /// Reads it and looks whether it is whole.
    ///
    /// # Errors
    /// What is missing or not as it was written.
    fn read(folder: &Path) -> io::Result<Self>;
}

/// What can do with a folder for this time only.
pub trait Temporary: Contents {
    /// Has the folder, which is its own, go with it.
    #[must_use]
    fn in_its_own(self, folder: TempDir) -> Self;
}

/// What is kept in `folder` for `key`, if anything is and it is whole.
pub fn find<C: Contents>(folder: &Path, key: &Key) -> Option<C> {
    let kept = folder.join(key.name());
    match C::read(&kept) {
        Ok(contents) => {
            note_use(&kept);
            Some(contents)
        }
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound || kept.exists() {
                tracing::warn!(folder = %kept.display(), %error, "a prepared model is broken and is made anew");
            }
            None
        }
    }
}

/// Keeps in `folder` for `key` what `make` makes in a folder that it is given. Whatever else lies in `folder` and
/// has not been looked for for half a year is removed, and what was begun more than an hour ago and never finished.
///
/// Processes that make the same at the same time do not disturb each other.
///
/// # Errors
/// What `make` returns, and files that cannot be written; what is made is removed then.
pub fn keep<C: Contents, E: From<PreparedError>>(
    folder: &Path,
    key: &Key,
    make: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<C, E> {
    let making = place_in(folder).map_err(PreparedError::at(folder))?;
    make(making.path())?;
    let contents = put(making.path(), &folder.join(key.name()));
    Ok(contents.map_err(PreparedError::at(folder))?)
}

/// What is kept in `folder` for `key`, or is made by `make`, [and kept](keep). Where it cannot be kept, it is made for this time
/// only.
///
/// # Errors
/// What `make` returns; files that cannot be written in the system's folder for temporary files.
pub fn prepared<C: Temporary, E: From<PreparedError>>(
    folder: &Path,
    key: &Key,
    make: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<C, E> {
    if let Some(found) = find(folder, key) {
        return Ok(found);
    }
    let making = match place_in(folder) {
        Ok(making) => making,
        Err(error) => {
            say_not_kept(folder, &error);
            let making = builder().tempdir();
            making.map_err(PreparedError::at(&std::env::temp_dir()))?
        }
    };
    make(making.path())?;
    if making.path().starts_with(folder) {
        match put(making.path(), &folder.join(key.name())) {
            Ok(contents) => return Ok(contents),
            Err(error) => say_not_kept(folder, &error),
        }
    }
    let contents = C::read(making.path()).map_err(PreparedError::at(making.path()))?;
    Ok(contents.in_its_own(making))
}

fn say_not_kept(folder: &Path, error: &io::Error) {
    tracing::warn!(folder = %folder.display(), %error, "a prepared model cannot be kept: every start prepares it anew");
}

/// For a folder that is kept for a model file.
pub fn beside(model: &Path) -> PathBuf {
    model.with_extension("prepared")
}

/// Removed when dropped, if it is still there.
fn place_in(folder: &Path) -> io::Result<TempDir> {
    fs::create_dir_all(folder)?;
    if let Err(error) = remove_old(folder) {
        tracing::debug!(folder = %folder.display(), %error, "old prepared models stay");
    }
    builder().tempdir_in(folder)
}

fn builder() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(MAKING);
    builder
}

/// Puts what was made where it is looked for.
fn put<C: Contents>(made: &Path, kept: &Path) -> io::Result<C> {
    if fs::rename(made, kept).is_err() {
        // Somebody else was quicker, or what lies there is broken.
        if let Ok(contents) = C::read(kept) {
            note_use(kept);
            return Ok(contents);
        }
        match fs::remove_dir_all(kept) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::rename(made, kept)?,
        }
    }
    note_use(kept);
    C::read(kept)
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

fn remove_old(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if let Err(error) = remove_if_old(&entry) {
            tracing::debug!(file = %entry.path().display(), %error, "an old prepared model stays");
        }
    }
    Ok(())
}

fn remove_if_old(entry: &fs::DirEntry) -> io::Result<()> {
    let about = entry.metadata()?;
    let age = about.modified()?.elapsed().unwrap_or_default();
    let is_making = entry
        .file_name()
        .as_encoded_bytes()
        .starts_with(MAKING.as_bytes());
    let stays = if is_making { MAKING_TAKES } else { UNUSED };
    if about.is_dir() && age > stays {
        fs::remove_dir_all(entry.path())?;
    }
    Ok(())
}
