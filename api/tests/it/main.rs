//! The API from the outside, over in-memory ports, the real codec, and a worker of a few lines.

mod bad_inputs;
mod support;

mod audio_jobs;
mod batches;
mod cancelling;
mod catalogue;
mod contract;
mod dead_letters;
mod figures;
mod files;
mod jobs;
mod openai;
mod refusals;
mod results;
mod retrying;
mod service;
mod split;
mod steering;
mod submitting;
mod tenancy;
mod wire;
