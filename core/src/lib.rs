//! The pure heart of Voicefleet: what a job is, which moves it may make, what it costs, when it is
//! tried again, and the ports through which the outside (queues, stores, engines) is reached.
//!
//! No async runtime, HTTP, broker, database or inference library is named here. Ports that wait are
//! `async` traits; ports that compute ([`ports::SpeechEngine`], [`ports::TranscriptionEngine`],
//! [`ports::AudioCodec`]) block and are called from threads of their own.

pub mod audio;
pub mod breaker;
pub mod catalog;
pub mod cost;
pub mod envelope;
pub mod failure;
pub mod fingerprint;
pub mod job;
pub mod policy;
pub mod ports;
pub mod scaling;
pub mod single_flight;
pub mod spec;
pub mod state;
pub mod tenant;
pub mod text;
pub mod tier;
pub mod time;
pub mod transcript;
pub mod words;

pub use audio::{AudioFormat, Pcm};
pub use catalog::{Catalog, EngineId, ModelEntry, VoiceEntry};
pub use envelope::{Envelope, EnvelopeId, TraceContext};
pub use failure::{ErrorCode, Failure};
pub use fingerprint::Fingerprint;
pub use job::{Job, JobId, Progress, Timings};
pub use spec::{JobKind, JobSpec, SpeechSpec, TranscriptionSpec};
pub use state::JobState;
pub use tenant::{Tenant, Weight};
pub use tier::Tier;
pub use time::{Clock, Timestamp};
pub use transcript::{Segment, Transcript, Word};
