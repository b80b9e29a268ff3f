//! Bringing files into the models folder.
//!
//! [`ModelStore::pull`] decides what is missing and takes the folder's lock; [`puller`] goes through the
//! sources of each file; [`sources`] knows the three kinds, with the help of [`http`], [`packages`] and
//! [`crate::convert`]. A
//! file is put together beside its place (`.part`), checked by its sum, and only then renamed into it.

mod archive;
mod clients;
mod error;
mod http;
mod lock;
mod packages;
mod puller;
mod sources;

use std::{collections::HashSet, io, sync::Arc, time::Duration};

use crate::{
    manifest::{Asset, FileEntry, Selection, TARGET},
    progress::Progress,
    store::{Condition, ModelStore},
};

use packages::blocking;

pub use clients::Clients;
pub use error::{FileFailure, PullError, SourceFailure};

/// How a pull is done.
#[derive(Clone, Debug)]
pub struct PullOptions {
    /// How closely the files that are there are looked at.
    pub check: Check,
    /// Keep fetched packages and the inputs of conversions in `.downloads/`.
    pub keep_downloads: bool,
    /// How long to wait for another process that pulls into the same folder.
    pub lock_wait: Duration,
    /// Assets fetched at the same time.
    pub concurrent_assets: usize,
    /// The package clients.
    pub clients: Clients,
}

impl Default for PullOptions {
    /// Sizes, no downloads kept, ten minutes, three assets, the clients on `PATH`.
    fn default() -> Self {
        Self {
            check: Check::Sizes,
            keep_downloads: false,
            lock_wait: Duration::from_mins(10),
            concurrent_assets: 3,
            clients: Clients::default(),
        }
    }
}

/// How closely files are looked at that are already there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Their sizes.
    Sizes,
    /// Their content; what is wrong is fetched anew.
    Sums,
}

/// What a pull did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PullReport {
    /// Paths of the files that were put in place; empty if all were there.
    pub files: Vec<String>,
    /// Their bytes.
    pub bytes_placed: u64,
    /// Bytes that came over the network, packages as packed.
    pub bytes_fetched: u64,
}

/// An asset and those of its files that have to be fetched.
type Work<'m> = (&'m Asset, Vec<&'m FileEntry>);

impl ModelStore {
    /// Fetches what is missing of a selection. When nothing is, it touches neither network nor folder.
    ///
    /// Dropping the future stops it; what has arrived is kept and used by the next pull.
    ///
    /// # Errors
    /// [`PullError`]: nothing wrong is ever left in place, and what could be fetched stays fetched.
    pub async fn pull(
        &self,
        selection: &Selection<'_>,
        progress: Arc<dyn Progress>,
        options: &PullOptions,
    ) -> Result<PullReport, PullError> {
        if let Some(asset) = selection.assets().find(|asset| asset.files.is_empty()) {
            return Err(PullError::Unsupported {
                asset: asset.name.clone(),
                target: TARGET,
            });
        }
        if self.work(selection, options.check).await?.is_empty() {
            return Ok(PullReport::default());
        }
        let _lock = lock::acquire(self.dir(), options.lock_wait, &*progress).await?;
        // Whoever held the lock may have fetched it all.
        let work = self.work(selection, options.check).await?;
        self.remove_wrong(&work)?;
        puller::Puller::new(self, selection, progress, options)?
            .run(work)
            .await
    }

    async fn work<'m>(
        &self,
        selection: &Selection<'m>,
        check: Check,
    ) -> Result<Vec<Work<'m>>, PullError> {
        let (store, files) = (self.clone(), selection.files().cloned().collect());
        let bad = blocking(move || Ok(store.bad_files(files, check))).await;
        let bad = bad.map_err(|error| PullError::folder(self.dir(), error))?;
        let missing = selection.assets().map(|asset| {
            let files = asset.files.iter().filter(|file| bad.contains(&file.path));
            (asset, files.collect::<Vec<_>>())
        });
        Ok(missing.filter(|(_, files)| !files.is_empty()).collect())
    }

    /// Paths of the files that are missing or wrong. May read them all.
    fn bad_files(&self, files: Vec<FileEntry>, check: Check) -> HashSet<String> {
        let is_bad = |file: &FileEntry| match check {
            Check::Sizes => !self.has(file),
            Check::Sums => self.check(file) != Condition::Good,
        };
        let bad = files.into_iter().filter(is_bad);
        bad.map(|file| file.path).collect()
    }

    /// A wrong file helps nobody, and might pass for a good one by its size.
    fn remove_wrong(&self, work: &[Work<'_>]) -> Result<(), PullError> {
        for file in work.iter().flat_map(|(_, files)| files) {
            match std::fs::remove_file(self.path(&file.path)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(PullError::folder(self.dir(), error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
