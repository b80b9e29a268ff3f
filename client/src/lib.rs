//! A typed client of Voicefleet's HTTP API.
//!
//! A [`Client`] speaks to one server. [`Client::speak`] and [`Client::transcribe`] answer while the caller waits;
//! [`Client::submit_speech`] and [`Client::submit_transcription`] make jobs, which [`Client::wait`] waits for,
//! [`Client::events`] follows and [`Client::result`] fetches.
//!
//! ```no_run
//! use std::time::Duration;
//! use voicefleet_client::{Client, SpeechJob, Tier, TranscriptionRequest, Upload};
//!
//! # async fn example() -> Result<(), voicefleet_client::ClientError> {
//! let client = Client::builder("http://127.0.0.1:8080").build()?;
//! let question = SpeechJob::new("Tell us about yourself.").tier(Tier::Realtime);
//! let job = client.submit_speech(&question).await?;
//! let job = client.wait(&job.id, Duration::from_mins(5)).await?.succeeded()?;
//! client.result(&job.id).await?.save("question.wav").await?;
//!
//! let answer = TranscriptionRequest::new(Upload::file("answer.webm")).language("en");
//! println!("{}", client.transcribe(&answer).await?.text);
//! # Ok(())
//! # }
//! ```
//!
//! # What can be relied on
//!
//! - **Every wait ends.** Attempts have [`ClientBuilder::timeout`], and there are at most
//!   [`ClientBuilder::retries`] more of them; whatever takes as long as the work does takes the longest
//!   time as an argument.
//! - **Nothing is done twice.** What was refused before it was begun is tried again, and so is what can be repeated
//!   without harm: reading, synchronous speech and transcripts (equal work is computed once), and submitting, since
//!   a submit has an `Idempotency-Key` of its own. Keys, webhooks, batches and their files are made at most once.
//! - **Memory is bounded.** Audio, transcripts and files come as a [`Download`], a stream; whole answers have at most
//!   [`ClientBuilder::max_in_memory`] bytes. Files are read while they are sent.
//! - **Servers may be newer.** Fields that this crate does not know are passed over, names that it does not know are
//!   kept as `Other`.
//! - **Errors have a [`ClientError::code`]**, a sentence, the field at fault and the id of the answer in the server's
//!   log.

mod audio;
mod backoff;
mod batches;
mod call;
mod catalogue;
mod client;
mod download;
mod error;
mod events;
mod files;
mod job;
mod job_request;
mod jobs;
mod keys;
mod open;
mod page;
mod secret;
mod service;
mod split;
mod sse;
mod transcript;
mod upload;
mod webhooks;

pub use audio::{Granularity, Speech, SpeechRequest, TranscriptFormat, TranscriptionRequest};
pub use batches::{
    Batch, BatchCounts, BatchEndpoint, BatchError, BatchErrors, BatchLine, BatchStatus, NewBatch,
};
pub use catalogue::{Model, Voice};
pub use client::{Client, ClientBuilder};
pub use download::Download;
pub use error::{ClientError, ErrorCode};
pub use events::{JobEvent, JobEventKind};
pub use files::StoredFile;
pub use job::{
    AudioFormat, DeadLetterCount, Job, JobError, JobFilter, JobKind, JobProgress, JobStatus,
    JobTimings, Tier,
};
pub use job_request::{Deadline, IdempotencyKey, SpeechJob, TranscriptionJob};
pub use keys::{CreatedKey, Key, KeyLimits, NewKey, Usage, UsageDay};
pub use secret::Secret;
pub use service::Welcome;
pub use split::{NewSplit, Pool, Split};
pub use transcript::{
    DurationUsage, Segment, TimedSegment, TimedWord, Transcript, Transcription,
    VerboseTranscription, Word,
};
pub use upload::Upload;
pub use webhooks::{
    Delivery, DeliveryAttempt, DeliveryStatus, NewWebhook, Webhook, WebhookChange,
    WebhookWithSecret,
};

/// The Rust examples of the guide compile.
#[cfg(doctest)]
#[doc = include_str!("../../docs/API.md")]
struct Guide;
