//! How the compute is divided among the pools.

use std::collections::BTreeMap;

use reqwest::Method;
use serde::{Deserialize, Serialize};

use crate::{Client, ClientError, open::optional};

/// A split to be set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NewSplit {
    shares: BTreeMap<String, u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    budgets: Option<BTreeMap<String, u32>>,
}

impl NewSplit {
    /// Per cent of the compute by pool, for as long as all of them want more: every pool, 100 in all.
    pub fn new(shares: BTreeMap<String, u32>) -> Self {
        Self {
            shares,
            budgets: None,
        }
    }

    optional! {
        /// Slots by hardware (`cpu`, `gpu`) that the pools may take together. They stay as they are unless set; an empty
        /// map takes them away.
        budgets: BTreeMap<String, u32>,
    }
}

/// How the compute is divided.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Split {
    /// Per cent that each pool gets while all of them want more.
    pub shares: BTreeMap<String, u32>,
    /// Slots by hardware that the pools may take together; without one, as many as they want.
    pub budgets: BTreeMap<String, u32>,
    /// What that means now.
    pub pools: Vec<Pool>,
}

/// The workers of one engine.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Pool {
    /// Its name: that of the engine.
    #[serde(rename = "pool")]
    pub name: String,
    /// Its share, per cent.
    pub share: u32,
    /// The part of the slots that it is to have now, 0 to 1: pools without work lend theirs.
    pub target_ratio: f64,
    /// The part of the compute of the last five minutes that it had, 0 to 1; none if nothing was computed.
    pub actual_ratio: Option<f64>,
    /// Workers that its work asks for.
    pub workers_demanded: u32,
    /// Workers that it is to have.
    pub workers_wanted: u32,
    /// Workers that are there.
    pub workers_up: u32,
    /// Jobs that wait for a worker.
    pub waiting: u64,
    /// Jobs with a worker.
    pub in_flight: u64,
    /// Estimated compute-seconds of both, by tier.
    pub backlog_seconds: BTreeMap<String, f64>,
    /// What bounds its workers: `idle`, `demand`, `share` or `maximum`.
    pub limit: String,
    /// The same, as a sentence.
    pub why: String,
}

impl Client {
    /// How the compute is divided now. For administrators.
    pub async fn split(&self) -> Result<Split, ClientError> {
        self.call(Method::GET, ["v1", "split"]).json().await
    }

    /// Divides the compute anew, while the fleet works. For administrators.
    pub async fn set_split(&self, split: &NewSplit) -> Result<Split, ClientError> {
        self.call(Method::PUT, ["v1", "split"])
            .with_json(split)
            .json()
            .await
    }
}
