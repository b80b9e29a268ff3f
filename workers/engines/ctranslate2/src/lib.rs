//! CTranslate2's Whisper models, out of a shared library that is found at run time.
//!
//! Begin with [`WhisperModel::open`], which loads the library, or with [`load_library`]. The crate knows tensors and
//! tokens only: what they mean, and what a transcript is, is the business of the Whisper engine.
//!
//! The library is the one of CTranslate2's own Python package, so what computes is what computes in faster-whisper. It must be
//! of version [`VERSION`]: C++ has no stable interface between versions.

mod error;

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod functions;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod leading;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod library;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod model;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod weights;

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
#[path = "absent.rs"]
mod model;
#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
use model as library;

mod shapes;

pub use error::Ct2Error;
pub use library::load_library;
pub use model::{Encoded, WhisperModel, check_device};
pub use shapes::{Alignment, Device, Features, Generated, Generation};

/// The version of CTranslate2 that this program was compiled for.
pub const VERSION: &str = "4.8.4";
