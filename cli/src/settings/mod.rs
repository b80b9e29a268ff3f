//! Settings from flags, `VOICEFLEET_*`, a TOML file and defaults, in this order, checked as a whole.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use figment::{
    Figment,
    providers::{Format, Serialized, Toml},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use voicefleet_api::{ApiLimits, ConnectionLimits, KeyPolicy};
use voicefleet_core::{
    policy::RetryPolicy,
    ports::{AudioLimits, Device},
    scaling::{DrainTargets, Hardware},
    tier::TierShares,
};
use voicefleet_workers::WorkerConfig;

mod check;
mod keys;
mod options;
mod scaling;
mod secrets;

pub(crate) use self::options::Options;
use crate::process::Role;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// whisper.cpp and ONNX Runtime are chatty at the level where we are informative.
const DEFAULT_LOG: &str = "info,whisper_rs=warn,ort=warn,apalis=warn";

/// Settings with every default filled in and every value checked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are settings, each with a name of its own"
)]
pub(crate) struct Settings {
    pub(crate) listen: SocketAddr,
    pub(crate) data: PathBuf,
    pub(crate) models: PathBuf,
    pub(crate) amqp_url: Option<String>,
    pub(crate) redis_url: Option<String>,
    pub(crate) cache_url: Option<String>,
    pub(crate) objects_url: Option<String>,
    pub(crate) objects_endpoint: Option<String>,
    pub(crate) objects_region: Option<String>,
    #[serde(skip)]
    pub(crate) on_a_leash: bool,
    #[serde(skip)]
    pub(crate) pod_deletion_cost: bool,
    /// From a file only; the environment is read where it is used.
    #[serde(skip)]
    pub(crate) objects_credentials: Option<(String, String)>,
    #[serde(skip)]
    pub(crate) keys: KeyPolicy,
    pub(crate) objects_over_kib: u64,
    pub(crate) standard_share: u32,
    pub(crate) batch_share: u32,
    pub(crate) piper_slots: usize,
    pub(crate) kokoro_slots: usize,
    pub(crate) whisper_slots: usize,
    pub(crate) kokoro_device: Device,
    pub(crate) whisper_device: Device,
    pub(crate) whisper_batch: Option<usize>,
    pub(crate) idle_release_seconds: u64,
    pub(crate) grace_seconds: u64,
    pub(crate) cache_mib: u64,
    pub(crate) max_upload_mib: usize,
    pub(crate) max_audio_seconds: f64,
    pub(crate) max_attempts: u32,
    pub(crate) chunk_timeout_seconds: u64,
    pub(crate) job_timeout_seconds: u64,
    pub(crate) sync_wait_seconds: u64,
    pub(crate) max_connections: usize,
    pub(crate) max_live_sessions: usize,
    pub(crate) header_timeout_seconds: u64,
    pub(crate) piper_share: u32,
    pub(crate) kokoro_share: u32,
    pub(crate) whisper_share: u32,
    pub(crate) piper_hardware: Hardware,
    pub(crate) kokoro_hardware: Hardware,
    pub(crate) whisper_hardware: Hardware,
    pub(crate) cpu_budget: Option<u32>,
    pub(crate) gpu_budget: Option<u32>,
    pub(crate) piper_max: u32,
    pub(crate) kokoro_max: u32,
    pub(crate) whisper_max: u32,
    pub(crate) realtime_drain_seconds: f64,
    pub(crate) standard_drain_seconds: f64,
    pub(crate) batch_drain_seconds: f64,
    pub(crate) cooldown_seconds: u64,
    pub(crate) scaler_listen: SocketAddr,
    pub(crate) scaler_tls_cert: Option<PathBuf>,
    pub(crate) scaler_tls_key: Option<PathBuf>,
    pub(crate) scaler_tls_client_ca: Option<PathBuf>,
    pub(crate) public_url: Option<String>,
    pub(crate) webhooks_to_http: bool,
    pub(crate) webhooks_to_private: bool,
    pub(crate) otlp_endpoint: Option<String>,
    pub(crate) log: String,
    pub(crate) log_format: LogFormat,
}

