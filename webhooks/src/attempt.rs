//! One attempt at one delivery: claim it, post it, write down what came of it.

use std::{sync::Arc, time::Duration};

use voicefleet_core::{Clock, Timestamp, ports::Precondition};

use crate::{
    Attempt, DeliveryStatus, Disabled, DisabledWhy, SCHEDULE, WebhookError,
    courier::{Answer, Courier, Parcel, PostError},
    delivery::{KeptDelivery, Place},
    endpoint::KeptEndpoint,
    endpoints::Endpoints,
    log::DeliveryLog,
    queue::{DueQueue, Ticket, ticket_id},
    retry::{Verdict, judge},
    sign,
};

/// How long whoever claims a delivery has it to himself: three times as long as a post may last, so that
/// clocks may differ by half a minute.
pub(crate) const CLAIM_LASTS: Duration = Duration::from_mins(1);
/// When to look again at a delivery whose documents did not answer.
const AFTER_OUTAGE: Duration = Duration::from_secs(5);

/// What attempts are made with.
pub(crate) struct Attempts {
    pub(crate) endpoints: Endpoints,
    pub(crate) log: DeliveryLog,
    pub(crate) queue: DueQueue,
    pub(crate) courier: Courier,
    pub(crate) clock: Arc<dyn Clock>,
}

/// What an attempt means for its endpoint.
type HealthChange = Box<dyn Fn(&mut KeptEndpoint) + Send>;

/// A delivery that nobody else may touch until the claim ends.
struct Claimed<'a> {
    place: &'a Place,
    delivery: KeptDelivery,
    version: u64,
    began: Timestamp,
}

impl Attempts {
    /// Does what `ticket` asks for. If there is anything left to do with this very ticket, says when.
    pub(crate) async fn make(&self, ticket: &Ticket) -> Option<Timestamp> {
        match self.follow(ticket).await {
            Ok(later) => later,
            Err(WebhookError::Damaged(why)) => {
                tracing::warn!(delivery = %ticket.of.delivery, why, "a webhook delivery cannot be read");
                self.queue
                    .remove(&ticket.id)
                    .await
                    .err()
                    .map(|_| self.after_outage())
            }
            Err(error) => {
                tracing::debug!(delivery = %ticket.of.delivery, %error, "a webhook delivery has to wait");
                Some(self.after_outage())
            }
        }
    }

    fn after_outage(&self) -> Timestamp {
        self.clock.now().after(AFTER_OUTAGE)
    }

    async fn follow(&self, ticket: &Ticket) -> Result<Option<Timestamp>, WebhookError> {
        let now = self.clock.now();
        let found = self.log.read(&ticket.of).await?;
        let Some((delivery, version)) = found.filter(|(delivery, _)| delivery.is_pending()) else {
            self.queue.remove(&ticket.id).await?;
            return Ok(None);
        };
        if ticket_id(&delivery) != ticket.id {
            // It was put off, and whoever did so did not come to throw this ticket away.
            self.queue.put(&ticket.of, &delivery).await?;
            self.queue.remove(&ticket.id).await?;
            return Ok(None);
        }
        if let Some(until) = delivery.taken_until(now) {
            return Ok(Some(until));
        }
        match self.claim(&ticket.of, delivery, version, now).await {
            Ok(claimed) => self.try_claimed(claimed, ticket).await,
            Err(WebhookError::Contended) => Ok(Some(now.after(CLAIM_LASTS))),
            Err(error) => Err(error),
        }
    }

