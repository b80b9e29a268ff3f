//! What endpoints are told.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use uuid::Uuid;
use voicefleet_core::{Job, JobState, Tenant, Timestamp};

use crate::WebhookError;

/// Longest payload, bytes.
pub const MAX_PAYLOAD: usize = 20_000;

const ID_PREFIX: &str = "msg_";
const MAX_ID: usize = 80;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum EventKind {
    /// The result of a job can be fetched.
    JobSucceeded,
    /// A job was given up.
    JobFailed,
    /// A job was withdrawn.
    JobCancelled,
    /// The deadline of a job passed first.
    JobExpired,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::JobSucceeded,
        Self::JobFailed,
        Self::JobCancelled,
        Self::JobExpired,
    ];

    /// The name in payloads and in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::JobSucceeded => "job.succeeded",
            Self::JobFailed => "job.failed",
            Self::JobCancelled => "job.cancelled",
            Self::JobExpired => "job.expired",
        }
    }

    /// What a job that has come to `state` causes; nothing while it can still move.
    pub fn of_state(state: JobState) -> Option<Self> {
        match state {
            JobState::Queued | JobState::Running => None,
            JobState::Succeeded => Some(Self::JobSucceeded),
            JobState::Failed => Some(Self::JobFailed),
            JobState::Cancelled => Some(Self::JobCancelled),
            JobState::Expired => Some(Self::JobExpired),
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The name of an event that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown event '{0}'; use job.succeeded, job.failed, job.cancelled or job.expired")]
pub struct UnknownEvent(String);

impl FromStr for EventKind {
    type Err = UnknownEvent;

    fn from_str(name: &str) -> Result<Self, UnknownEvent> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == name);
        found.ok_or_else(|| UnknownEvent(name.chars().take(64).collect()))
    }
}

impl TryFrom<String> for EventKind {
    type Error = UnknownEvent;

    fn try_from(name: String) -> Result<Self, UnknownEvent> {
        name.parse()
    }
}

impl From<EventKind> for &'static str {
    fn from(kind: EventKind) -> Self {
        kind.name()
    }
}

/// The `webhook-id`: `msg_` and 1 to 80 of `a-z`, `0-9` and `_`. It stays the same however often the event is
/// told and to whomever, so that receivers know what they have seen.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventId(String);

/// Text that is no event's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the id of an event is msg_ and 1 to {MAX_ID} of a-z, 0-9 and _")]
pub struct InvalidEventId;

impl EventId {
    /// One that nobody else has.
    pub fn generate() -> Self {
        Self(format!("{ID_PREFIX}{}", Uuid::now_v7().simple()))
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id without `msg_`.
    pub(crate) fn stem(&self) -> &str {
        self.0.strip_prefix(ID_PREFIX).unwrap_or(&self.0)
    }
}

impl FromStr for EventId {
    type Err = InvalidEventId;

    fn from_str(text: &str) -> Result<Self, InvalidEventId> {
        let stem = text.strip_prefix(ID_PREFIX).ok_or(InvalidEventId)?;
        if is_name(stem) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidEventId)
        }
    }
}

/// Whether `text` may stand in the keys of documents.
pub(crate) fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=MAX_ID).contains(&text.len()) && text.bytes().all(allowed)
}

impl TryFrom<String> for EventId {
    type Error = InvalidEventId;

    fn try_from(text: String) -> Result<Self, InvalidEventId> {
        text.parse()
    }
}

impl From<EventId> for String {
    fn from(id: EventId) -> Self {
        id.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Something that happened to a tenant's work.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The same for whoever tells of the same thing: an event that is enqueued twice is told once.
    pub id: EventId,
    /// Whose endpoints are told.
    pub tenant: Tenant,
    /// What happened.
    pub kind: EventKind,
    /// When it happened; part of what makes the event the same.
    pub at: Timestamp,
    /// What it happened to: ids and links, never audio or text.
    pub data: Map<String, Value>,
}

impl Event {
    /// The end of a job; `None` while it has not ended. Links begin with `base`, the public URL of the API
    /// without a slash at its end, or empty for links without a host.
    ///
    /// `data` is `{id, object: "job", kind, status, tier, engine, created_at, finished_at, error: {code} | null,
    /// links: {self, result | null}}`. The message of a failure is not in it, for it may quote the text.
    pub fn of_job(job: &Job, base: &str) -> Option<Self> {
        let kind = EventKind::of_state(job.state)?;
        let id: EventId = format!("{ID_PREFIX}{}_{}", simple(job), job.state)
            .parse()
            .ok()?;
        let at = job.finished_at.unwrap_or(job.created_at);
        let link = format!("{base}/v1/jobs/{}", job.id);
        let result = (job.state == JobState::Succeeded).then(|| format!("{link}/result"));
        let error = job
            .failure
            .as_ref()
            .filter(|_| job.state != JobState::Succeeded);
        let data = json!({
            "id": job.id.to_string(),
            "object": "job",
            "kind": job.spec.kind().name(),
            "status": job.state.name(),
            "tier": job.tier.name(),
            "engine": job.spec.engine().as_str(),
            "created_at": rfc3339(job.created_at),
            "finished_at": job.finished_at.map(rfc3339),
            "error": error.map(|failure| json!({"code": failure.code.name()})),
            "links": {"self": link, "result": result},
        });
        let Value::Object(data) = data else {
            return None;
        };
        Some(Self {
            id,
            tenant: job.tenant.clone(),
            kind,
            at,
            data,
        })
    }

