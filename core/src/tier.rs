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

/// What the lower tiers are guaranteed of the turns while all tiers wait, per cent. The rest is
/// realtime's, and whatever a tier does not use is anybody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TierShares {
    /// 1 to 50.
    pub standard: u32,
    /// 1 to 50.
    pub batch: u32,
}

impl Default for TierShares {
    /// 80 % realtime, 15 % standard, 5 % batch.
    fn default() -> Self {
        Self {
            standard: 15,
            batch: 5,
        }
    }
}

impl TierShares {
    /// Whether both lie within their bounds.
    pub fn are_valid(self) -> bool {
        (1..=50).contains(&self.standard) && (1..=50).contains(&self.batch)
    }
}

/// Chooses the next tier: the most urgent that waits, except that a tier that has earned a turn by its
/// share is served first, so that no flood above it can starve it.
///
/// A tier earns its share with every turn that is given out while it waits, and pays 100 for its own:
/// over many turns it gets at least its share, and it waits for no more than 100/share turns, and
/// one or two more where both lower tiers have earned theirs at the same time.
#[derive(Clone, Debug)]
pub struct TierRota {
    shares: [u32; 3],
    earned: [u32; 3],
}

/// What a turn costs: the whole of the shares.
const TURN: u32 = 100;

impl Default for TierRota {
    fn default() -> Self {
        Self::new(TierShares::default())
    }
}

impl TierRota {
    /// A rota that keeps these shares.
    pub fn new(shares: TierShares) -> Self {
        Self {
            shares: [0, shares.standard, shares.batch],
            earned: [0; 3],
        }
    }

    /// The tier to serve next, given which tiers have work (indexed by [`Tier::rank`]).
    pub fn pick(&mut self, waiting: [bool; 3]) -> Option<Tier> {
        let lanes = self.earned.iter_mut().zip(self.shares).zip(waiting);
        for ((earned, share), waits) in lanes {
            *earned = if waits { *earned + share } else { 0 };
        }
        let due = |tier: &Tier| self.earned[tier.rank()] >= TURN;
        let most_urgent = || Tier::ALL.into_iter().find(|tier| waiting[tier.rank()]);
        let chosen = Tier::ALL.into_iter().rev().find(due).or_else(most_urgent)?;
        let earned = &mut self.earned[chosen.rank()];
        *earned = earned.saturating_sub(TURN);
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
        assert!((7_998..=8_002).contains(&served[0]), "{served:?}");
        assert!((1_499..=1_501).contains(&served[1]), "{served:?}");
        assert!((499..=501).contains(&served[2]), "{served:?}");
    }

    #[test]
    fn shares_are_kept_as_they_are_set() {
        let mut rota = TierRota::new(TierShares {
            standard: 30,
            batch: 25,
        });
        let mut served = [0_u32; 3];
        for _ in 0..1_000 {
            served[rota.pick([true; 3]).expect("all wait").rank()] += 1;
        }
        assert!(served[1] >= 299 && served[2] >= 249, "{served:?}");
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
                prop_assert!(since_standard <= 8 && since_batch <= 21);
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
