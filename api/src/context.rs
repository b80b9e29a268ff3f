//! What the API is given from outside, and its bounds.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use voicefleet_core::{
    Catalog, Clock,
    ports::{AudioCodec, AudioLimits, BlobStore, Documents, FleetLedger, JobQueue, JobRecords},
    scaling::ScalingPolicy,
};

use voicefleet_webhooks::Webhooks;

use crate::tenancy::KeyPolicy;

/// Gives the catalogue as it is now; called for every request, so it must be cheap.
pub type CatalogSource = Arc<dyn Fn() -> Arc<Catalog> + Send + Sync>;

/// Gives the metrics in Prometheus' text format.
pub type MetricsText = Arc<dyn Fn() -> BoxFuture<'static, String> + Send + Sync>;

/// The ports and settings that the API stands on.
#[derive(Clone)]
pub struct ApiContext {
    /// Where envelopes go.
    pub queue: Arc<dyn JobQueue>,
    /// Where jobs are recorded.
    pub records: Arc<dyn JobRecords>,
    /// What has been computed, and how compute is divided.
    pub ledger: Arc<dyn FleetLedger>,
    /// Keys, batches and whatever else API servers keep in common.
    pub documents: Arc<dyn Documents>,
    /// Who is told of the ends of jobs.
    pub webhooks: Webhooks,
    /// Whether requests need a key, and which keys the configuration has.
    pub keys: KeyPolicy,
    /// The pools, and the split until another one is set.
    pub scaling: ScalingPolicy,
    /// Where uploads and results lie.
    pub blobs: Arc<dyn BlobStore>,
    /// Reads uploads and renders results.
    pub codec: Arc<dyn AudioCodec>,
    /// Which models and voices there are now.
    pub catalog: CatalogSource,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The bounds.
    pub limits: ApiLimits,
    /// The text of `/metrics`.
    pub metrics: MetricsText,
    /// Owns what must be completed even when the client hangs up: a submit, a cancellation. At
    /// shutdown, after the server has stopped: `close()`, then `wait()`.
    pub tasks: TaskTracker,
    /// How the API is told of a stop.
    pub stop: ApiStop,
}

/// The two steps of a stop, both set from outside.
#[derive(Clone, Debug, Default)]
pub struct ApiStop {
    /// No new work is begun: `/readyz` fails, so that new requests go elsewhere. All else is answered.
    pub draining: CancellationToken,
    /// The server is about to close: whoever waits for a job gets it as it is.
    pub closing: CancellationToken,
    /// Owns the live sessions. While draining they end as soon as they have said what was begun, when closing
    /// within seconds.
    pub live: TaskTracker,
}

/// Bounds of requests. Nothing that a client sends is read, kept or waited for beyond these.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiLimits {
    /// Longest text of `/v1/audio/speech`, characters. OpenAI's own limit.
    pub max_sync_chars: usize,
    /// Longest text of a job, characters.
    pub max_job_chars: usize,
    /// Longest transcription prompt, characters. Whisper keeps the last 224 tokens of it.
    pub max_prompt_chars: usize,
    /// Largest JSON body, bytes.
    pub max_json_bytes: usize,
    /// Largest upload, bytes.
    pub max_upload_bytes: usize,
    /// Uploads in memory at a time; further ones are told to come back.
    pub max_uploads: usize,
    /// Longest time for an upload to arrive.
    pub upload_patience: Duration,
    /// Longest silence of a client in the middle of its body.
    pub body_idle: Duration,
    /// Bounds of the audio in an upload.
    pub audio: AudioLimits,
    /// Decodings and encodings at a time; each uses a core.
    pub codec_lanes: usize,
    /// Decodings and encodings waiting for a lane; further ones are told to come back.
    pub codec_waiting: usize,
    /// Finished audio that is kept in this process, bytes; 0: none is.
    pub near_bytes: usize,
    /// How long a synchronous request waits for its job.
    pub sync_wait: Duration,
    /// How long the work of a client that has hung up goes on without anybody else waiting for it: clients
    /// whose connection broke come back by themselves.
    pub hang_up_grace: Duration,
    /// Longest wait that a long poll may ask for.
    pub max_long_poll: Duration,
    /// How long a part may take to say that it is there.
    pub ready_within: Duration,
    /// Furthest deadline.
    pub max_deadline: Duration,
    /// Clients that follow jobs at a time; further ones are told to come back.
    pub max_event_streams: usize,
    /// How often a client that follows a job, or has a live session, hears something, be it that nothing has
    /// happened.
    pub event_keep_alive: Duration,
    /// Live sessions at a time; further ones are told to come back.
    pub max_live_sessions: usize,
    /// How long a live session may be without a message of its client, and without anything to say or to
    /// transcribe, before it is closed.
    pub live_idle: Duration,
    /// How long the records keep finished jobs. A job that is older and not there is said to have expired;
    /// `None`: no job is.
    pub finished_ttl: Option<Duration>,
}

impl Default for ApiLimits {
    fn default() -> Self {
        Self {
            max_sync_chars: 4_096,
            max_job_chars: 100_000,
            max_prompt_chars: 4_096,
            max_json_bytes: 2 * 1024 * 1024,
            max_upload_bytes: 100 * 1024 * 1024,
            max_uploads: 8,
            upload_patience: Duration::from_mins(10),
            body_idle: Duration::from_secs(30),
            audio: AudioLimits::default(),
            codec_lanes: 2,
            codec_waiting: 64,
            near_bytes: 0,
            // LiveKit's clients give up after 30 s.
            sync_wait: Duration::from_secs(25),
            // OpenAI's clients come back within 1 s, LiveKit's within 2.
            hang_up_grace: Duration::from_secs(3),
            max_long_poll: Duration::from_mins(1),
            ready_within: Duration::from_secs(1),
            max_deadline: Duration::from_hours(7 * 24),
            max_event_streams: 10_000,
            event_keep_alive: Duration::from_secs(15),
            max_live_sessions: 1_000,
            live_idle: Duration::from_mins(10),
            finished_ttl: None,
        }
    }
}
