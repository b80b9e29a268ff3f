//! Files out of packages: each package is fetched once, and unpacked once per asset.

use std::{
    collections::{BTreeSet, HashMap},
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::{sync::Mutex as AsyncMutex, task::spawn_blocking};

use super::{archive, clients::Clients, error::SourceFailure};
use crate::manifest::Package;

/// The packages of one pull. Below `dir`, a folder for each: `archive/` with what the client fetched,
/// complete as soon as it exists, and `members/` with what was taken out of it.
pub(super) struct Packages {
    dir: PathBuf,
    clients: Clients,
    slots: Mutex<HashMap<Package, Slot>>,
    fetched: AtomicU64,
}

/// Held while a package is worked on; what went wrong with it is remembered, not tried again.
type Slot = Arc<AsyncMutex<Option<SourceFailure>>>;

impl Packages {
    pub(super) fn new(dir: PathBuf, clients: Clients) -> Self {
        Self {
            dir,
            clients,
            slots: Mutex::default(),
            fetched: AtomicU64::new(0),
        }
    }

    /// Bytes of the packages that were fetched.
    pub(super) fn bytes_fetched(&self) -> u64 {
        self.fetched.load(Ordering::Relaxed)
    }

    /// The file `member` of a package, unpacked; the caller may move it away. `wanted` are all the files
    /// that will be asked for next, so that the archive need not be opened for each. Calls `fetching` if
    /// the package has to be fetched.
    pub(super) async fn member(
        &self,
        package: &Package,
        member: &str,
        wanted: BTreeSet<String>,
        fetching: impl FnOnce(),
    ) -> Result<PathBuf, SourceFailure> {
        let slot = self.slot(package);
        let mut failure = slot.lock().await;
        if let Some(failure) = &*failure {
            return Err(failure.clone());
        }
        let path = self.folder(package).join("members").join(member);
        if !path.is_file() {
            let unpacked = self.unpack(package, wanted, fetching).await;
            *failure = unpacked.err();
        }
        match &*failure {
            Some(failure) => Err(failure.clone()),
            None if path.is_file() => Ok(path),
            None => Err(SourceFailure::Package(format!("it has no '{member}'"))),
        }
    }

    /// Throws a package away that held something wrong, and does not fetch it again in this pull.
    pub(super) async fn discard(&self, package: &Package) -> Result<(), SourceFailure> {
        let slot = self.slot(package);
        let mut failure = slot.lock().await;
        let why = "it does not hold what it should".to_owned();
        failure.get_or_insert(SourceFailure::Package(why));
        remove(&self.folder(package)).map_err(|error| SourceFailure::disk(&error))
    }

    async fn unpack(
        &self,
        package: &Package,
        wanted: BTreeSet<String>,
        fetching: impl FnOnce(),
    ) -> Result<(), SourceFailure> {
        let folder = self.folder(package);
        let archive = self.archive(package, &folder, fetching).await?;
        let members = folder.join("members");
        let unpacked = blocking(move || archive::unpack(&archive, &wanted, &members)).await;
        unpacked.map_err(|error| {
            // What cannot be opened is fetched anew by the next pull.
            let _ = remove(&folder.join("archive"));
            if error.kind() == io::ErrorKind::StorageFull {
                SourceFailure::disk(&error)
            } else {
                SourceFailure::Package(format!("it cannot be unpacked: {error}"))
            }
        })
    }

    /// The package's archive, fetched unless an earlier pull has left it.
    async fn archive(
        &self,
        package: &Package,
        folder: &Path,
        fetching: impl FnOnce(),
    ) -> Result<PathBuf, SourceFailure> {
        let complete = folder.join("archive");
        let disk = |error: io::Error| SourceFailure::disk(&error);
        if !complete.is_dir() {
            fetching();
            let incoming = folder.join("incoming");
            remove(&incoming).map_err(disk)?;
            fs::create_dir_all(&incoming).map_err(disk)?;
            self.clients.fetch(package, &incoming).await?;
            if let Package::Debian(_) = package {
                self.open_deb(&incoming).await?;
            }
            let size = fs::metadata(only_file(&incoming)?).map_err(disk)?.len();
            self.fetched.fetch_add(size, Ordering::Relaxed);
            fs::rename(&incoming, &complete).map_err(disk)?;
        }
        only_file(&complete)
    }

    /// Replaces a Debian package by its file tree.
    async fn open_deb(&self, folder: &Path) -> Result<(), SourceFailure> {
        let deb = only_file(folder)?;
        self.clients
            .open_deb(&deb, &folder.join("data.tar"))
            .await?;
        fs::remove_file(deb).map_err(|error| SourceFailure::disk(&error))
    }

    fn slot(&self, package: &Package) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(package.clone()).or_default())
    }

    fn folder(&self, package: &Package) -> PathBuf {
        let name = match package {
            Package::Pypi {
                requirement,
                platform,
                ..
            } => format!("pypi-{requirement}-{platform}"),
            Package::Npm(spec) => format!("npm-{spec}"),
            Package::Debian(name) => format!("debian-{name}"),
        };
        self.dir.join(name.replace('/', "-"))
    }
}

/// The one file in a folder.
fn only_file(folder: &Path) -> Result<PathBuf, SourceFailure> {
    let entries = fs::read_dir(folder).map_err(|error| SourceFailure::disk(&error))?;
    let mut files = entries.flatten().map(|entry| entry.path());
    match (files.next(), files.next()) {
        (Some(file), None) => Ok(file),
        (None, _) => Err(SourceFailure::Package(
            "the client fetched nothing".to_owned(),
        )),
        _ => Err(SourceFailure::Package(
            "the client fetched several files".to_owned(),
        )),
    }
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Runs file work off the async threads.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(work)
        .await
        .unwrap_or_else(|panic| Err(io::Error::other(panic)))
}
