//! What the tests of pulling share: a web server that misbehaves on demand, a manifest for it, and a
//! listener that remembers.

#![expect(
    dead_code,
    unused_imports,
    reason = "each test binary uses its own part of this"
)]

mod ct2;
mod server;

use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};
use voicefleet_models::{
    Manifest, ModelStore, PullOptions,
    manifest::TARGET,
    progress::{Event, Progress},
};

pub(crate) use ct2::Ct2Builder;
pub(crate) use server::{Answer, Request, Server};

/// A folder for a test: `models/` in it is the store's.
pub(crate) struct Workplace {
    pub(crate) dir: tempfile::TempDir,
}

impl Workplace {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { dir }
    }

    pub(crate) fn store(&self, assets: &[String]) -> ModelStore {
        let texts: Vec<_> = assets.iter().map(String::as_str).collect();
        let manifest = Manifest::parse(&texts, TARGET).unwrap();
        ModelStore::with_manifest(self.dir.path().join("models"), manifest)
    }
}

/// Manifest text of an asset called `name`, in the folder `name`, with these sources and files.
pub(crate) fn asset(name: &str, sources: &[String], files: &[(&str, &[u8])]) -> String {
    let files = files.iter().map(|(name, content)| {
        let (size, sha256) = (content.len(), sha256(content));
        format!(r#"{{ name = "{name}", size = {size}, sha256 = "{sha256}" }}"#)
    });
    let files: Vec<_> = files.collect();
    format!(
        "[[asset]]\nname = \"{name}\"\npurpose = \"sample\"\nsets = [\"default\"]\nlicence = \"CC0-1.0\"\n\
         [[asset.group]]\nfolder = \"{name}\"\nsources = [{}]\nfiles = [{}]\n",
        sources.join(", "),
        files.join(", ")
    )
}

pub(crate) fn url_source(server: &Server) -> String {
    format!(r#"{{ kind = "url", url = "{}/{{name}}" }}"#, server.url())
}

pub(crate) fn sha256(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}

/// Bytes without a pattern that a wrong offset could hide in.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    };
    (0..len).map(next).collect()
}

/// Remembers the notes of a pull.
#[derive(Default)]
pub(crate) struct Notes(Mutex<Vec<String>>);

impl Notes {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Progress for Notes {
    fn on(&self, event: Event<'_>) {
        if let Event::Note { text } = event {
            self.0.lock().unwrap().push(text.to_owned());
        }
    }
}

/// Pulls everything in the store's manifest.
pub(crate) async fn pull(
    store: &ModelStore,
    notes: &Arc<Notes>,
    options: &PullOptions,
) -> Result<voicefleet_models::PullReport, voicefleet_models::PullError> {
    let progress: Arc<dyn Progress> = notes.clone();
    store.pull(&store.manifest().all(), progress, options).await
}
