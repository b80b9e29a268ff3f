//! What there is to fetch: assets, their files, and where each file can be had.
//!
//! The list itself is in `manifest/*.toml` of this crate. To add a model, add an asset there with the
//! sizes and sums of files that you have seen; nothing else has to change unless its engine is new.

mod built_in;
mod parse;
mod select;
mod validate;

use std::sync::LazyLock;

use serde::Deserialize;
use voicefleet_core::{EngineId, catalog::ModelTask};

use crate::convert::WeightFormat;

pub use parse::ManifestError;
pub use select::{Selection, UnknownName};

/// The machine this program was built for, as manifest groups name it: `x86_64-linux`.
pub const TARGET: &str = if cfg!(all(target_arch = "x86_64", target_os = "linux")) {
    "x86_64-linux"
} else if cfg!(all(target_arch = "aarch64", target_os = "linux")) {
    "aarch64-linux"
} else {
    "unsupported"
};

/// The texts that are built into the program. The order is that of the catalogue: the first model of
/// an engine is its default.
const TEXTS: [&str; 9] = [
    include_str!("../../manifest/piper.toml"),
    include_str!("../../manifest/kokoro.toml"),
    include_str!("../../manifest/whisper.toml"),
    include_str!("../../manifest/onnxruntime.toml"),
    include_str!("../../manifest/ctranslate2.toml"),
    include_str!("../../manifest/espeak-ng.toml"),
    include_str!("../../manifest/espeak-ng-all.toml"),
    include_str!("../../manifest/speech.toml"),
    include_str!("../../manifest/conversion.toml"),
];

/// All assets, for one kind of machine.
#[derive(Clone, Debug)]
pub struct Manifest {
    assets: Vec<Asset>,
}

/// A named group of assets that are wanted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Set {
    /// What the first run needs.
    Default,
    /// What the tests need beyond that.
    Test,
    /// What the benches need beyond that.
    Bench,
}

/// Files that belong together and are fetched, checked and named as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Unique name; also the model's name in requests where it is a model.
    pub name: String,
    /// What it is for: an engine's name, or `runtime`, `conversion`, `sample`.
    pub purpose: String,
    /// The sets it is in; none for what is only fetched by name.
    pub sets: Vec<Set>,
    /// Licence as stated by the publisher, SPDX where there is an identifier.
    pub licence: String,
    /// Assets that it does not work without.
    pub requires: Vec<String>,
    /// What the catalogue says about it, if it is a model.
    pub model: Option<ModelFacts>,
    /// Its files; empty if there are none for this machine.
    pub files: Vec<FileEntry>,
}

/// What the catalogue says about a model.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFacts {
    /// The engine that runs it.
    pub engine: EngineId,
    /// Whether it speaks or transcribes.
    pub task: ModelTask,
    /// ISO 639-1 codes; empty means "any that the model knows".
    pub languages: Vec<String>,
    /// Path of the main weights; their SHA-256 is the model's digest.
    pub weights: String,
}

/// One file of an asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// Path below the models folder, with `/`.
    pub path: String,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256, 64 lower-case hex digits.
    pub sha256: String,
    /// Where it can be had, tried in this order.
    pub sources: Vec<Source>,
}

/// One way to get a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The file itself, which is part of the program; `None` if it is not.
    BuiltIn(Option<&'static str>),
    /// The file itself, by HTTP.
    Url(String),
    /// Members of packages, put together in this order.
    Packages(Vec<PackageMember>),
    /// Made here from other files of the manifest.
    Convert(Conversion),
}

/// A file inside a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageMember {
    /// The package.
    pub package: Package,
    /// Path inside its archive.
    pub member: String,
}

/// A package that a package client can fetch. The client knows the registry, the mirror and the
/// credentials; the manifest does not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Package {
    /// A Python package.
    Pypi {
        /// `name==version`.
        requirement: String,
        /// Wheel or source archive.
        form: PypiForm,
        /// Wheel platform tag, e.g. `manylinux_2_28_x86_64`.
        platform: String,
    },
    /// A Node package, `name@version`.
    Npm(String),
    /// A Debian package, of whatever version the system's release has.
    Debian(String),
}

/// In which form a Python package is fetched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PypiForm {
    /// Built (zip).
    #[default]
    Wheel,
    /// Source (tar.gz).
    Sdist,
}

/// A conversion of `CTranslate2`'s Whisper weights to whisper.cpp's format. Paths are manifest paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversion {
    /// The weights, `model.bin`.
    pub weights: String,
    /// The mel filter bank, `.npz`.
    pub mel: String,
    /// The byte-pair vocabulary, `.tiktoken`.
    pub vocabulary: String,
    /// The precision of the result.
    pub to: WeightFormat,
}

impl Manifest {
    /// The manifest that is built into this program, for the machine it was built for.
    ///
    /// # Panics
    /// Never in a tested build: the tests read the same text.
    pub fn embedded() -> &'static Self {
        static EMBEDDED: LazyLock<Manifest> = LazyLock::new(|| {
            Manifest::parse(&TEXTS, TARGET).expect("the tests have read the same manifest")
        });
        &EMBEDDED
    }

    /// Every asset, in manifest order.
    pub fn assets(&self) -> &[Asset] {
        &self.assets
    }

    /// The asset of that name.
    pub fn asset(&self, name: &str) -> Option<&Asset> {
        self.assets.iter().find(|asset| asset.name == name)
    }

    /// Whether the asset and all that it requires has files for this machine.
    pub fn runs_here(&self, asset: &Asset) -> bool {
        let mut required = asset.requires.iter().filter_map(|name| self.asset(name));
        !asset.files.is_empty() && required.all(|asset| self.runs_here(asset))
    }

    /// The file at `path`, and the asset that it belongs to.
    pub fn file(&self, path: &str) -> Option<(&Asset, &FileEntry)> {
        self.assets.iter().find_map(|asset| {
            let file = asset.files.iter().find(|file| file.path == path)?;
            Some((asset, file))
        })
    }
}