    async fn claim<'a>(
        &self,
        place: &'a Place,
        mut delivery: KeptDelivery,
        version: u64,
        now: Timestamp,
    ) -> Result<Claimed<'a>, WebhookError> {
        if let Some(until) = delivery.claimed_until {
            delivery.attempts.push(lost(until));
        }
        delivery.claimed_until = Some(now.after(CLAIM_LASTS));
        let only_if = Precondition::Version(version);
        let version = self.log.write(place, &delivery, only_if).await?;
        Ok(Claimed {
            place,
            delivery,
            version,
            began: now,
        })
    }

    async fn try_claimed(
        &self,
        mut claimed: Claimed<'_>,
        ticket: &Ticket,
    ) -> Result<Option<Timestamp>, WebhookError> {
        let place = claimed.place;
        let endpoint = self.endpoints.read(&place.tenant, &place.endpoint).await?;
        let endpoint = endpoint.map(|(endpoint, _)| endpoint);
        let Some(endpoint) = endpoint.filter(|endpoint| endpoint.disabled.is_none()) else {
            return self.end(claimed, DeliveryStatus::Dropped, ticket).await;
        };
        if claimed.delivery.attempts.len() >= SCHEDULE.len() {
            return self.end(claimed, DeliveryStatus::Failed, ticket).await;
        }
        let answer = self.post(&claimed, &endpoint).await;
        let duration = self.clock.now().since(claimed.began);
        let attempt = described(&answer, claimed.began, duration);
        claimed.delivery.attempts.push(attempt);
        let verdict = judge(
            answer.as_ref().ok(),
            claimed.delivery.attempts.len(),
            fastrand::f64(),
        );
        self.remember_health(&claimed, &endpoint, verdict).await;
        match verdict {
            Verdict::Delivered => self.end(claimed, DeliveryStatus::Delivered, ticket).await,
            Verdict::GiveUp | Verdict::Gone => {
                self.end(claimed, DeliveryStatus::Failed, ticket).await
            }
            Verdict::RetryIn(wait) => self.put_off(claimed, wait, ticket).await,
        }
    }

    async fn post(
        &self,
        claimed: &Claimed<'_>,
        endpoint: &KeptEndpoint,
    ) -> Result<Answer, PostError> {
        let delivery = &claimed.delivery;
        let (id, timestamp) = (delivery.event.as_str(), claimed.began.0 / 1_000);
        let signatures: Vec<String> = endpoint
            .valid_secrets(claimed.began)
            .map(|secret| sign(secret, id, timestamp, delivery.payload.as_bytes()))
            .collect();
        let parcel = Parcel {
            url: endpoint.url.clone(),
            id: id.to_owned(),
            timestamp,
            signatures: signatures.join(" "),
            body: delivery.payload.clone(),
        };
        self.courier.post(parcel, claimed.began).await
    }

    /// First the log, which is the truth; a ticket that is left over is thrown away by whoever finds it.
    async fn end(
        &self,
        mut claimed: Claimed<'_>,
        status: DeliveryStatus,
        ticket: &Ticket,
    ) -> Result<Option<Timestamp>, WebhookError> {
        claimed.delivery.status = status;
        self.settle(claimed, ticket).await
    }

    async fn put_off(
        &self,
        mut claimed: Claimed<'_>,
        wait: Duration,
        ticket: &Ticket,
    ) -> Result<Option<Timestamp>, WebhookError> {
        claimed.delivery.due = self.clock.now().after(wait);
        self.settle(claimed, ticket).await
    }

    async fn settle(
        &self,
        mut claimed: Claimed<'_>,
        ticket: &Ticket,
    ) -> Result<Option<Timestamp>, WebhookError> {
        claimed.delivery.claimed_until = None;
        let only_if = Precondition::Version(claimed.version);
        self.log
            .write(claimed.place, &claimed.delivery, only_if)
            .await?;
        if claimed.delivery.is_pending() {
            self.queue.put(claimed.place, &claimed.delivery).await?;
        }
        self.queue.remove(&ticket.id).await?;
        Ok(None)
    }

    /// Writes only where something begins or ends, so an endpoint that is well costs nothing. What cannot be
    /// written is left out: the delivery itself matters more.
    async fn remember_health(
        &self,
        claimed: &Claimed<'_>,
        endpoint: &KeptEndpoint,
        verdict: Verdict,
    ) {
        let Some(change) = self.health_change(claimed, endpoint, verdict) else {
            return;
        };
        let (tenant, id) = (&claimed.place.tenant, &claimed.place.endpoint);
        match self.endpoints.change(tenant, id, change).await {
            Ok(changed) => {
                if let Some(disabled) = changed.disabled {
                    let why = disabled.why.name();
                    tracing::warn!(%tenant, endpoint = %id, why, "a webhook endpoint is disabled");
                }
            }
            Err(error) => {
                tracing::debug!(%tenant, endpoint = %id, %error, "the health of a webhook endpoint is not written");
            }
        }
    }

    fn health_change(
        &self,
        claimed: &Claimed<'_>,
        endpoint: &KeptEndpoint,
        verdict: Verdict,
    ) -> Option<HealthChange> {
        let (now, began) = (self.clock.now(), claimed.began);
        let first = claimed.delivery.attempts.first();
        let first = first.map_or(began, |attempt| attempt.at);
        match verdict {
            Verdict::Delivered => {
                endpoint.failing_since?;
                Some(Box::new(|endpoint| endpoint.failing_since = None))
            }
            Verdict::RetryIn(_) if endpoint.failing_since.is_some() => None,
            Verdict::RetryIn(_) => Some(Box::new(move |endpoint| {
                endpoint.failing_since.get_or_insert(began);
            })),
            Verdict::Gone => Some(Box::new(move |endpoint| {
                disable(endpoint, DisabledWhy::Gone, now);
            })),
            Verdict::GiveUp => Some(Box::new(move |endpoint| {
                if endpoint.failing_since.is_some_and(|since| since <= first) {
                    disable(endpoint, DisabledWhy::Failing, now);
                }
            })),
        }
    }
}

fn disable(endpoint: &mut KeptEndpoint, why: DisabledWhy, at: Timestamp) {
    endpoint.disabled.get_or_insert(Disabled { at, why });
}

fn described(answer: &Result<Answer, PostError>, at: Timestamp, duration: Duration) -> Attempt {
    let (status, error) = match answer {
        Ok(answer) if (300..400).contains(&answer.status) => (
            Some(answer.status),
            Some("redirects are not followed".to_owned()),
        ),
        Ok(answer) => (Some(answer.status), None),
        Err(error) => (None, Some(error.to_string())),
    };
    Attempt {
        at,
        status,
        error,
        duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
    }
}

/// The attempt of somebody who claimed and was not heard of again.
fn lost(claimed_until: Timestamp) -> Attempt {
    let lasted = i64::try_from(CLAIM_LASTS.as_millis()).unwrap_or(i64::MAX);
    Attempt {
        at: Timestamp(claimed_until.0.saturating_sub(lasted)),
        status: None,
        error: Some("the server that made this attempt was lost".to_owned()),
        duration_ms: 0,
    }
}
