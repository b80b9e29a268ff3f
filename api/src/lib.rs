//! Voicefleet's HTTP API, over ports only: it knows no queue, store, codec or engine by name.
//!
//! [`router()`] makes an axum router from an [`ApiContext`]; [`openapi()`] describes it. Begin reading at
//! `router.rs`, which lists the endpoints and what every request passes; each endpoint is one file
//! under `endpoints/`, a thin handler over the logic beside it. All work, synchronous or not, goes
//! through `submit.rs`. Errors are made in `problem.rs` and written in `http/errors.rs`.

mod admission;
mod app;
mod audio_codec;
mod awaited;
mod batches;
mod cancel;
mod context;
mod delivery;
mod endpoints;
mod events;
mod files;
mod fleet;
mod http;
mod idempotency;
mod job_object;
mod job_request;
mod live;
mod near;
mod openapi;
mod outbox;
mod outlook;
mod problem;
mod rendering;
mod results;
mod retry;
mod router;
mod schema;
mod server;
mod speech;
mod standing;
mod streaming;
mod submit;
mod synchronous;
mod telemetry;
mod tenancy;
mod transcription;
mod urgency;
mod waiting;

pub use batches::run_batches;
pub use context::{ApiContext, ApiLimits, ApiStop, CatalogSource, MetricsText};
pub use openapi::openapi;
pub use outbox::queue_what_was_left;
pub use problem::status_of;
pub use router::router;
pub use server::{ConnectionLimits, listen, serve};
pub use tenancy::{KeyId, KeyLimits, KeyPolicy, KeyRecord, KeySecret, NewKey};
