//! Live sessions.

pub(crate) mod client;

mod bounds;
mod cancelling;
mod ends;
pub(crate) mod handshake;
mod keys;
mod recordings;
mod refusals;
mod speaking;
