//! Text to phonemes with espeak-ng, clause by clause, as Piper's voices were trained on them.
//!
//! Begin with [`Espeak::open`], then [`Espeak::clauses`]. espeak-ng keeps its whole state in C globals:
//! every handle of the process shares it under one lock. A call takes about a thousandth of the time
//! that speaking its result takes, so the lock is no bottleneck.
//!
//! espeak-ng is linked statically, as espeak-rs-sys carries it (1.52.0.1); its data folder
//! (`espeak-ng-data`, of the same version: that of piper-tts 1.8.0) is passed in. Building needs cmake, a
//! C compiler, libclang and libsonic's development files. The licence of espeak-ng is GPL-3.0-or-later.
//!
//! espeak-ng is C that trusts its input. What a text can do to it in the languages that were tried with
//! random texts under `AddressSanitizer` (English, German, French, Portuguese, Chinese and others) is
//! kept from it here: control characters are refused, letters of languages without a dictionary are left
//! out, and clauses that would overrun its buffers are cut. Left is that it looks one byte before a buffer now and then. Arabic, Hindi, Vietnamese and, for
//! strings of symbols, Spanish still write or read further: with these voices, a text can crash the
//! process.

mod clause;
mod error;
mod espeak;
mod native;
mod scripts;
mod segments;

pub use clause::Clause;
pub use error::EspeakError;
pub use espeak::Espeak;
