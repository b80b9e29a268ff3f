//! Keys, and what has been used.

use reqwest::Method;
use serde::{Deserialize, Serialize};

use crate::{Client, ClientError, Secret, Tier, open::optional, page::Whole};

/// What the bearer of a key may do. What is left out is not limited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct KeyLimits {
    /// The most urgent tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub highest_tier: Option<Tier>,
    /// Requests a minute, of the whole tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u64>,
    /// Jobs in flight at a time, of the whole tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_in_flight: Option<u64>,
    /// Compute-seconds a day (UTC), of the whole tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daily_compute_seconds: Option<u64>,
    /// How much compute the tenant gets beside others that want more than there is in a tier: 1 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u64>,
}

impl KeyLimits {
    optional! {
        /// The most urgent tier.
        highest_tier: Tier,
        /// Requests a minute, of the whole tenant.
        requests_per_minute: u64,
        /// Jobs in flight at a time, of the whole tenant.
        max_in_flight: u64,
        /// Compute-seconds a day (UTC), of the whole tenant.
        daily_compute_seconds: u64,
        /// How much compute the tenant gets beside others that want more than there is in a tier: 1 to 100.
        weight: u64,
    }
}

/// A key to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NewKey {
    tenant: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    admin: bool,
    walled: bool,
    limits: KeyLimits,
}

impl NewKey {
    /// Of a tenant: 1 to 64 of a-z, 0-9, - and _.
    pub fn new(tenant: impl Into<String>) -> Self {
        Self {
            tenant: tenant.into(),
            name: None,
            admin: false,
            walled: false,
            limits: KeyLimits::default(),
        }
    }

    optional! {
        /// What it is for; shown in lists.
        name: String,
    }

    /// Whether its bearer may also manage keys, the split and dead letters, and sees all jobs.
    #[must_use]
    pub fn admin(mut self, admin: bool) -> Self {
        self.admin = admin;
        self
    }

    /// Whether what is made with it is kept apart from what others have made.
    #[must_use]
    pub fn walled(mut self, walled: bool) -> Self {
        self.walled = walled;
        self
    }

    /// Its limits.
    #[must_use]
    pub fn limits(mut self, limits: KeyLimits) -> Self {
        self.limits = limits;
        self
    }
}

/// A key, without its secret. Moments are RFC 3339.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Key {
    /// Its public part.
    pub id: String,
    /// Whose key it is.
    pub tenant: String,
    /// What it is for.
    pub name: Option<String>,
    /// Whether its bearer may do everything.
    pub admin: bool,
    /// Whether what is made with it is kept apart.
    pub walled: bool,
    /// Its limits.
    pub limits: KeyLimits,
    /// When it was made.
    pub created_at: String,
    /// When it was revoked; none while it is of use.
    pub revoked_at: Option<String>,
}

/// A key that has just been made.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct CreatedKey {
    /// The key.
    #[serde(flatten)]
    pub key: Key,
    /// What its bearer shows. It is told this once.
    pub secret: Secret,
}

/// What has been computed for a tenant.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Usage {
    /// Whose it is.
    pub tenant: String,
    /// Jobs queued or running now.
    pub in_flight: u64,
    /// The limits of the key that was shown.
    pub limits: KeyLimits,
    /// Newest first.
    pub days: Vec<UsageDay>,
}

/// What has been computed in a day.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct UsageDay {
    /// The UTC day, such as `2026-01-31`.
    pub day: String,
    /// Compute-seconds. What was found in the cache costs none.
    pub compute_seconds: f64,
    /// Jobs that were computed to their end.
    pub jobs: u64,
}

impl Client {
    /// Makes a key. For administrators. Not repeated when the connection breaks off: it might be made twice.
    pub async fn create_key(&self, key: &NewKey) -> Result<CreatedKey, ClientError> {
        self.call(Method::POST, ["v1", "keys"])
            .with_json(key)
            .json()
            .await
    }

    /// All keys, without their secrets. For administrators.
    pub async fn keys(&self) -> Result<Vec<Key>, ClientError> {
        let list: Whole<Key> = self.call(Method::GET, ["v1", "keys"]).json().await?;
        Ok(list.data)
    }

    /// Makes a key useless from the next request on. For administrators.
    pub async fn revoke_key(&self, id: &str) -> Result<Key, ClientError> {
        self.call(Method::DELETE, ["v1", "keys", id]).json().await
    }

    /// What has been computed for the tenant of the key, or for another one, which is for administrators; `days`
    /// back, today included, 1 to 35.
    pub async fn usage(&self, days: u32, tenant: Option<&str>) -> Result<Usage, ClientError> {
        self.call(Method::GET, ["v1", "usage"])
            .query("days", Some(days))
            .query("tenant", tenant)
            .json()
            .await
    }
}
