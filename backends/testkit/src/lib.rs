//! For tests only: where the real models lie, fakes of the ports, and the conformance suites that
//! every backend has to pass.
//!
//! - [`FakeClock`], and in [`memory`] a queue, records and blobs: what the API and the worker are tested over.
//! - [`engines`]: engines that answer at once and fail, panic or wait on demand.
//! - [`servers`]: real servers; [`Booked`], for queues that need to be told what lies in them.
//! - [`conformance`]: what a backend promises, as cases that its own test binary runs by name.
//! - [`models_dir`]: the real models, for tests of the engines.

pub mod conformance;
pub mod engines;
pub mod memory;
pub mod servers;

mod bookkeeping;
mod clock;
mod jobs;
mod models;

pub use bookkeeping::{Booked, Books};
pub use clock::FakeClock;
pub use jobs::{speech_job, start_at};
pub use models::{model_file, models_dir};
