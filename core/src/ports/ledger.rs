//! What the whole fleet knows of itself beside its jobs.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use uuid::Uuid;

use crate::{
    catalog::EngineId,
    scaling::{EngineUsage, Split},
    tenant::Tenant,
};

/// The ledger does not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the fleet's ledger is unavailable: {0}")]
pub struct LedgerUnavailable(pub String);

/// What has been computed for a tenant in a day.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TenantUsage {
    /// Compute-seconds.
    pub compute_seconds: f64,
    /// Jobs that were computed to their end.
    pub jobs: u64,
}

/// A worker that is there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WorkerPresence {
    /// Of its own; no other worker has it.
    pub id: Uuid,
    /// The engine whose jobs it takes.
    pub engine: EngineId,
    /// Jobs at a time.
    pub slots: u32,
}

/// What each engine has computed, as the job records saw it, and how compute is to be divided. All
/// processes of a fleet share one.
#[async_trait]
pub trait FleetLedger: Send + Sync {
    /// What has been computed in the last `window` by engine; whole minutes, the current one
    /// included, and at most the last two hours.
    async fn usage(
        &self,
        window: Duration,
    ) -> Result<BTreeMap<EngineId, EngineUsage>, LedgerUnavailable>;

    /// What has been computed for a tenant on the UTC day that began `days_ago` days before today; days
    /// are kept for five weeks. Nothing is kept of [`Tenant::SOLE`].
    async fn tenant_usage(
        &self,
        tenant: &Tenant,
        days_ago: u32,
    ) -> Result<TenantUsage, LedgerUnavailable>;

    /// The split that was set last; `None` if none ever was.
    async fn split(&self) -> Result<Option<Split>, LedgerUnavailable>;

    /// Sets the split, for all processes.
    async fn set_split(&self, split: &Split) -> Result<(), LedgerUnavailable>;

    /// Notes that a worker is there, for as long as `ttl` unless it says so again.
    async fn note_worker(
        &self,
        worker: &WorkerPresence,
        ttl: Duration,
    ) -> Result<(), LedgerUnavailable>;

    /// Notes that a worker has left.
    async fn forget_worker(&self, worker: &WorkerPresence) -> Result<(), LedgerUnavailable>;

    /// The workers of `engine` that are there.
    async fn workers(&self, engine: &EngineId) -> Result<Vec<WorkerPresence>, LedgerUnavailable>;
}