    /// What is posted: `{type, timestamp, data}`.
    pub(crate) fn payload(&self) -> Result<String, WebhookError> {
        let payload = json!({
            "type": self.kind.name(),
            "timestamp": rfc3339(self.at),
            "data": self.data,
        });
        let payload = payload.to_string();
        if payload.len() > MAX_PAYLOAD {
            return Err(WebhookError::PayloadTooLarge(payload.len()));
        }
        Ok(payload)
    }
}

fn simple(job: &Job) -> String {
    job.id.to_string().replace('-', "")
}

/// RFC 3339, UTC, milliseconds.
fn rfc3339(at: Timestamp) -> String {
    let nanos = i128::from(at.0) * 1_000_000;
    // Out of range are only years beyond 9999.
    let moment =
        OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (date, (hour, minute, second, millis)) = (moment.date(), moment.to_hms_milli());
    format!("{date}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

#[cfg(test)]
mod tests {
    use voicefleet_core::{ErrorCode, Failure, Tier};
    use voicefleet_testkit::speech_job;

    use super::*;

    fn ended(state: JobState) -> Job {
        let mut job = speech_job("a secret question", Tier::Batch, Timestamp(0));
        job.state = state;
        job.finished_at = Some(Timestamp(1_767_225_600_007));
        job
    }

    #[test]
    fn the_end_of_a_job_is_told_with_ids_and_links_and_without_its_text() {
        let mut job = ended(JobState::Failed);
        let failure = Failure::new(ErrorCode::EngineFailed, "on 'a secret question'");
        job.failure = Some(failure);
        let event = Event::of_job(&job, "https://speech.example").expect("has ended");
        let payload = event.payload().unwrap();
        assert!(!payload.contains("secret"), "{payload}");
        let payload: Value = serde_json::from_str(&payload).unwrap();
        assert_eq!(payload["type"], "job.failed");
        assert_eq!(payload["timestamp"], "2026-01-01T00:00:00.007Z");
        assert_eq!(payload["data"]["id"], job.id.to_string());
        assert_eq!(payload["data"]["error"], json!({"code": "engine_failed"}));
        assert_eq!(payload["data"]["links"]["result"], Value::Null);

        let event = Event::of_job(&ended(JobState::Succeeded), "").expect("has ended");
        let link = event.data["links"]["result"].as_str().unwrap();
        assert!(
            link.starts_with("/v1/jobs/") && link.ends_with("/result"),
            "{link}"
        );
        assert!(Event::of_job(&ended(JobState::Running), "").is_none());
    }

    #[test]
    fn whoever_tells_of_the_same_end_means_the_same_event() {
        let job = ended(JobState::Expired);
        assert_eq!(Event::of_job(&job, ""), Event::of_job(&job, ""));
        let id = Event::of_job(&job, "").unwrap().id;
        assert!(id.as_str().ends_with("_expired") && !id.as_str().contains('.'));
        assert_eq!(id.as_str().parse(), Ok(id));
    }

    #[test]
    fn a_payload_of_more_than_20_kb_is_refused() {
        let mut event = Event::of_job(&ended(JobState::Succeeded), "").unwrap();
        event.data.insert("note".into(), "x".repeat(20_000).into());
        assert!(matches!(
            event.payload(),
            Err(WebhookError::PayloadTooLarge(_))
        ));
    }

    #[test]
    fn ids_that_could_be_taken_for_parts_of_a_key_are_refused() {
        for text in ["msg_", "msg_a/b", "msg_a.b", "msg_A", "a", ""] {
            assert_eq!(text.parse::<EventId>(), Err(InvalidEventId), "{text}");
        }
    }

    #[test]
    fn names_of_events_read_back() {
        for kind in EventKind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
        }
        let unknown = "job.started".parse::<EventKind>().unwrap_err().to_string();
        assert!(unknown.contains("job.started") && unknown.contains("job.expired"));
    }
}
