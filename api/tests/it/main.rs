//! The API from the outside, over in-memory ports, the real codec, and a worker of a few lines.

mod bad_inputs;
mod support;

mod access_log;
mod admission;
mod audio_jobs;
mod batches;
mod cancelling;
mod catalogue;
mod conditional;
mod contract;
mod dead_letters;
mod events;
mod fairness;
mod figures;
mod files;
mod idempotency;
mod isolation;
mod jobs;
mod live;
mod openai;
mod outlooks;
mod refusals;
mod results;
mod retrying;
mod service;
mod split;
mod steering;
mod streaming;
mod submitting;
mod tenancy;
mod webhooks;
mod wire;
mod withdrawing;
