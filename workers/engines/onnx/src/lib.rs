//! ONNX Runtime as the engines use it: one shared library for the process, sessions that stay on one
//! core, and a fixed set of sessions for several jobs at a time.
//!
//! Begin with [`load_runtime`], which must come before any session; then [`open_session`]; then
//! [`Lanes`], because a session computes one thing at a time.
//!
//! The runtime is a file that is found at run time, not linked: the same program runs with the CPU
//! library and with the CUDA one. Any ONNX Runtime from 1.20 on is accepted; 1.31.1 is what
//! the models are tested with. A session for a GPU never computes on the CPU instead: where the GPU cannot be
//! had it is an error, which [`check_device`] finds before there is a model.
//!
//! A model that takes long to open can be prepared once: read as a [`graph::Network`], changed,
//! [optimised], cut into [pieces](graph::Network::pieces) and [kept](staged::prepared).

mod device;
mod error;
pub mod graph;
mod lanes;
mod memory;
mod optimise;
mod rewritten;
mod runtime;
mod session;
pub mod staged;
mod stages;

pub use device::check_device;
pub use error::OnnxError;
pub use lanes::Lanes;
pub use memory::Memory;
pub use optimise::optimised;
pub use rewritten::{Rewritten, open_rewritten};
pub use runtime::load_runtime;
pub use session::{MakeOperators, SessionOptions, open_session};
pub use stages::{Stages, Values};
