//! Which assets are meant.

use super::{Asset, FileEntry, Manifest, Set};

/// The name that means every asset.
pub(super) const ALL: &str = "all";

/// Assets of a manifest, with everything that they require, in manifest order.
#[derive(Clone, Debug)]
pub struct Selection<'m> {
    assets: Vec<&'m Asset>,
}

/// A name that is neither a set nor an asset.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{name}' is neither a set ({sets}) nor an asset; there are: {assets}", sets = set_names())]
pub struct UnknownName {
    /// The name as given.
    pub name: String,
    /// The assets there are, separated by commas.
    pub assets: String,
}

fn set_names() -> String {
    let mut names = Set::ALL.map(Set::name).to_vec();
    names.push(ALL);
    names.join(", ")
}

impl Manifest {
    /// The assets that `names` stand for: names of sets (`default`, `test`, `bench`, `all`) and of assets.
    ///
    /// # Errors
    /// [`UnknownName`] for a name that is neither.
    pub fn select<N: AsRef<str>>(&self, names: &[N]) -> Result<Selection<'_>, UnknownName> {
        let mut wanted = vec![false; self.assets.len()];
        for name in names {
            self.mark_named(name.as_ref(), &mut wanted)?;
        }
        let selected = self.assets.iter().zip(&wanted);
        Ok(Selection {
            assets: selected
                .filter_map(|(asset, wanted)| wanted.then_some(asset))
                .collect(),
        })
    }

    /// Every asset.
    pub fn all(&self) -> Selection<'_> {
        Selection {
            assets: self.assets.iter().collect(),
        }
    }

    fn mark_named(&self, name: &str, wanted: &mut [bool]) -> Result<(), UnknownName> {
        let set = Set::ALL.into_iter().find(|set| set.name() == name);
        let mut known = name == ALL || set.is_some();
        for (index, asset) in self.assets.iter().enumerate() {
            let in_set = set.is_some_and(|set| asset.sets.contains(&set));
            if name == ALL || in_set || asset.name == name {
                known = true;
                self.mark(index, wanted);
            }
        }
        if known {
            return Ok(());
        }
        let names: Vec<_> = self
            .assets
            .iter()
            .map(|asset| asset.name.as_str())
            .collect();
        Err(UnknownName {
            name: name.to_owned(),
            assets: names.join(", "),
        })
    }

    /// Marks an asset and all that it requires, directly or not.
    fn mark(&self, index: usize, wanted: &mut [bool]) {
        if std::mem::replace(&mut wanted[index], true) {
            return;
        }
        for required in &self.assets[index].requires {
            if let Some(index) = self.assets.iter().position(|asset| &asset.name == required) {
                self.mark(index, wanted);
            }
        }
    }
}

impl<'m> Selection<'m> {
    /// The assets.
    pub fn assets(&self) -> impl Iterator<Item = &'m Asset> + '_ {
        self.assets.iter().copied()
    }

    /// Their files.
    pub fn files(&self) -> impl Iterator<Item = &'m FileEntry> + '_ {
        self.assets().flat_map(|asset| &asset.files)
    }

    /// Bytes of all files together, once they are in place.
    pub fn size(&self) -> u64 {
        self.assets().map(Asset::size).sum()
    }

    /// Whether the file at `path` is among them.
    pub fn contains(&self, path: &str) -> bool {
        self.files().any(|file| file.path == path)
    }
}
