//! Addresses that are told of the ends of jobs.

use futures::Stream;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Client, ClientError, JobEventKind, Secret,
    open::{open_enum, optional},
    page::{Listing, Whole},
};

open_enum! {
    /// Where a delivery stands.
    DeliveryStatus {
        /// It is due, now or later.
        Pending = "pending",
        /// The address has it.
        Delivered = "delivered",
        /// The address has refused it to the last.
        Failed = "failed",
        /// The webhook was disabled when it came due.
        Dropped = "dropped",
    }
}

/// A webhook to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NewWebhook {
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<Vec<JobEventKind>>,
}

impl NewWebhook {
    /// Told of every end of a job: `https`, at a public address, unless the operator allows more.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            events: None,
        }
    }

    optional! {
        /// Only these ends: succeeded, failed, cancelled, expired.
        events: Vec<JobEventKind>,
    }
}

/// What is to change of a webhook; what is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WebhookChange {
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<Vec<JobEventKind>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enabled: Option<bool>,
}

impl WebhookChange {
    optional! {
        /// Where events are posted from now on, also those that wait.
        url: String,
        /// Which events; all if the list is empty.
        events: Vec<JobEventKind>,
        /// Whether it is told anything. What comes due while it is disabled is dropped.
        enabled: bool,
    }
}

/// An address that is told of events. Moments are RFC 3339.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Webhook {
    /// Its id.
    pub id: String,
    /// Where events are posted.
    pub url: String,
    /// Which events; all if the list is empty.
    pub events: Vec<JobEventKind>,
    /// When it was made.
    pub created_at: String,
    /// Whether it is told anything.
    pub enabled: bool,
    /// Why it is not: `asked`, `gone` (it answered 410) or `failing`.
    pub disabled_because: Option<String>,
    /// Until when signatures are also made with the secret before the present one.
    pub old_secret_until: Option<String>,
}

/// A webhook with its secret, which is told this once.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct WebhookWithSecret {
    /// The webhook.
    #[serde(flatten)]
    pub webhook: Webhook,
    /// What its signatures are checked with, by Standard Webhooks.
    pub secret: Secret,
}

/// An event that is told to a webhook. Moments are RFC 3339.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Delivery {
    /// Its id.
    pub id: String,
    /// The `webhook-id`: the same whenever the same is told.
    pub event_id: String,
    /// What is told.
    pub event: JobEventKind,
    /// Where it stands.
    pub status: DeliveryStatus,
    /// When it came up.
    pub created_at: String,
    /// When it is tried next; none once it has ended.
    pub next_try_at: Option<String>,
    /// Oldest first; up to ten.
    pub attempts: Vec<DeliveryAttempt>,
    /// What is posted, JSON.
    pub payload: String,
    /// The delivery that this one repeats.
    pub repeats: Option<String>,
}

/// One attempt to deliver.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct DeliveryAttempt {
    /// When.
    pub at: String,
    /// The status that was answered.
    pub status: Option<u16>,
    /// Until the answer, milliseconds.
    pub duration_ms: u64,
    /// Why it does not count.
    pub error: Option<String>,
}

impl Client {
    /// Makes a webhook. Not repeated when the connection breaks off: it might be made twice.
    pub async fn create_webhook(
        &self,
        webhook: &NewWebhook,
    ) -> Result<WebhookWithSecret, ClientError> {
        self.call(Method::POST, ["v1", "webhooks"])
            .with_json(webhook)
            .json()
            .await
    }

    /// All webhooks, oldest first.
    pub async fn webhooks(&self) -> Result<Vec<Webhook>, ClientError> {
        let call = self.call(Method::GET, ["v1", "webhooks"]);
        let list: Whole<Webhook> = call.json().await?;
        Ok(list.data)
    }

    /// The webhook as it is now.
    pub async fn webhook(&self, id: &str) -> Result<Webhook, ClientError> {
        self.call(Method::GET, ["v1", "webhooks", id]).json().await
    }

    /// Changes a webhook; gives it as it is then.
    pub async fn update_webhook(
        &self,
        id: &str,
        change: &WebhookChange,
    ) -> Result<Webhook, ClientError> {
        self.call(Method::PATCH, ["v1", "webhooks", id])
            .with_json(change)
            .json()
            .await
    }

    /// Deletes a webhook. After a break, an attempt that is repeated may find it gone.
    pub async fn delete_webhook(&self, id: &str) -> Result<(), ClientError> {
        let call = self.call(Method::DELETE, ["v1", "webhooks", id]);
        let _: Value = call.json().await?;
        Ok(())
    }

    /// Gives a webhook a new secret. Signatures are also made with the old one for a while.
    pub async fn rotate_webhook(&self, id: &str) -> Result<WebhookWithSecret, ClientError> {
        self.call(Method::POST, ["v1", "webhooks", id, "rotate"])
            .json()
            .await
    }

    /// What a webhook has been told, newest first.
    pub fn deliveries(
        &self,
        webhook_id: &str,
    ) -> impl Stream<Item = Result<Delivery, ClientError>> + Send + use<> {
        Listing::new(self, ["v1", "webhooks", webhook_id, "deliveries"]).items()
    }

    /// Tells a webhook the same once more; gives the delivery that is due now: this one if it had not ended, or a new one.
    pub async fn redeliver(
        &self,
        webhook_id: &str,
        delivery_id: &str,
    ) -> Result<Delivery, ClientError> {
        let deliveries = ["v1", "webhooks", webhook_id, "deliveries"];
        let path = deliveries.into_iter().chain([delivery_id, "redeliver"]);
        self.call(Method::POST, path).json().await
    }
}
