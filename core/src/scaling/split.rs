//! How the compute is divided among the pools.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::catalog::EngineId;

/// What a pool's workers run on. Pools lend to each other only within one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hardware {
    /// Cores.
    Cpu,
    /// Graphics cards, or slices of them.
    Gpu,
}

impl Hardware {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Cpu, Self::Gpu];

    /// The name used in settings and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
        }
    }
}

impl fmt::Display for Hardware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Hardware {
    type Err = SplitError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let mut known = Self::ALL.into_iter();
        known
            .find(|hardware| hardware.name() == name)
            .ok_or_else(|| SplitError(format!("there is no hardware '{name}'; use cpu or gpu")))
    }
}

/// A split that cannot be; the sentence says which part of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SplitError(pub String);

/// The shares of the pools, and how much there is to share. Can be changed while the fleet works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// Per cent of the compute that each pool gets while all of them want more; 100 in all.
    pub shares: BTreeMap<EngineId, u32>,
    /// Slots that the pools of one kind of hardware may take together; without one, as many as
    /// they want.
    #[serde(default)]
    pub budgets: BTreeMap<Hardware, u32>,
}

impl Default for Split {
    /// 70 % Piper, 20 % Whisper, 10 % Kokoro, of as much as they want.
    fn default() -> Self {
        let shares = [("piper", 70), ("whisper", 20), ("kokoro", 10)];
        let shares = shares.map(|(engine, share)| (EngineId::new(engine), share));
        Self {
            shares: BTreeMap::from(shares),
            budgets: BTreeMap::new(),
        }
    }
}

/// Budgets beyond this are a slip of the finger.
const MOST_SLOTS: u32 = 100_000;

impl Split {
    /// Checks that the shares are those of `engines` and 100 in all, and that no budget is without reason.
    ///
    /// # Errors
    /// [`SplitError`], which names what is wrong.
    pub fn check(&self, engines: &[EngineId]) -> Result<(), SplitError> {
        if let Some(engine) = self.shares.keys().find(|engine| !engines.contains(engine)) {
            let known: Vec<&str> = engines.iter().map(EngineId::as_str).collect();
            let known = known.join(", ");
            return Err(SplitError(format!(
                "shares: there is no pool '{engine}'; the pools are {known}"
            )));
        }
        if let Some(engine) = engines
            .iter()
            .find(|engine| !self.shares.contains_key(engine))
        {
            return Err(SplitError(format!("shares: none is given for {engine}")));
        }
        let sum: u64 = self.shares.values().map(|share| u64::from(*share)).sum();
        if sum != 100 {
            return Err(SplitError(format!(
                "shares: they must be 100 per cent in all, and are {sum}"
            )));
        }
        for (hardware, slots) in &self.budgets {
            if !(1..=MOST_SLOTS).contains(slots) {
                return Err(SplitError(format!(
                    "budgets: {hardware} must be 1 to {MOST_SLOTS} slots, and is {slots}"
                )));
            }
        }
        Ok(())
    }

    /// The share of a pool, per cent.
    pub fn share(&self, engine: &EngineId) -> u32 {
        self.shares.get(engine).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engines() -> Vec<EngineId> {
        ["piper", "kokoro", "whisper"].map(EngineId::new).to_vec()
    }

    fn refusal(split: &str) -> String {
        let split: Split = serde_json::from_str(split).expect("a split");
        split.check(&engines()).expect_err("wrong").to_string()
    }

    #[test]
    fn the_default_is_right() {
        assert_eq!(Split::default().check(&engines()), Ok(()));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (split, word) in [
            (r#"{"shares":{"piper":70,"whisper":20,"kokoro":20}}"#, "110"),
            (r#"{"shares":{"piper":80,"whisper":20}}"#, "kokoro"),
            (
                r#"{"shares":{"piper":70,"whisper":20,"kokoro":5,"pipr":5}}"#,
                "pipr",
            ),
            (
                r#"{"shares":{"piper":70,"whisper":20,"kokoro":10},"budgets":{"gpu":0}}"#,
                "gpu",
            ),
        ] {
            let refusal = refusal(split);
            assert!(refusal.contains(word), "{refusal}");
        }
    }
}
