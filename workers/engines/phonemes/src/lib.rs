//! Text to phonemes with espeak-ng, clause by clause, as Piper's voices were trained on them.
//!
//! Begin with [`Espeak::open`], then [`Espeak::clauses`]. espeak-ng keeps its whole state in C globals:
//! every handle of the process shares it under one lock. A call takes about a thousandth of the time
//! that speaking its result takes, so the lock is no bottleneck.
//!
//! espeak-ng is linked statically, in the version that piper-tts 1.8.0 carries (1.52.0.1); its data
//! folder (`espeak-ng-data`, of the same version) is passed in. The licence of espeak-ng is
//! GPL-3.0-or-later.

mod clause;
mod error;
mod espeak;
mod native;
mod segments;

pub use clause::Clause;
pub use error::EspeakError;
pub use espeak::Espeak;
