//! Who a job belongs to.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Longest name, bytes.
const MAX_LENGTH: usize = 64;

/// The name of whoever the work is done for: 1 to 64 of `a-z`, `0-9`, `-` and `_`. It becomes part of keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tenant(String);

/// How much of a tier's compute a tenant gets beside others that want more than there is: twice the weight,
/// twice the compute. 1 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Weight(u32);

/// A weight that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a weight must be 1 to 100, not {0}")]
pub struct InvalidWeight(u32);

impl Weight {
    /// The weight.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl Default for Weight {
    fn default() -> Self {
        Self(1)
    }
}

impl TryFrom<u32> for Weight {
    type Error = InvalidWeight;

    fn try_from(weight: u32) -> Result<Self, InvalidWeight> {
        if (1..=100).contains(&weight) {
            Ok(Self(weight))
        } else {
            Err(InvalidWeight(weight))
        }
    }
}

impl From<Weight> for u32 {
    fn from(weight: Weight) -> Self {
        weight.0
    }
}

/// A name that cannot be a tenant's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the tenant '{0}' must be 1 to 64 of a-z, 0-9, - and _")]
pub struct InvalidTenant(String);

impl Tenant {
    /// Whoever comes where nobody is told apart.
    pub const SOLE: &str = "default";

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether nobody is told apart.
    pub fn is_sole(&self) -> bool {
        self.0 == Self::SOLE
    }
}

impl Default for Tenant {
    fn default() -> Self {
        Self(Self::SOLE.to_owned())
    }
}

impl FromStr for Tenant {
    type Err = InvalidTenant;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let allowed = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_')
        };
        if (1..=MAX_LENGTH).contains(&name.len()) && name.bytes().all(allowed) {
            Ok(Self(name.to_owned()))
        } else {
            let shown: String = name.chars().take(MAX_LENGTH).collect();
            Err(InvalidTenant(shown))
        }
    }
}

impl TryFrom<String> for Tenant {
    type Error = InvalidTenant;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        name.parse()
    }
}

impl From<Tenant> for String {
    fn from(tenant: Tenant) -> Self {
        tenant.0
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_is_1_to_100() {
        for weight in [0, 101, u32::MAX] {
            assert!(Weight::try_from(weight).is_err());
            assert!(serde_json::from_value::<Weight>(weight.into()).is_err());
        }
        assert_eq!(Weight::try_from(100).map(Weight::get), Ok(100));
        assert_eq!(Weight::default().get(), 1);
    }

    #[test]
    fn names_that_could_be_taken_for_parts_of_a_key_are_refused() {
        for name in ["", "A", "a/b", "a:b", "a b", "ä", "a\n", &"a".repeat(65)] {
            assert!(name.parse::<Tenant>().is_err(), "{name:?}");
            assert!(serde_json::from_value::<Tenant>(name.into()).is_err());
        }
        for name in ["a", "acme-2", "exam_board", &"a".repeat(64)] {
            assert_eq!(name.parse::<Tenant>().expect(name).as_str(), name);
        }
        assert!(Tenant::default().is_sole());
    }
}
