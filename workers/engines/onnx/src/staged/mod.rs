//! Networks that are kept in pieces, ready to be opened: a folder with their files.

mod cache;
mod contents;
mod weights;

pub use cache::{Key, beside, prepared};
pub use contents::{Part, Prepared};
pub use weights::Weights;
