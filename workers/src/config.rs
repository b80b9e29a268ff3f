//! What can be tuned about a worker, checked as a whole.

use std::time::Duration;

use voicefleet_core::{policy::RetryPolicy, ports::AudioLimits, tier::TierShares};

/// How one engine's worker behaves.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerConfig {
    /// Jobs computed at the same time, one core each. 1 to 256.
    pub slots: usize,
    /// Longest time one chunk may take before its attempt is given up.
    pub chunk_timeout: Duration,
    /// Longest time one attempt may take in all.
    pub job_timeout: Duration,
    /// A job that has been here for so long is given back at its next chunk, with what it has come to,
    /// and goes on from there: brokers take those for dead who keep a delivery for too long (RabbitMQ
    /// after 30 minutes).
    pub longest_hold: Duration,
    /// A job that has waited for so long to compute its next chunk, because more urgent ones do, is
    /// given back to whoever has a core for it.
    pub longest_pause: Duration,
    /// What the tiers are guaranteed of the cores.
    pub shares: TierShares,
    /// A model that nobody has used for so long is released.
    pub idle_release: Duration,
    /// Models kept in memory at most, unless more are in use at the same time.
    pub max_models: usize,
    /// How often a job is tried.
    pub retry: RetryPolicy,
    /// Bounds on the audio that is decoded for transcription.
    pub audio_limits: AudioLimits,
}

impl Default for WorkerConfig {
    /// One slot, two minutes a chunk, an hour a job, held for ten minutes and paused for half a one at
    /// most, models released after five minutes.
    fn default() -> Self {
        Self {
            slots: 1,
            chunk_timeout: Duration::from_mins(2),
            job_timeout: Duration::from_hours(1),
            longest_hold: Duration::from_mins(10),
            longest_pause: Duration::from_secs(30),
            shares: TierShares::default(),
            idle_release: Duration::from_mins(5),
            max_models: 4,
            retry: RetryPolicy::default(),
            audio_limits: AudioLimits::default(),
        }
    }
}

/// A worker setting that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// `slots` outside 1 to 256.
    #[error("slots is {0}; it must be 1 to 256")]
    Slots(usize),
    /// `max_models` is 0.
    #[error("max_models is 0; at least one model must be kept")]
    MaxModels,
    /// A time limit is zero.
    #[error("{0} is zero; it must be longer")]
    Zero(&'static str),
    /// `chunk_timeout` longer than `job_timeout`.
    #[error("chunk_timeout ({chunk:?}) is longer than job_timeout ({job:?})")]
    ChunkOverJob {
        /// `chunk_timeout`.
        chunk: Duration,
        /// `job_timeout`.
        job: Duration,
    },
    /// A share outside 1 to 50.
    #[error("the shares of the tiers are {0:?}; each must be 1 to 50 per cent")]
    Shares(TierShares),
    /// `retry.max_attempts` is 0.
    #[error("max_attempts is 0; a job must be tried at least once")]
    MaxAttempts,
}

impl WorkerConfig {
    /// Checks every field and their relations.
    pub fn check(&self) -> Result<(), ConfigError> {
        if !(1..=256).contains(&self.slots) {
            return Err(ConfigError::Slots(self.slots));
        }
        if self.max_models == 0 {
            return Err(ConfigError::MaxModels);
        }
        if self.retry.max_attempts == 0 {
            return Err(ConfigError::MaxAttempts);
        }
        if !self.shares.are_valid() {
            return Err(ConfigError::Shares(self.shares));
        }
        let limits = [
            ("chunk_timeout", self.chunk_timeout),
            ("job_timeout", self.job_timeout),
            ("idle_release", self.idle_release),
            ("longest_hold", self.longest_hold),
            ("longest_pause", self.longest_pause),
        ];
        if let Some((name, _)) = limits.iter().find(|(_, limit)| limit.is_zero()) {
            return Err(ConfigError::Zero(name));
        }
        if self.chunk_timeout > self.job_timeout {
            return Err(ConfigError::ChunkOverJob {
                chunk: self.chunk_timeout,
                job: self.job_timeout,
            });
        }
        Ok(())
    }
}
