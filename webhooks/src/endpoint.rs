//! Endpoints: whom a tenant wants told of what.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use voicefleet_core::Timestamp;

use crate::{EventKind, Secret};

const ID_PREFIX: &str = "ep_";

/// The id of an endpoint: `ep_` and 32 hexadecimal digits. Ids sort by creation time.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EndpointId(String);

/// Text that is no endpoint's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the id of an endpoint is ep_ and 32 of 0-9 and a-f")]
pub struct InvalidEndpointId;

impl EndpointId {
    pub(crate) fn generate() -> Self {
        Self(format!("{ID_PREFIX}{}", Uuid::now_v7().simple()))
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EndpointId {
    type Err = InvalidEndpointId;

    fn from_str(text: &str) -> Result<Self, InvalidEndpointId> {
        let digits = text.strip_prefix(ID_PREFIX).ok_or(InvalidEndpointId)?;
        let allowed = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if digits.len() == 32 && digits.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidEndpointId)
        }
    }
}

impl TryFrom<String> for EndpointId {
    type Error = InvalidEndpointId;

    fn try_from(text: String) -> Result<Self, InvalidEndpointId> {
        text.parse()
    }
}

impl From<EndpointId> for String {
    fn from(id: EndpointId) -> Self {
        id.0
    }
}

impl fmt::Display for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An endpoint to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEndpoint {
    /// Where events are posted.
    pub url: String,
    /// Which events; all if there is none.
    pub events: Vec<EventKind>,
}

/// What is to become of an endpoint; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointChange {
    /// Where events are posted from now on, also those that wait.
    pub url: Option<String>,
    /// Which events; all if the list is empty.
    pub events: Option<Vec<EventKind>>,
    /// Whether it is told anything. What comes due while it is disabled is dropped.
    pub enabled: Option<bool>,
}

/// An endpoint, without its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Its id.
    pub id: EndpointId,
    /// Where events are posted.
    pub url: String,
    /// Which events, in the order of [`EventKind::ALL`]; all if there is none.
    pub events: Vec<EventKind>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when and why it is told nothing.
    pub disabled: Option<Disabled>,
    /// Until when signatures are also made with the secret before the present one.
    pub old_secret_until: Option<Timestamp>,
}

/// Since when and why an endpoint is told nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disabled {
    /// Since when.
    pub at: Timestamp,
    /// Why.
    pub why: DisabledWhy,
}

/// Why an endpoint is told nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisabledWhy {
    /// Whose it is wants it so.
    Asked,
    /// It answered 410.
    Gone,
    /// One delivery failed ten times, for about three days, and nothing else reached it meanwhile.
    Failing,
}

impl DisabledWhy {
    /// The name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Gone => "gone",
            Self::Failing => "failing",
        }
    }
}

/// An endpoint as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptEndpoint {
    pub(crate) url: String,
    #[serde(default)]
    pub(crate) events: Vec<EventKind>,
    /// The present one first.
    pub(crate) secrets: Vec<KeptSecret>,
    pub(crate) created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) disabled: Option<Disabled>,
    /// Begin of the first of the attempts that have failed since the last that did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failing_since: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptSecret {
    pub(crate) secret: Secret,
    /// `None` for the present one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<Timestamp>,
}

impl KeptSecret {
    fn is_valid(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

impl KeptEndpoint {
    pub(crate) fn new(url: String, events: Vec<EventKind>, secret: Secret, now: Timestamp) -> Self {
        let secret = KeptSecret {
            secret,
            until: None,
        };
        Self {
            url,
            events: ordered(events),
            secrets: vec![secret],
            created_at: now,
            disabled: None,
            failing_since: None,
        }
    }

    pub(crate) fn wants(&self, kind: EventKind) -> bool {
        self.disabled.is_none() && (self.events.is_empty() || self.events.contains(&kind))
    }

    /// What signs at this moment.
    pub(crate) fn valid_secrets(&self, now: Timestamp) -> impl Iterator<Item = &Secret> {
        let valid = self.secrets.iter().filter(move |kept| kept.is_valid(now));
        valid.map(|kept| &kept.secret)
    }

    /// The present secret stays valid for `overlap`; one that was old before is not valid any more.
    pub(crate) fn rotate(&mut self, secret: Secret, now: Timestamp, overlap: Duration) {
        self.secrets.truncate(1);
        for old in &mut self.secrets {
            old.until = Some(now.after(overlap));
        }
        let present = KeptSecret {
            secret,
            until: None,
        };
        self.secrets.insert(0, present);
    }

    pub(crate) fn set_enabled(&mut self, enabled: bool, now: Timestamp) {
        if enabled {
            self.disabled = None;
            self.failing_since = None;
        } else if self.disabled.is_none() {
            self.disabled = Some(Disabled {
                at: now,
                why: DisabledWhy::Asked,
            });
        }
    }

    pub(crate) fn set_events(&mut self, events: Vec<EventKind>) {
        self.events = ordered(events);
    }

    pub(crate) fn shown(self, id: EndpointId, now: Timestamp) -> Endpoint {
        let old = self.secrets.iter().filter(|kept| kept.is_valid(now));
        let old_secret_until = old.filter_map(|kept| kept.until).max();
        Endpoint {
            id,
            url: self.url,
            events: self.events,
            created_at: self.created_at,
            disabled: self.disabled,
            old_secret_until,
        }
    }
}

fn ordered(mut events: Vec<EventKind>) -> Vec<EventKind> {
    events.sort_unstable();
    events.dedup();
    events
}
