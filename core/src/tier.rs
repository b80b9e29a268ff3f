//! Priority tiers, and the order in which a worker serves them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// How urgent a job is.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Somebody is waiting with a headset on.
    Realtime,
    /// Somebody is waiting for a page.
    #[default]
    Standard,
    /// Nobody is waiting: archives, question banks.
    Batch,
}

impl Tier {
    /// Most urgent first.
    pub const ALL: [Self; 3] = [Self::Realtime, Self::Standard, Self::Batch];

    /// The name used in requests, queue names and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Realtime => "realtime",
            Self::Standard => "standard",
            Self::Batch => "batch",
        }
    }

    /// Position in [`Tier::ALL`]: 0 is the most urgent.
    pub fn rank(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Tier {
    type Err = UnknownTier;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|tier| tier.name() == name)
            .ok_or_else(|| UnknownTier(name.to_owned()))
    }
}

/// A tier name that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown tier '{0}'; use one of realtime, standard, batch")]
pub struct UnknownTier(pub String);

/// Chooses the next tier: the most urgent that waits, except that a tier passed over too often in a
/// row is served once, so that no flood above it can starve it.
///
/// With the default bounds (standard after 5, batch after 16 passes) permanently full queues are
/// served about 78 : 16 : 6, the 80/15/5 of the design rounded to whole turns.
#[derive(Clone, Debug)]
pub struct TierRota {
    passes: [u32; 3],
    bounds: [u32; 3],
}

impl Default for TierRota {
    fn default() -> Self {
        Self {
            passes: [0; 3],
            bounds: [0, 5, 16],
        }
    }
}

impl TierRota {
    /// The tier to serve next, given which tiers have work (indexed by [`Tier::rank`]).
    pub fn pick(&mut self, waiting: [bool; 3]) -> Option<Tier> {
        let due = Tier::ALL.into_iter().rev().find(|tier| {
            let rank = tier.rank();
            rank > 0 && waiting[rank] && self.passes[rank] >= self.bounds[rank]
        });
        let chosen = due.or_else(|| Tier::ALL.into_iter().find(|tier| waiting[tier.rank()]))?;
        for tier in Tier::ALL {
            let rank = tier.rank();
            let passed_over = waiting[rank] && tier != chosen;
            self.passes[rank] = if passed_over {
                self.passes[rank] + 1
            } else {
                0
            };
        }
        Some(chosen)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_realtime_job_behind_a_batch_flood_is_next() {
        let mut rota = TierRota::default();
        for _ in 0..50 {
            assert_eq!(rota.pick([false, false, true]), Some(Tier::Batch));
        }
        assert_eq!(rota.pick([true, false, true]), Some(Tier::Realtime));
    }

    #[test]
    fn permanently_full_tiers_keep_their_shares() {
        let mut rota = TierRota::default();
        let mut served = [0_u32; 3];
        for _ in 0..10_000 {
            served[rota.pick([true; 3]).expect("all wait").rank()] += 1;
        }
        assert!((7_500..=8_300).contains(&served[0]), "{served:?}");
        assert!((1_300..=1_800).contains(&served[1]), "{served:?}");
        assert!((450..=700).contains(&served[2]), "{served:?}");
    }

    proptest! {
        #[test]
        fn nobody_waits_longer_than_the_bounds(realtime in proptest::collection::vec(any::<bool>(), 200)) {
            let mut rota = TierRota::default();
            let (mut since_standard, mut since_batch) = (0, 0);
            for waiting in realtime {
                let tier = rota.pick([waiting, true, true]).expect("work waits");
                since_standard = if tier == Tier::Standard { 0 } else { since_standard + 1 };
                since_batch = if tier == Tier::Batch { 0 } else { since_batch + 1 };
                prop_assert!(since_standard <= 6 && since_batch <= 17);
            }
        }

        #[test]
        fn only_waiting_tiers_are_picked(rounds in proptest::collection::vec(any::<[bool; 3]>(), 100)) {
            let mut rota = TierRota::default();
            for waiting in rounds {
                let picked = rota.pick(waiting);
                prop_assert_eq!(picked.is_some(), waiting.contains(&true));
                prop_assert!(picked.is_none_or(|tier| waiting[tier.rank()]));
            }
        }
    }
}
