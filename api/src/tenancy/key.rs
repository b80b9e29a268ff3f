//! Keys: what a client shows, and what is kept of it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use utoipa::ToSchema;
use uuid::Uuid;
use voicefleet_core::{Tenant, Tier, Timestamp, Weight, fingerprint::digest_of};

/// What every key begins with, so that one that got out is recognised by secret scanners.
const PREFIX: &str = "vf";

/// The public part of a key: 1 to 32 of `a-z` and `0-9`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId(String);

/// Text that is no key or no key's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a key is vf_ID_SECRET; its id is 1 to 32 of a-z and 0-9, its secret at least 32 characters"
)]
pub struct InvalidKey;

impl KeyId {
    fn generate() -> Self {
        let mut id = Uuid::new_v4().simple().to_string();
        id.truncate(12);
        Self(id)
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyId {
    type Err = InvalidKey;

    fn from_str(id: &str) -> Result<Self, InvalidKey> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let valid = (1..=32).contains(&id.len()) && id.bytes().all(allowed);
        valid.then(|| Self(id.to_owned())).ok_or(InvalidKey)
    }
}

impl TryFrom<String> for KeyId {
    type Error = InvalidKey;

    fn try_from(id: String) -> Result<Self, InvalidKey> {
        id.parse()
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> Self {
        id.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A whole key, `vf_ID_SECRET`. Never logged and never kept.
#[derive(Clone, PartialEq, Eq)]
pub struct KeySecret {
    id: KeyId,
    secret: String,
}

impl KeySecret {
    /// A new one; its secret has 244 random bits.
    pub fn generate() -> Self {
        let secret = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        Self {
            id: KeyId::generate(),
            secret,
        }
    }

    /// Its public part.
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// What is kept of it: SHA-256, hex. A random secret needs no slow hash, for it cannot be guessed.
    pub fn hash(&self) -> String {
        digest_of(self.secret.as_bytes())
    }

    /// As the client gets it.
    pub fn reveal(&self) -> String {
        format!("{PREFIX}_{}_{}", self.id, self.secret)
    }
}

impl fmt::Debug for KeySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}_{}_...", self.id)
    }
}

impl FromStr for KeySecret {
    type Err = InvalidKey;

    fn from_str(key: &str) -> Result<Self, InvalidKey> {
        let rest = key
            .strip_prefix(PREFIX)
            .and_then(|key| key.strip_prefix('_'));
        let (id, secret) = rest
            .and_then(|rest| rest.split_once('_'))
            .ok_or(InvalidKey)?;
        let usable = (32..=128).contains(&secret.len())
            && secret.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !usable {
            return Err(InvalidKey);
        }
        Ok(Self {
            id: id.parse()?,
            secret: secret.to_owned(),
        })
    }
}

/// What the bearer of a key may do. What is left out is not limited.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyLimits {
    /// The most urgent tier: `realtime`, `standard` or `batch`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::schema::TierName>)]
    pub highest_tier: Option<Tier>,
    /// Requests a minute, of the whole tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1_000_000_000, value_type = Option<i64>)]
    pub requests_per_minute: Option<u32>,
    /// Jobs in flight at a time, of the whole tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1_000_000_000, value_type = Option<i64>)]
    pub max_in_flight: Option<u32>,
    /// Compute-seconds a day (UTC), of the whole tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1_000_000_000, value_type = Option<i64>)]
    pub daily_compute_seconds: Option<u32>,
    /// How much compute the tenant gets beside others that want more than there is in the same tier; 1 if it
    /// is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 100, value_type = Option<i64>)]
    pub weight: Option<Weight>,
}

/// A key to be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// Whose key it is: 1 to 64 of a-z, 0-9, - and _.
    #[schema(value_type = String, example = "acme", pattern = "^[a-z0-9_-]{1,64}$")]
    pub tenant: Tenant,
    /// What it is for; shown in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub name: Option<String>,
    /// Whether its bearer may also manage keys, the split and dead letters, and sees all jobs.
    #[serde(default)]
    pub admin: bool,
    /// Whether what is made with it is kept apart from what others have made.
    #[serde(default)]
    pub walled: bool,
    /// Its limits.
    #[serde(default)]
    pub limits: KeyLimits,
}

/// A key as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRecord {
    /// Its public part.
    pub id: KeyId,
    /// SHA-256 of its secret, hex.
    pub sha256: String,
    /// When it was made.
    #[serde(default)]
    pub created_at: Timestamp,
    /// Since when it is of no use any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
    /// What was asked for.
    pub grant: NewKey,
}

impl KeyRecord {
    /// Of a new key.
    pub fn new(secret: &KeySecret, grant: NewKey, created_at: Timestamp) -> Self {
        Self {
            id: secret.id.clone(),
            sha256: secret.hash(),
            created_at,
            revoked_at: None,
            grant,
        }
    }

    /// Whether `secret` is this key's, and of use.
    pub fn admits(&self, secret: &KeySecret) -> bool {
        // Takes as long whatever the first difference is.
        let same = self.sha256.as_bytes().ct_eq(secret.hash().as_bytes());
        self.revoked_at.is_none() && self.id == secret.id && same.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant() -> NewKey {
        NewKey {
            tenant: "acme".parse().expect("a name"),
            name: None,
            admin: false,
            walled: false,
            limits: KeyLimits::default(),
        }
    }

    #[test]
    fn a_key_reads_back_and_admits_its_bearer_only() {
        let secret = KeySecret::generate();
        let again: KeySecret = secret.reveal().parse().expect("reads back");
        let mut record = KeyRecord::new(&secret, grant(), Timestamp(1));
        assert!(record.admits(&again));
        let mut other = KeySecret::generate();
        assert!(!record.admits(&other));
        other.id = secret.id.clone();
        assert!(!record.admits(&other));
        record.revoked_at = Some(Timestamp(2));
        assert!(!record.admits(&again));
    }

    #[test]
    fn what_is_kept_and_what_is_logged_does_not_hold_the_secret() {
        let secret = KeySecret::generate();
        let record = KeyRecord::new(&secret, grant(), Timestamp(1));
        for text in [
            serde_json::to_string(&record).expect("writes"),
            format!("{secret:?} {record:?}"),
        ] {
            assert!(!text.contains(&secret.secret), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_keys() {
        let long = "a".repeat(129);
        for text in [
            "",
            "vf",
            "vf__",
            "vf_id_short",
            "sk-0123456789012345678901234567890123456789",
            "vf_ID_0123456789012345678901234567890123456789",
            "vf_id_012345678901234567890123456789012345678ä",
            &format!("vf_id_{long}"),
        ] {
            assert_eq!(text.parse::<KeySecret>(), Err(InvalidKey), "{text}");
        }
    }
}
