//! Webhooks over documents in memory, a clock that stands still, and a real receiver.

mod claims;
mod crowd;
mod endpoints;
mod refusals;
mod schedule;
mod support;