impl Set {
    /// Every set.
    pub const ALL: [Self; 3] = [Self::Default, Self::Test, Self::Bench];

    /// The name used on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Test => "test",
            Self::Bench => "bench",
        }
    }
}

impl Asset {
    /// Bytes of all its files together.
    pub fn size(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    /// SHA-256 of the main weights (hex), if it is a model.
    pub fn digest(&self) -> Option<&str> {
        let weights = &self.model.as_ref()?.weights;
        let file = self.files.iter().find(|file| &file.path == weights)?;
        Some(&file.sha256)
    }
}

impl std::fmt::Display for Package {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pypi { requirement, .. } => write!(f, "Python package {requirement}"),
            Self::Npm(spec) => write!(f, "Node package {spec}"),
            Self::Debian(name) => write!(f, "Debian package {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_manifest_is_whole_on_every_machine() {
        for target in ["x86_64-linux", "aarch64-linux", "unsupported"] {
            let manifest = Manifest::parse(&TEXTS, target).expect(target);
            let without: Vec<_> = (manifest.assets().iter())
                .filter(|asset| asset.files.is_empty())
                .map(|asset| asset.name.as_str())
                .collect();
            let expected: &[&str] = match target {
                "unsupported" => &["onnxruntime", "onnxruntime-cuda", "ctranslate2"],
                "aarch64-linux" => &["onnxruntime-cuda", "ctranslate2"],
                _ => &[],
            };
            assert_eq!(without, expected, "{target}");
        }
    }

    #[test]
    fn every_set_resolves_with_what_its_assets_require() {
        let manifest = Manifest::embedded();
        for set in Set::ALL {
            let selection = manifest.select(&[set.name()]).expect("a set");
            assert!(selection.size() > 0);
            for required in selection.assets().flat_map(|asset| &asset.requires) {
                assert!(selection.assets().any(|asset| &asset.name == required));
            }
        }
        let default = manifest.select(&["default"]).expect("a set");
        for path in [
            "piper/en_US-joe-medium/en_US-joe-medium.onnx.json",
            "kokoro/voices/zm_yunyang.bin",
            "vad/ggml-silero-v6.2.0.bin",
            "espeak-ng-data/lang/gmw/en-US",
            "speech/jfk.wav",
        ] {
            assert!(default.contains(path), "{path}");
        }
        assert!(!default.contains("whisper/ggml-tiny.en.bin"));
    }

    #[test]
    fn each_machine_gets_the_format_of_whisper_that_it_runs() {
        for (target, weights) in [
            ("x86_64-linux", "ct2/base/model.bin"),
            ("aarch64-linux", "whisper/ggml-base-q8_0.bin"),
        ] {
            let manifest = Manifest::parse(&TEXTS, target).expect(target);
            let default = manifest.select(&["default"]).expect("a set");
            let models: Vec<_> = (default.assets())
                .filter_map(|asset| asset.model.as_ref())
                .filter(|model| model.engine == EngineId::new("whisper"))
                .map(|model| model.weights.as_str())
                .collect();
            assert_eq!(models, [weights], "{target}");
            assert!(default.assets().all(|asset| manifest.runs_here(asset)));
        }
    }

    #[test]
    fn an_asset_brings_what_it_requires() {
        let selection = Manifest::embedded()
            .select(&["whisper-tiny.en"])
            .expect("an asset");
        let names: Vec<_> = selection
            .assets()
            .map(|asset| asset.name.as_str())
            .collect();
        assert_eq!(names, ["whisper-tiny.en", "vad"]);
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let refusal = Manifest::embedded()
            .select(&["whisper-huge"])
            .expect_err("unknown");
        let text = refusal.to_string();
        assert!(
            text.contains("'whisper-huge'") && text.contains("whisper-base"),
            "{text}"
        );
        assert!(text.contains("default, test, bench, all"), "{text}");
    }

    const GOOD: &str = r#"
        [[asset]]
        name = "abc"
        purpose = "sample"
        sets = []
        licence = "CC0-1.0"
        [[asset.group]]
        folder = "letters"
        sources = [{ kind = "url", url = "https://example.org/{name}" }]
        files = [{ name = "abc", size = 3, sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" }]
    "#;

    #[test]
    fn a_manifest_that_contradicts_itself_is_refused() {
        assert!(Manifest::parse(&[GOOD], TARGET).is_ok());
        for (right, wrong) in [
            ("sets = []", "sets = [\"nightly\"]"),
            ("sets = []", "sets = []\nmirror = \"x\""),
            ("sets = []", "sets = []\nrequires = [\"nothing\"]"),
            ("name = \"abc\"\n", "name = \"default\"\n"),
            ("folder = \"letters\"", "folder = \"../letters\""),
            ("size = 3", "size = 0"),
            ("ba7816bf", "BA7816BF"),
            ("20015ad", "20015a"),
            ("https://", "ftp://"),
            (
                "{ kind = \"url\", url = \"https://example.org/{name}\" }",
                "",
            ),
            ("kind = \"url\"", "kind = \"torrent\""),
        ] {
            let text = GOOD.replacen(right, wrong, 1);
            assert_ne!(text, GOOD, "{right}");
            assert!(Manifest::parse(&[&text], TARGET).is_err(), "{wrong}");
        }
        assert!(Manifest::parse(&[GOOD, GOOD], TARGET).is_err());
    }
}
