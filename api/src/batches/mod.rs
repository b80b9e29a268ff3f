//! Many requests as one file, done in the tier `batch`.
//!
//! `record.rs` is a batch as it is kept, `store.rs` where. `runner.rs` takes batches that nobody has and runs each
//! with `run/`: `input.rs` cuts the file into lines, `request.rs` makes a job of each, `outcome.rs` keeps
//! what became of it, `report.rs` writes the files at the end.

pub(crate) mod input;
mod outcome;
pub(crate) mod record;
mod report;
mod request;
mod run;
mod runner;
pub(crate) mod store;

pub use runner::run_batches;
