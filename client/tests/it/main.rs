//! The client against the real router, served on a loopback socket over in-memory ports, with a worker of a few
//! lines.

mod support;

mod administration;
mod audio;
mod batches;
mod contract;
mod errors;
mod events;
mod jobs;
mod retries;
mod waiting;
mod webhooks;