/// Settings that cannot be.
#[derive(Debug, thiserror::Error)]
#[error("the settings are wrong:\n  {}", .0.join("\n  "))]
pub(crate) struct SettingsError(Vec<String>);

impl SettingsError {
    /// A sentence for each thing that is wrong.
    pub(crate) fn new(wrong: Vec<String>) -> Self {
        Self(wrong)
    }
}

impl Default for Settings {
    fn default() -> Self {
        let DrainTargets(drain) = DrainTargets::default();
        let connections = ConnectionLimits::default();
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            data: home_folder("XDG_DATA_HOME", ".local/share").join("voicefleet"),
            models: models_folder(None),
            amqp_url: None,
            redis_url: None,
            cache_url: None,
            objects_url: None,
            objects_endpoint: None,
            objects_region: None,
            on_a_leash: false,
            pod_deletion_cost: false,
            objects_credentials: None,
            keys: KeyPolicy::default(),
            objects_over_kib: 1024,
            standard_share: TierShares::default().standard,
            batch_share: TierShares::default().batch,
            piper_slots: cores,
            kokoro_slots: cores,
            whisper_slots: cores,
            kokoro_device: Device::Cpu,
            whisper_device: Device::Cpu,
            whisper_batch: None,
            idle_release_seconds: 300,
            grace_seconds: 20,
            cache_mib: 2048,
            max_upload_mib: 100,
            max_audio_seconds: AudioLimits::default().max_seconds,
            max_attempts: RetryPolicy::default().max_attempts,
            chunk_timeout_seconds: 120,
            job_timeout_seconds: 3600,
            sync_wait_seconds: 25,
            max_connections: connections.max_connections,
            max_live_sessions: ApiLimits::default().max_live_sessions,
            header_timeout_seconds: connections.header_timeout.as_secs(),
            piper_share: 70,
            kokoro_share: 10,
            whisper_share: 20,
            piper_hardware: Hardware::Cpu,
            kokoro_hardware: Hardware::Cpu,
            whisper_hardware: Hardware::Cpu,
            cpu_budget: None,
            gpu_budget: None,
            piper_max: 20,
            kokoro_max: 20,
            whisper_max: 20,
            realtime_drain_seconds: drain[0],
            standard_drain_seconds: drain[1],
            batch_drain_seconds: drain[2],
            cooldown_seconds: 120,
            scaler_listen: SocketAddr::from(([127, 0, 0, 1], 6000)),
            scaler_tls_cert: None,
            scaler_tls_key: None,
            scaler_tls_client_ca: None,
            public_url: None,
            webhooks_to_http: false,
            webhooks_to_private: false,
            otlp_endpoint: None,
            log: DEFAULT_LOG.to_owned(),
            log_format: LogFormat::Text,
        }
    }
}

/// The folder of the model files: the one given, or the user's cache.
pub(crate) fn models_folder(given: Option<PathBuf>) -> PathBuf {
    given.unwrap_or_else(|| home_folder("XDG_CACHE_HOME", ".cache").join("voicefleet/models"))
}

fn home_folder(variable: &str, below_home: &str) -> PathBuf {
    std::env::var_os(variable).map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| ".".into())).join(below_home),
        PathBuf::from,
    )
}

