//! The jobs that wait, tier by tier.

use std::collections::VecDeque;

use voicefleet_core::{Tier, tier::TierRota};

/// A job of the pool, by its position among the pool's arrivals.
pub(super) type JobIndex = usize;

#[derive(Debug, Default)]
pub(super) struct Waiting([VecDeque<JobIndex>; 3]);

impl Waiting {
    pub(super) fn join(&mut self, tier: Tier, job: JobIndex) {
        self.0[tier.rank()].push_back(job);
    }

    /// A job that was taken and not done goes before those that were never taken.
    pub(super) fn rejoin(&mut self, tier: Tier, job: JobIndex) {
        self.0[tier.rank()].push_front(job);
    }

    /// The job that a worker with this rota takes next.
    pub(super) fn take(&mut self, rota: &mut TierRota) -> Option<JobIndex> {
        let tier = rota.pick([0, 1, 2].map(|rank: usize| !self.0[rank].is_empty()))?;
        self.0[tier.rank()].pop_front()
    }

    pub(super) fn len(&self) -> usize {
        self.0.iter().map(VecDeque::len).sum()
    }
}
