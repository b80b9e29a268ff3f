//! What can be set.

use std::{path::PathBuf, sync::Arc, time::Duration};

use voicefleet_core::{Clock, Tier, policy::RetryPolicy, tier::TierShares, time::SystemClock};

/// How the embedded backend is set up.
#[derive(Clone)]
pub struct EmbeddedConfig {
    /// The database. Its folder must exist; `FILE-wal`, `FILE-shm` and `FILE.lock` appear beside it.
    pub file: PathBuf,
    /// Bound on uploads and cached results together, bytes, what it takes to store them included.
    /// The file grows to about this size plus records and queue, and does not shrink.
    pub blob_limit_bytes: u64,
    /// How many envelopes may wait per engine.
    pub max_queued: QueueLimits,
    /// What the tiers are guaranteed of what is handed out.
    pub shares: TierShares,
    /// Attempts in all after which a job whose worker is lost is failed; the worker's
    /// [`RetryPolicy::max_attempts`].
    pub max_attempts: u32,
    /// How long finished jobs and dead letters are kept.
    pub record_retention: Duration,
    /// How long a blob stays pinned that nobody unpins and no job in flight needs: a forgotten upload, a
    /// file of a batch.
    pub pinned_retention: Duration,
    /// Callers that may wait for a job to change at the same time.
    pub max_waiters: usize,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
}

impl EmbeddedConfig {
    /// The database `file`, 4 GiB of audio, finished jobs for 7 days and pinned blobs for 30, three
    /// attempts, 10 000 waiting callers, the system's clock.
    pub fn new(file: impl Into<PathBuf>) -> Self {
        Self {
            file: file.into(),
            blob_limit_bytes: 4 << 30,
            max_queued: QueueLimits::default(),
            shares: TierShares::default(),
            max_attempts: RetryPolicy::default().max_attempts,
            record_retention: Duration::from_hours(7 * 24),
            pinned_retention: Duration::from_hours(30 * 24),
            max_waiters: 10_000,
            clock: Arc::new(SystemClock),
        }
    }
}

/// How many envelopes may wait in the lane of a tier, those that wait for a retry included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueLimits {
    /// Realtime: more than this could not be spoken in time anyway.
    pub realtime: u32,
    /// Standard.
    pub standard: u32,
    /// Batch.
    pub batch: u32,
}

impl Default for QueueLimits {
    /// 1 000, 20 000 and 200 000.
    fn default() -> Self {
        Self {
            realtime: 1_000,
            standard: 20_000,
            batch: 200_000,
        }
    }
}

impl QueueLimits {
    pub(crate) fn of(self, tier: Tier) -> i64 {
        i64::from(match tier {
            Tier::Realtime => self.realtime,
            Tier::Standard => self.standard,
            Tier::Batch => self.batch,
        })
    }
}