impl Settings {
    /// Puts the sources together and checks the result, as far as the role needs it.
    pub(crate) fn resolve(role: &Role, options: &Options) -> Result<Self, SettingsError> {
        let mut figment = Figment::from(Serialized::defaults(Self::defaults_of(role)));
        if let Some(file) = &options.config {
            if !file.is_file() {
                return Err(SettingsError(vec![format!(
                    "config: there is no file {}",
                    file.display()
                )]));
            }
            figment = figment.merge(Toml::file_exact(file));
        }
        let mut settings: Self = figment
            .merge(Serialized::defaults(options))
            .extract()
            .map_err(|errors| {
                SettingsError(errors.into_iter().map(|error| error.to_string()).collect())
            })?;
        settings.on_a_leash = options.on_a_leash;
        settings.pod_deletion_cost = options.pod_deletion_cost;
        options.secrets.read_into(&mut settings)?;
        settings.keys = options.keys.read()?;
        settings.check(role)?;
        Ok(settings)
    }

    /// The workers of a supervised host are small, so that its cores can be divided finely, and take no
    /// more than there are, but one of each kind at least.
    fn defaults_of(role: &Role) -> Self {
        let settings = Self::default();
        if *role != Role::Supervise {
            return settings;
        }
        let cores = u32::try_from(settings.piper_slots).unwrap_or(u32::MAX);
        Self {
            piper_slots: 1,
            kokoro_slots: 1,
            whisper_slots: 1,
            cpu_budget: Some(cores.max(3)),
            ..settings
        }
    }

    /// All of it as environment variables, for processes that this one starts.
    pub(crate) fn as_environment(&self) -> anyhow::Result<Vec<(String, String)>> {
        let Value::Object(settings) = serde_json::to_value(self)? else {
            anyhow::bail!("the settings are no object");
        };
        let variable = |(name, value): (String, Value)| {
            let value = match value {
                Value::Null => return None,
                Value::String(text) => text,
                other => other.to_string(),
            };
            Some((format!("VOICEFLEET_{}", name.to_uppercase()), value))
        };
        let mut variables: Vec<_> = settings.into_iter().filter_map(variable).collect();
        if let Some((id, secret)) = &self.objects_credentials {
            variables.push(("AWS_ACCESS_KEY_ID".to_owned(), id.clone()));
            variables.push(("AWS_SECRET_ACCESS_KEY".to_owned(), secret.clone()));
        }
        Ok(variables)
    }

    /// What the tiers are guaranteed.
    pub(crate) fn shares(&self) -> TierShares {
        TierShares {
            standard: self.standard_share,
            batch: self.batch_share,
        }
    }

