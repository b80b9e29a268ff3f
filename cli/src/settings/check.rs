//! What is wrong with settings.

use voicefleet_rabbitmq::Address;
use voicefleet_whisper::MOST_ROWS;

use super::{Settings, SettingsError};
use crate::process::Role;

impl Settings {
    /// Names all that is wrong at once.
    pub(super) fn check(&self, role: &Role) -> Result<(), SettingsError> {
        let mut wrong = self.wrong_scaling();
        if role.is_of_a_cluster() {
            wrong.extend(self.missing_of_a_cluster());
        }
        wrong.extend(self.wrong_addresses());
        wrong.extend(self.wrong_limits());
        wrong.extend(self.wrong_engines());
        if let Err(error) = self.log.parse::<tracing_subscriber::EnvFilter>() {
            wrong.push(format!("log: {error}"));
        }
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(SettingsError(wrong))
        }
    }

    fn missing_of_a_cluster(&self) -> Vec<String> {
        let needed = [
            ("amqp_url", &self.amqp_url, "amqp://"),
            ("redis_url", &self.redis_url, "redis://"),
        ];
        let absent = needed.into_iter().filter(|(_, url, _)| url.is_none());
        absent
            .map(|(name, _, like)| format!("{name}: a cluster needs one, like {like}127.0.0.1"))
            .collect()
    }

    fn wrong_addresses(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if let Some(Err(error)) = self.amqp_url.as_ref().map(|url| url.parse::<Address>()) {
            wrong.push(format!("amqp_url: {error}"));
        }
        if let Some(endpoint) = &self.otlp_endpoint
            && !endpoint.starts_with("http://")
            && !endpoint.starts_with("https://")
        {
            wrong.push("otlp_endpoint: must be a URL that begins with http:// or https://".into());
        }
        wrong
    }

    fn wrong_limits(&self) -> Vec<String> {
        let demands = [
            (self.cache_mib >= 16, "cache_mib: at least 16 are needed"),
            (
                self.max_upload_mib >= 1,
                "max_upload_mib: must be at least 1",
            ),
            (
                self.cache_mib > self.max_upload_mib as u64,
                "cache_mib: must be more than max_upload_mib, or the largest upload never fits",
            ),
            (
                self.max_audio_seconds > 0.0 && self.max_audio_seconds <= 86_400.0,
                "max_audio_seconds: must be above 0 and at most 86400",
            ),
            (
                (1..=300).contains(&self.sync_wait_seconds),
                "sync_wait_seconds: must be 1 to 300",
            ),
            (
                (1..=1_000_000).contains(&self.max_connections),
                "max_connections: must be 1 to 1000000",
            ),
            (
                self.max_live_sessions <= 100_000,
                "max_live_sessions: must be at most 100000",
            ),
            (
                (1..=3600).contains(&self.header_timeout_seconds),
                "header_timeout_seconds: must be 1 to 3600",
            ),
            (
                (1..=3600).contains(&self.grace_seconds),
                "grace_seconds: must be 1 to 3600",
            ),
        ];
        let broken = demands.into_iter().filter(|(holds, _)| !holds);
        broken.map(|(_, sentence)| sentence.to_owned()).collect()
    }

    fn wrong_engines(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if let Some(rows) = self.whisper_batch {
            if !(1..=MOST_ROWS).contains(&rows) {
                wrong.push(format!("whisper_batch: must be 1 to {MOST_ROWS}"));
            }
            if rows > 1 && !self.whisper_device.is_gpu() {
                wrong.push("whisper_batch: only a GPU computes windows together; leave it out, or set whisper_device to cuda".into());
            }
        }
        for (engine, slots) in self.slots() {
            if let Err(error) = self.worker(slots).check() {
                wrong.push(format!("{engine}: {error}"));
            }
        }
        wrong
    }
}
