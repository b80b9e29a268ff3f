//! Engines that compute nothing: deterministic answers, and a [`Script`] by which a test makes them
//! fail, panic or wait.

mod gate;
mod listener;
mod loader;
mod script;
mod speaker;

pub use gate::Gate;
pub use listener::FakeTranscriber;
pub use loader::FakeLoader;
pub use script::Script;
pub use speaker::FakeSpeechEngine;