    /// Slots by engine name.
    pub(crate) fn slots(&self) -> [(&'static str, usize); 3] {
        [
            ("piper", self.piper_slots),
            ("kokoro", self.kokoro_slots),
            ("whisper", self.whisper_slots),
        ]
    }

    /// The settings of a worker with so many slots.
    pub(crate) fn worker(&self, slots: usize) -> WorkerConfig {
        WorkerConfig {
            slots,
            chunk_timeout: Duration::from_secs(self.chunk_timeout_seconds),
            job_timeout: Duration::from_secs(self.job_timeout_seconds),
            idle_release: Duration::from_secs(self.idle_release_seconds),
            retry: RetryPolicy {
                max_attempts: self.max_attempts,
                ..RetryPolicy::default()
            },
            audio_limits: self.audio_limits(),
            shares: self.shares(),
            ..WorkerConfig::default()
        }
    }

    /// Bounds on what clients hold open.
    pub(crate) fn connection_limits(&self) -> ConnectionLimits {
        ConnectionLimits {
            max_connections: self.max_connections,
            header_timeout: Duration::from_secs(self.header_timeout_seconds),
        }
    }

    /// Most who may wait for jobs at a time: whoever has a connection, and a live session for what it hears and for
    /// what is transcribed meanwhile.
    pub(crate) fn max_waiters(&self) -> usize {
        self.max_connections + 2 * self.max_live_sessions
    }

    /// Bounds on uploads.
    pub(crate) fn audio_limits(&self) -> AudioLimits {
        AudioLimits {
            max_seconds: self.max_audio_seconds,
            ..AudioLimits::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn options_with_file(text: &str) -> (tempfile::TempDir, Options) {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("voicefleet.toml");
        fs::write(&file, text).expect("written");
        (
            folder,
            Options {
                config: Some(file),
                ..Options::default()
            },
        )
    }

    #[test]
    fn flags_beat_the_file_and_the_file_beats_defaults() {
        let (_folder, mut options) = options_with_file("piper_slots = 3\nkokoro_slots = 4\n");
        options.piper_slots = Some(7);
        let settings = Settings::resolve(&Role::Serve, &options).expect("valid");
        assert_eq!((settings.piper_slots, settings.kokoro_slots), (7, 4));
        assert_eq!(settings.sync_wait_seconds, 25);
    }

    #[test]
    fn every_wrong_setting_is_named_at_once() {
        let (_folder, options) = options_with_file(
            "piper_slots = 0\nsync_wait_seconds = 999\nmax_connections = 0\nlog = \"info,,=\"\namqp_url = \"me:secret@broker\"\n",
        );
        let text = Settings::resolve(&Role::Serve, &options)
            .expect_err("wrong")
            .to_string();
        for name in [
            "piper: slots",
            "sync_wait_seconds",
            "max_connections",
            "amqp_url: not like amqp://",
            "log:",
        ] {
            assert!(text.contains(name), "{name} is missing in: {text}");
        }
        assert!(!text.contains("secret"), "{text}");
    }

    #[test]
    fn a_device_that_there_is_not_is_refused_with_those_that_there_are() {
        for name in ["kokoro_device", "whisper_device"] {
            let (_folder, options) = options_with_file(&format!("{name} = \"gpu\"\n"));
            let text = Settings::resolve(&Role::Serve, &options)
                .expect_err("wrong")
                .to_string();
            for told in [name, "'gpu'", "cpu, cuda or cuda:N"] {
                assert!(text.contains(told), "{told} is missing in: {text}");
            }
        }
        let (_folder, options) = options_with_file("piper_device = \"cuda\"\n");
        let text = Settings::resolve(&Role::Serve, &options)
            .expect_err("Piper has none")
            .to_string();
        assert!(text.contains("piper_device"), "{text}");
    }

    #[test]
    fn batches_are_for_gpus_and_have_bounds() {
        for (text, told) in [
            ("whisper_batch = 4", "only a GPU"),
            ("whisper_batch = 33\nwhisper_device = \"cuda:1\"", "1 to 32"),
            ("whisper_batch = 0", "1 to 32"),
        ] {
            let (_folder, options) = options_with_file(text);
            let error = Settings::resolve(&Role::Serve, &options).expect_err("wrong");
            assert!(error.to_string().contains(told), "{text}: {error}");
        }
        let (_folder, options) =
            options_with_file("whisper_batch = 16\nwhisper_device = \"cuda:1\"");
        let settings = Settings::resolve(&Role::Serve, &options).expect("valid");
        assert_eq!(settings.whisper_device, Device::Cuda(1));
    }

    #[test]
    fn a_worker_that_is_started_gets_the_devices() {
        let (_folder, options) = options_with_file("kokoro_device = \"cuda\"\n");
        let settings = Settings::resolve(&Role::Serve, &options).expect("valid");
        let environment = settings.as_environment().expect("settings");
        let device = ("VOICEFLEET_KOKORO_DEVICE".to_owned(), "cuda:0".to_owned());
        assert!(environment.contains(&device), "{environment:?}");
    }

    #[test]
    fn a_misspelt_setting_is_refused() {
        let (_folder, options) = options_with_file("piper_slot = 1\n");
        let text = Settings::resolve(&Role::Serve, &options)
            .expect_err("wrong")
            .to_string();
        assert!(text.contains("piper_slot"), "{text}");
    }

    #[test]
    fn a_file_that_is_not_there_is_an_error() {
        let options = Options {
            config: Some("/nonexistent.toml".into()),
            ..Options::default()
        };
        assert!(Settings::resolve(&Role::Serve, &options).is_err());
    }
}
