//! Deliveries: one event on its way to one endpoint.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use voicefleet_core::{Tenant, Timestamp};

use crate::{EndpointId, EventId, EventKind, event::is_name};

/// Later than every moment that has 13 digits of milliseconds (the year 2286).
const END_OF_TIME: i64 = 9_999_999_999_999;
const DIGITS: usize = 13;

/// The id of a delivery within its endpoint: 13 digits that fall as time goes on, `_`, and a name.
/// So ids sort newest first.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DeliveryId(String);

/// Text that is no delivery's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the id of a delivery is 13 digits, _ and a name of a-z, 0-9 and _")]
pub struct InvalidDeliveryId;

impl DeliveryId {
    /// Of the first telling of an event: the same for whoever enqueues it.
    pub(crate) fn of_event(id: &EventId, at: Timestamp) -> Self {
        Self::new(at, id.stem())
    }

    /// Of a further telling.
    pub(crate) fn generate(now: Timestamp) -> Self {
        Self::new(now, &Uuid::now_v7().simple().to_string())
    }

    fn new(at: Timestamp, name: &str) -> Self {
        let reversed = END_OF_TIME.saturating_sub(at.0).clamp(0, END_OF_TIME);
        Self(format!("{reversed:0DIGITS$}_{name}"))
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As it stands in the keys of the log: `REVERSED-TIME/NAME`.
    pub(crate) fn key(&self) -> String {
        self.0.replacen('_', "/", 1)
    }

    pub(crate) fn of_key(key: &str) -> Result<Self, InvalidDeliveryId> {
        key.replacen('/', "_", 1).parse()
    }
}

impl FromStr for DeliveryId {
    type Err = InvalidDeliveryId;

    fn from_str(text: &str) -> Result<Self, InvalidDeliveryId> {
        let (digits, name) = text.split_once('_').ok_or(InvalidDeliveryId)?;
        let digital = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
        if digital && is_name(name) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidDeliveryId)
        }
    }
}

impl TryFrom<String> for DeliveryId {
    type Error = InvalidDeliveryId;

    fn try_from(text: String) -> Result<Self, InvalidDeliveryId> {
        text.parse()
    }
}

impl From<DeliveryId> for String {
    fn from(id: DeliveryId) -> Self {
        id.0
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// It is tried, or will be.
    Pending,
    /// The endpoint answered 2xx.
    Delivered,
    /// Ten attempts failed, or the endpoint answered 410.
    Failed,
    /// When it was due its endpoint was disabled or deleted.
    Dropped,
}

impl DeliveryStatus {
    /// The name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }
}

/// One attempt to deliver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When it began.
    pub at: Timestamp,
    /// What the endpoint answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why there is no answer, or why it does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Until the answer, milliseconds.
    pub duration_ms: u64,
}

/// A delivery, as its endpoint's log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// The endpoint.
    pub endpoint: EndpointId,
    /// The `webhook-id`.
    pub event: EventId,
    /// What is told.
    pub kind: EventKind,
    /// What is posted, JSON.
    pub payload: String,
    /// Where it stands.
    pub status: DeliveryStatus,
    /// When it was enqueued.
    pub created_at: Timestamp,
    /// When it is tried next, while it is pending; in the past while it is being tried.
    pub next_try: Option<Timestamp>,
    /// What came of each attempt, oldest first; up to ten.
    pub attempts: Vec<Attempt>,
    /// The delivery that this one repeats, on request.
    pub repeats: Option<DeliveryId>,
}

/// A part of an endpoint's log, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryPage {
    /// The deliveries.
    pub deliveries: Vec<Delivery>,
    /// Whether there are older ones.
    pub has_more: bool,
}

/// Where a delivery is kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) tenant: Tenant,
    pub(crate) endpoint: EndpointId,
    pub(crate) delivery: DeliveryId,
}

/// A delivery as it is kept: all that is known about it, and the truth wherever the queue says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptDelivery {
    /// Its name in the queue.
    pub(crate) ticket: Uuid,
    pub(crate) event: EventId,
    pub(crate) kind: EventKind,
    pub(crate) payload: String,
    pub(crate) status: DeliveryStatus,
    pub(crate) created_at: Timestamp,
    /// When it is tried next.
    pub(crate) due: Timestamp,
    /// Who tries it has it to himself until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) claimed_until: Option<Timestamp>,
    #[serde(default)]
    pub(crate) attempts: Vec<Attempt>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) repeats: Option<DeliveryId>,
}

impl KeptDelivery {
    pub(crate) fn new(event: EventId, kind: EventKind, payload: String, now: Timestamp) -> Self {
        Self {
            ticket: Uuid::now_v7(),
            event,
            kind,
            payload,
            status: DeliveryStatus::Pending,
            created_at: now,
            due: now,
            claimed_until: None,
            attempts: Vec::new(),
            repeats: None,
        }
    }

    pub(crate) fn is_pending(&self) -> bool {
        self.status == DeliveryStatus::Pending
    }

    /// Until when somebody else has it.
    pub(crate) fn taken_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.claimed_until.filter(|until| now < *until)
    }

    pub(crate) fn shown(self, place: Place) -> Delivery {
        let next_try = self.is_pending().then_some(self.due);
        Delivery {
            id: place.delivery,
            endpoint: place.endpoint,
            event: self.event,
            kind: self.kind,
            payload: self.payload,
            status: self.status,
            created_at: self.created_at,
            next_try,
            attempts: self.attempts,
            repeats: self.repeats,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_newest_first_and_read_back() {
        let event: EventId = "msg_a_b".parse().unwrap();
        let older = DeliveryId::of_event(&event, Timestamp(1_767_225_600_000));
        let newer = DeliveryId::of_event(&event, Timestamp(1_767_225_600_001));
        assert!(newer < older);
        assert_eq!(older.as_str(), "8232774399999_a_b");
        assert_eq!(older.as_str().parse(), Ok(older.clone()));
        assert_eq!(older.key(), "8232774399999/a_b");
        assert_eq!(DeliveryId::of_key(&older.key()), Ok(older));
        for text in [
            "",
            "123_a",
            "8232774399999_",
            "8232774399999/a",
            "8232774399999_a/b",
        ] {
            assert_eq!(text.parse::<DeliveryId>(), Err(InvalidDeliveryId), "{text}");
        }
    }
}
