//! One pull: every missing file, source by source. How a source gives a file is in [`super::sources`].

use std::{
    collections::{HashMap, HashSet},
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use futures::{StreamExt, stream};
use tokio::sync::Mutex as AsyncMutex;

use super::{
    PullOptions, PullReport, Work,
    error::{FileFailure, PullError, SourceFailure},
    http::{Http, host_of},
    packages::Packages,
};
use crate::{
    manifest::{Asset, FileEntry, Selection, Source},
    progress::{Event, Progress, Step},
    store::{Condition, ModelStore, check_size},
};

pub(super) struct Puller<'a> {
    pub(super) store: &'a ModelStore,
    pub(super) selection: &'a Selection<'a>,
    options: &'a PullOptions,
    pub(super) progress: Arc<dyn Progress>,
    /// `.downloads` below the models folder: packages, and inputs that nobody asked for.
    pub(super) downloads: PathBuf,
    pub(super) http: Http,
    pub(super) packages: Packages,
    /// Held while a file is fetched, by its path: two conversions may want the same input.
    in_work: Mutex<HashMap<String, Arc<AsyncMutex<()>>>>,
    told: Mutex<HashSet<(String, String)>>,
    pub(super) bytes_downloaded: AtomicU64,
}

/// What became of one asset.
struct Outcome {
    fetched: Vec<String>,
    bytes: u64,
    failures: Vec<FileFailure>,
}

impl<'a> Puller<'a> {
    pub(super) fn new(
        store: &'a ModelStore,
        selection: &'a Selection<'a>,
        progress: Arc<dyn Progress>,
        options: &'a PullOptions,
    ) -> Result<Self, PullError> {
        let downloads = store.path(".downloads");
        Ok(Self {
            store,
            selection,
            options,
            progress,
            http: Http::new().map_err(|error| PullError::folder(store.dir(), error))?,
            packages: Packages::new(downloads.join("packages"), options.clients.clone()),
            downloads,
            in_work: Mutex::default(),
            told: Mutex::default(),
            bytes_downloaded: AtomicU64::new(0),
        })
    }

    /// Fetches the files of `work`, the largest assets first, some assets at the same time.
    pub(super) async fn run(self, mut work: Vec<Work<'_>>) -> Result<PullReport, PullError> {
        work.sort_by_key(|(_, files)| {
            std::cmp::Reverse(files.iter().map(|file| file.size).sum::<u64>())
        });
        let fetches: Vec<_> = work
            .iter()
            .map(|(asset, files)| self.fetch_asset(asset, files))
            .collect();
        let outcomes =
            stream::iter(fetches).buffer_unordered(self.options.concurrent_assets.max(1));
        let outcomes: Vec<Outcome> = outcomes.collect().await;

        let mut report = PullReport {
            bytes_fetched: self.bytes_downloaded.load(Ordering::Relaxed)
                + self.packages.bytes_fetched(),
            ..PullReport::default()
        };
        let mut failures = Vec::new();
        for outcome in outcomes {
            report.files.extend(outcome.fetched);
            report.bytes_placed += outcome.bytes;
            failures.extend(outcome.failures);
        }
        if !failures.is_empty() {
            return Err(PullError::Files(failures));
        }
        if !self.options.keep_downloads {
            remove_dir(&self.downloads)
                .map_err(|error| PullError::folder(self.store.dir(), error))?;
        }
        Ok(report)
    }

    async fn fetch_asset(&self, asset: &Asset, files: &[&FileEntry]) -> Outcome {
        let mut outcome = Outcome {
            fetched: Vec::new(),
            bytes: 0,
            failures: Vec::new(),
        };
        for file in files {
            match self.ensure(asset, file, self.store.dir()).await {
                Ok(_) => {
                    outcome.fetched.push(file.path.clone());
                    outcome.bytes += file.size;
                }
                Err(failure) => outcome.failures.push(failure),
            }
        }
        if outcome.failures.is_empty() {
            self.progress.on(Event::AssetFinished {
                asset: &asset.name,
                files: outcome.fetched.len(),
                bytes: outcome.bytes,
            });
        }
        outcome
    }

    /// Makes sure that a file is in the folder `root`, and returns where.
    pub(super) async fn ensure(
        &self,
        asset: &Asset,
        file: &FileEntry,
        root: &Path,
    ) -> Result<PathBuf, FileFailure> {
        let turn = self.turn(&file.path);
        let _in_work = turn.lock().await;
        let target = root.join(&file.path);
        if check_size(&target, file) == Condition::Good {
            return Ok(target);
        }
        self.progress.on(Event::FileStarted {
            file: &file.path,
            size: file.size,
        });
        let result = self.fetch(asset, file, &target).await;
        self.progress.on(Event::FileEnded { file: &file.path });
        result.map(|()| target)
    }

    /// Tries a file's sources until one gives it.
    async fn fetch(
        &self,
        asset: &Asset,
        file: &FileEntry,
        target: &Path,
    ) -> Result<(), FileFailure> {
        let mut attempts = Vec::new();
        for (index, source) in file.sources.iter().enumerate() {
            let name = describe(source);
            let failure = match self.fetch_from(source, asset, file, target).await {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            };
            let stop = failure.is_local();
            if !stop && index + 1 < file.sources.len() {
                self.tell_next(file, source, &name, &failure);
            }
            attempts.push((name, failure));
            if stop {
                break;
            }
        }
        Err(FileFailure {
            file: file.path.clone(),
            attempts,
        })
    }

    fn turn(&self, path: &str) -> Arc<AsyncMutex<()>> {
        let mut in_work = self.in_work.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(in_work.entry(path.to_owned()).or_default())
    }

    pub(super) fn step(&self, file: &FileEntry, step: Step<'_>) {
        self.progress.on(Event::FileStep {
            file: &file.path,
            step,
        });
    }

    /// Says once per place and reason that the next source is tried.
    fn tell_next(&self, file: &FileEntry, source: &Source, name: &str, failure: &SourceFailure) {
        let place = match source {
            Source::Url(url) => host_of(url),
            Source::BuiltIn(_) | Source::Packages(_) | Source::Convert(_) => name.to_owned(),
        };
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.insert((place, failure.to_string())) {
            let text = format!("{}: {name}: {failure}; trying the next source", file.path);
            self.progress.on(Event::Note { text: &text });
        }
    }
}

fn describe(source: &Source) -> String {
    match source {
        Source::Url(url) => url.clone(),
        Source::BuiltIn(_) => "a part of this program".to_owned(),
        Source::Packages(parts) => {
            let packages: Vec<_> = parts.iter().map(|part| part.package.to_string()).collect();
            packages.join(" + ")
        }
        Source::Convert(conversion) => format!("conversion of {}", conversion.weights),
    }
}

fn remove_dir(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
