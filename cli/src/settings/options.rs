//! What can be given on the command line and in the environment.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;
use serde::Serialize;
use voicefleet_core::ports::Device;

use super::{LogFormat, keys::KeyOptions, scaling::ScalingOptions, secrets::SecretFiles};

/// What can be given on the command line. The same names, with `_` for `-`, stand in the TOML file, and
/// upper-case behind `VOICEFLEET_` in the environment.
#[derive(Args, Clone, Debug, Default, Serialize)]
pub(crate) struct Options {
    /// A TOML file with any of the settings below.
    #[arg(long, env = "VOICEFLEET_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    pub(super) config: Option<PathBuf>,
    /// Address to serve on [default: 127.0.0.1:8080]; port 0 takes a free one.
    #[arg(long, env = "VOICEFLEET_LISTEN", value_name = "ADDR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) listen: Option<SocketAddr>,
    /// Folder for the queue, the job records and cached audio [default: ~/.local/share/voicefleet].
    #[arg(long, env = "VOICEFLEET_DATA", value_name = "DIR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) data: Option<PathBuf>,
    /// The broker of a cluster: <amqp://user:password@host:port/vhost>.
    #[arg(
        long,
        env = "VOICEFLEET_AMQP_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) amqp_url: Option<String>,
    /// Where a cluster keeps its job records: <redis://user:password@host:port/db>,
    /// <redis+sentinel://user:password@host:port,host:port/master/db> or
    /// <redis+cluster://user:password@host:port,host:port>; with TLS, rediss. Must not evict.
    #[arg(
        long,
        env = "VOICEFLEET_REDIS_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) redis_url: Option<String>,
    /// Where a cluster keeps results and cached audio [default: where the records are].
    #[arg(
        long,
        env = "VOICEFLEET_CACHE_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cache_url: Option<String>,
    /// Where a cluster keeps big uploads and results: <s3://bucket/prefix> or <file:///shared/folder>
    /// [default: where the others are]. The keys are taken from `AWS_ACCESS_KEY_ID` and so on.
    #[arg(long, env = "VOICEFLEET_OBJECTS_URL", value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) objects_url: Option<String>,
    /// Address of an object store that is not Amazon's.
    #[arg(long, env = "VOICEFLEET_OBJECTS_ENDPOINT", value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) objects_endpoint: Option<String>,
    /// Region of the object store [default: `AWS_REGION`, else us-east-1].
    #[arg(long, env = "VOICEFLEET_OBJECTS_REGION", value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) objects_region: Option<String>,
    /// What is bigger than this goes to the object store, KiB [default: 1024].
    #[arg(long, env = "VOICEFLEET_OBJECTS_OVER_KIB", value_name = "KIB")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) objects_over_kib: Option<u64>,
    /// What the standard tier is guaranteed of the work, per cent [default: 15].
    #[arg(long, env = "VOICEFLEET_STANDARD_SHARE", value_name = "PERCENT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) standard_share: Option<u32>,
    /// What the batch tier is guaranteed of the work, per cent [default: 5].
    #[arg(long, env = "VOICEFLEET_BATCH_SHARE", value_name = "PERCENT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) batch_share: Option<u32>,
    /// Folder of the model files [default: ~/.cache/voicefleet/models].
    #[arg(long, env = "VOICEFLEET_MODELS", value_name = "DIR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) models: Option<PathBuf>,
    /// Piper jobs at a time [default: number of cores].
    #[arg(long, env = "VOICEFLEET_PIPER_SLOTS", value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) piper_slots: Option<usize>,
    /// Kokoro jobs at a time [default: number of cores].
    #[arg(long, env = "VOICEFLEET_KOKORO_SLOTS", value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kokoro_slots: Option<usize>,
    /// Whisper jobs at a time [default: number of cores].
    #[arg(long, env = "VOICEFLEET_WHISPER_SLOTS", value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) whisper_slots: Option<usize>,
    /// What Kokoro computes on: cpu, cuda (the first GPU) or cuda:N [default: cpu].
    #[arg(long, env = "VOICEFLEET_KOKORO_DEVICE", value_name = "DEVICE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kokoro_device: Option<Device>,
    /// What Whisper computes on: cpu, cuda or cuda:N; GPUs compute models in `CTranslate2`'s format only [default: cpu].
    #[arg(long, env = "VOICEFLEET_WHISPER_DEVICE", value_name = "DEVICE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) whisper_device: Option<Device>,
    /// Windows of different Whisper jobs that a GPU computes together, 1 to 32 [default: 8].
    #[arg(long, env = "VOICEFLEET_WHISPER_BATCH", value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) whisper_batch: Option<usize>,
    /// Release a model that nobody has used for so long, seconds [default: 300].
    #[arg(long, env = "VOICEFLEET_IDLE_RELEASE_SECONDS", value_name = "S")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) idle_release_seconds: Option<u64>,
    /// Time to finish or give back work after a stop signal, seconds [default: 20].
    #[arg(long, env = "VOICEFLEET_GRACE_SECONDS", value_name = "S")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) grace_seconds: Option<u64>,
    /// Room for uploads and cached results, MiB [default: 2048].
    #[arg(long, env = "VOICEFLEET_CACHE_MIB", value_name = "MIB")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cache_mib: Option<u64>,
    /// Largest upload, MiB [default: 100].
    #[arg(long, env = "VOICEFLEET_MAX_UPLOAD_MIB", value_name = "MIB")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_upload_mib: Option<usize>,
    /// Longest recording, seconds [default: 14400].
    #[arg(long, env = "VOICEFLEET_MAX_AUDIO_SECONDS", value_name = "S")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_audio_seconds: Option<f64>,
    /// How often a job is tried in all [default: 3].
    #[arg(long, env = "VOICEFLEET_MAX_ATTEMPTS", value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_attempts: Option<u32>,
    /// Longest time for one chunk, seconds [default: 120].
    #[arg(long, env = "VOICEFLEET_CHUNK_TIMEOUT_SECONDS", value_name = "S")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) chunk_timeout_seconds: Option<u64>,
    /// Longest time for one attempt at a job, seconds [default: 3600].
    #[arg(long, env = "VOICEFLEET_JOB_TIMEOUT_SECONDS", value_name = "S")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) job_timeout_seconds: Option<u64>,
    /// How long a synchronous request waits for its job before it is told to come back, seconds [default: 25].
    #[arg(long, env = "VOICEFLEET_SYNC_WAIT_SECONDS", value_name = "S")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sync_wait_seconds: Option<u64>,
    /// Connections that are open at a time; further ones wait [default: 20000].
    #[arg(long, env = "VOICEFLEET_MAX_CONNECTIONS", value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_connections: Option<usize>,
    /// Live sessions that are open at a time; further ones are refused [default: 1000].
    #[arg(long, env = "VOICEFLEET_MAX_LIVE_SESSIONS", value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_live_sessions: Option<usize>,
    /// Longest time for the head of a request, and between two on one connection, seconds [default: 10].
    #[arg(long, env = "VOICEFLEET_HEADER_TIMEOUT_SECONDS", value_name = "S")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) header_timeout_seconds: Option<u64>,
    /// What clients call the API, such as <https://speech.example.com>: what links in webhooks begin with [default:
    /// links without a host].
    #[arg(long, env = "VOICEFLEET_PUBLIC_URL", value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) public_url: Option<String>,
    /// Let webhooks go to `http`, too.
    #[arg(long, env = "VOICEFLEET_WEBHOOKS_TO_HTTP", num_args = 0..=1, default_missing_value = "true")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) webhooks_to_http: Option<bool>,
    /// Let webhooks go to addresses that are not public, for closed networks: whoever may make one can then reach
    /// whatever the server can.
    #[arg(long, env = "VOICEFLEET_WEBHOOKS_TO_PRIVATE", num_args = 0..=1, default_missing_value = "true")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) webhooks_to_private: Option<bool>,
    /// `OTLP` collector (gRPC) to send traces to, e.g. <http://127.0.0.1:4317> [default: none].
    #[arg(long, env = "VOICEFLEET_OTLP_ENDPOINT", value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) otlp_endpoint: Option<String>,
    /// What to log, as a tracing filter [default: info, native libraries at warn].
    #[arg(long, env = "VOICEFLEET_LOG", value_name = "FILTER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) log: Option<String>,
    /// Stop in order when standard input ends: whoever started this looks after it no more.
    #[arg(long = "leash", env = "VOICEFLEET_LEASH", hide = true)]
    #[serde(skip)]
    pub(super) on_a_leash: bool,
    /// Write on the pod that this worker runs in whether it is busy, so that Kubernetes takes idle ones away
    /// first.
    #[arg(long, env = "VOICEFLEET_POD_DELETION_COST")]
    #[serde(skip)]
    pub(super) pod_deletion_cost: bool,
    #[command(flatten)]
    #[serde(skip)]
    pub(super) secrets: SecretFiles,
    #[command(flatten)]
    #[serde(skip)]
    pub(super) keys: KeyOptions,
    #[command(flatten)]
    #[serde(flatten)]
    pub(super) scaling: ScalingOptions,
    /// How to write the log [default: text].
    #[arg(long, env = "VOICEFLEET_LOG_FORMAT", value_name = "text|json")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) log_format: Option<LogFormat>,
}
