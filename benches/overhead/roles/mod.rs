//! The parts of our fleet, put together as the program does it, but around an engine that does nothing.

pub(crate) mod api;
mod no_audio;
mod parts;
pub(crate) mod worker;
