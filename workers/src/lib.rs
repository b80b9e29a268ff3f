//! The consuming side: takes deliveries of one engine from the queue, has them computed chunk by
//! chunk on threads of its own, stores the result, and only then settles.
//!
//! Begin at [`Worker::run`]. apalis drives the loop ([`source`] adapts any [`JobConsumer`] to it) with
//! tower layers for concurrency, time limit, panics and tracing; [`run_job`] does one job; [`conclude`]
//! turns every way a job can end into one settlement; [`host`] keeps models in memory while they are used.
//!
//! [`JobConsumer`]: voicefleet_core::ports::JobConsumer

mod checkpoints;
mod compute;
mod conclude;
mod config;
mod followers;
mod host;
mod metrics;
mod presence;
mod room;
mod run_job;
mod source;
mod speech;
mod threads;
mod trace;
mod transcription;
mod turns;
mod worker;

pub use compute::Cores;
pub use config::{ConfigError, WorkerConfig};
pub use presence::stay_listed;
pub use worker::{Stop, Worker, WorkerParts, WorkerStopped};
