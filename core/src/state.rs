//! The states of a job and the legal moves between them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// Accepted and durable; waits for a worker or for the identical job it follows.
    Queued,
    /// A worker has it.
    Running,
    /// The result is stored.
    Succeeded,
    /// Given up, with a reason.
    Failed,
    /// The client withdrew it.
    Cancelled,
    /// Its deadline passed before the result could be of use.
    Expired,
}

impl JobState {
    /// Every state.
    pub const ALL: [Self; 6] = [
        Self::Queued,
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
        Self::Expired,
    ];

    /// The states that `self` may move to. This table is the only one.
    pub fn next(self) -> &'static [Self] {
        match self {
            // A follower of an identical job succeeds or fails without ever running itself.
            Self::Queued => &[
                Self::Running,
                Self::Succeeded,
                Self::Failed,
                Self::Cancelled,
                Self::Expired,
            ],
            Self::Running => &[
                Self::Queued,
                Self::Succeeded,
                Self::Failed,
                Self::Cancelled,
                Self::Expired,
            ],
            Self::Succeeded | Self::Failed | Self::Cancelled | Self::Expired => &[],
        }
    }

    /// Whether a job may move from `self` to `to`.
    pub fn can_become(self, to: Self) -> bool {
        self.next().contains(&to)
    }

    /// No further move is possible.
    pub fn is_terminal(self) -> bool {
        self.next().is_empty()
    }

    /// The name used in the API and in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for JobState {
    type Err = UnknownState;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|state| state.name() == name)
            .ok_or_else(|| UnknownState(name.to_owned()))
    }
}

/// A state name that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown status '{0}'; use one of queued, running, succeeded, failed, cancelled, expired")]
pub struct UnknownState(pub String);

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::select};

    use super::*;

    proptest! {
        #[test]
        fn a_walk_over_legal_moves_ends_in_one_terminal_state(
            wishes in proptest::collection::vec(select(JobState::ALL.to_vec()), 0..60),
        ) {
            let mut state = JobState::Queued;
            let mut terminals = 0;
            for wish in wishes {
                if state.can_become(wish) {
                    state = wish;
                    terminals += u32::from(state.is_terminal());
                }
            }
            prop_assert!(terminals <= 1);
            prop_assert_eq!(state.is_terminal(), terminals == 1);
        }

        #[test]
        fn names_round_trip(state in select(JobState::ALL.to_vec())) {
            prop_assert_eq!(state.name().parse::<JobState>(), Ok(state));
        }
    }

    #[test]
    fn nothing_moves_to_itself() {
        assert!(JobState::ALL.iter().all(|state| !state.can_become(*state)));
    }
}
