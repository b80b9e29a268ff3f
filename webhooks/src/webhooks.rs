//! What the API does with webhooks.

use std::{sync::Arc, time::Duration};

use tokio::sync::Notify;
use voicefleet_core::{
    Clock, Tenant, Timestamp,
    ports::{Documents, Precondition},
};

use crate::{
    Deliverer, Delivery, DeliveryId, DeliveryPage, Endpoint, EndpointChange, EndpointId, Event,
    NewEndpoint, Secret, UrlPolicy, WebhookError,
    attempt::Attempts,
    courier::Courier,
    delivery::{KeptDelivery, Place},
    endpoint::KeptEndpoint,
    endpoints::Endpoints,
    log::DeliveryLog,
    queue::DueQueue,
    resolver::system_look_up,
};

/// Endpoints that a tenant may have.
pub const MAX_ENDPOINTS: usize = 20;
/// How long the old secret signs as well after a rotation.
pub const OLD_SECRET_VALID_FOR: Duration = Duration::from_hours(24);

/// The endpoints of all tenants, and the way out to them. Clones are the same.
#[derive(Clone)]
pub struct Webhooks {
    documents: Arc<dyn Documents>,
    endpoints: Endpoints,
    log: DeliveryLog,
    queue: DueQueue,
    clock: Arc<dyn Clock>,
    policy: UrlPolicy,
    bell: Arc<Notify>,
}

impl Webhooks {
    /// Webhooks in `documents`.
    pub fn new(documents: Arc<dyn Documents>, clock: Arc<dyn Clock>, policy: UrlPolicy) -> Self {
        Self {
            endpoints: Endpoints(Arc::clone(&documents)),
            log: DeliveryLog(Arc::clone(&documents)),
            queue: DueQueue(Arc::clone(&documents)),
            documents,
            clock,
            policy,
            bell: Arc::default(),
        }
    }

    /// Whoever posts what is enqueued here or elsewhere; its owner runs [`Deliverer::run`] as a task.
    pub fn deliverer(&self) -> Deliverer {
        let attempts = Attempts {
            endpoints: Endpoints(Arc::clone(&self.documents)),
            log: self.log.clone(),
            queue: self.queue.clone(),
            courier: Courier::new(self.policy, system_look_up()),
            clock: Arc::clone(&self.clock),
        };
        let bell = Arc::clone(&self.bell);
        Deliverer { attempts, bell }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Makes an endpoint. Its secret is told here and never again.
    ///
    /// Errors: [`WebhookError::Url`], [`WebhookError::TooManyEndpoints`].
    pub async fn create(
        &self,
        tenant: &Tenant,
        new: NewEndpoint,
    ) -> Result<(Endpoint, Secret), WebhookError> {
        self.policy.check(&new.url)?;
        let (id, secret) = (EndpointId::generate(), Secret::generate()?);
        let now = self.clock.now();
        let endpoint = KeptEndpoint::new(new.url, new.events, secret.clone(), now);
        self.endpoints.insert(tenant, &id, &endpoint).await?;
        Ok((endpoint.shown(id, now), secret))
    }

    /// The endpoints of a tenant, oldest first.
    pub async fn list(&self, tenant: &Tenant) -> Result<Vec<Endpoint>, WebhookError> {
        let now = self.clock.now();
        let found = self.endpoints.list(tenant).await?.into_iter();
        Ok(found.map(|(id, kept)| kept.shown(id, now)).collect())
    }

    /// One endpoint, or [`WebhookError::NoEndpoint`].
    pub async fn get(&self, tenant: &Tenant, id: &EndpointId) -> Result<Endpoint, WebhookError> {
        let endpoint = self.kept(tenant, id).await?;
        Ok(endpoint.shown(id.clone(), self.clock.now()))
    }

    /// Changes an endpoint. Enabling one forgets that it has failed.
    ///
    /// Errors: [`WebhookError::NoEndpoint`], [`WebhookError::Url`], [`WebhookError::Contended`].
    pub async fn update(
        &self,
        tenant: &Tenant,
        id: &EndpointId,
        change: EndpointChange,
    ) -> Result<Endpoint, WebhookError> {
        if let Some(url) = &change.url {
            self.policy.check(url)?;
        }
        let now = self.clock.now();
        let apply = move |endpoint: &mut KeptEndpoint| {
            if let Some(url) = &change.url {
                endpoint.url.clone_from(url);
            }
            if let Some(events) = &change.events {
                endpoint.set_events(events.clone());
            }
            if let Some(enabled) = change.enabled {
                endpoint.set_enabled(enabled, now);
            }
        };
        let endpoint = self.endpoints.change(tenant, id, apply).await?;
        Ok(endpoint.shown(id.clone(), now))
    }

    /// Deletes an endpoint, or [`WebhookError::NoEndpoint`]. What waits for it is dropped when it is due.
    pub async fn delete(&self, tenant: &Tenant, id: &EndpointId) -> Result<(), WebhookError> {
        if self.endpoints.delete(tenant, id).await? {
            Ok(())
        } else {
            Err(WebhookError::NoEndpoint(id.clone()))
        }
    }

    /// Gives an endpoint a new secret, which is told here and never again. For 24 hours signatures are made
    /// with the old one as well; one that was old already is dropped.
    ///
    /// Errors: [`WebhookError::NoEndpoint`], [`WebhookError::Contended`].
    pub async fn rotate_secret(
        &self,
        tenant: &Tenant,
        id: &EndpointId,
    ) -> Result<(Endpoint, Secret), WebhookError> {
        let (secret, now) = (Secret::generate()?, self.clock.now());
        let new = secret.clone();
        let rotate = move |endpoint: &mut KeptEndpoint| {
            endpoint.rotate(new.clone(), now, OLD_SECRET_VALID_FOR);
        };
        let endpoint = self.endpoints.change(tenant, id, rotate).await?;
        Ok((endpoint.shown(id.clone(), now), secret))
    }

    /// What an endpoint was told and is yet to be told, newest first: up to `limit` (1 to 100) that are older
    /// than `after`. Kept for seven days after the last attempt. [`WebhookError::NoEndpoint`] if there is none.
    pub async fn deliveries(
        &self,
        tenant: &Tenant,
        endpoint: &EndpointId,
        after: Option<&DeliveryId>,
        limit: usize,
    ) -> Result<DeliveryPage, WebhookError> {
        self.kept(tenant, endpoint).await?;
        self.log.page(tenant, endpoint, after, limit).await
    }

    /// Tells once more, under the same `webhook-id`. A delivery that still waits for its next attempt is
    /// due now; of one that has ended a new one is made, with ten attempts of its own.
    ///
    /// Errors: [`WebhookError::NoEndpoint`], [`WebhookError::NoDelivery`], [`WebhookError::EndpointDisabled`],
    /// [`WebhookError::Contended`] if it is changed at this very moment.
    pub async fn redeliver(
        &self,
        tenant: &Tenant,
        endpoint: &EndpointId,
        delivery: &DeliveryId,
    ) -> Result<Delivery, WebhookError> {
        if self.kept(tenant, endpoint).await?.disabled.is_some() {
            return Err(WebhookError::EndpointDisabled);
        }
        let place = Place {
            tenant: tenant.clone(),
            endpoint: endpoint.clone(),
            delivery: delivery.clone(),
        };
        let found = self.log.read(&place).await?;
        let (kept, version) = found.ok_or_else(|| WebhookError::NoDelivery(delivery.clone()))?;
        let again = if kept.is_pending() {
            self.hasten(place, kept, version).await?
        } else {
            self.repeat(place, kept).await?
        };
        self.bell.notify_one();
        Ok(again)
    }

    async fn hasten(
        &self,
        place: Place,
        mut kept: KeptDelivery,
        version: u64,
    ) -> Result<Delivery, WebhookError> {
        let now = self.clock.now();
        if now < kept.due && kept.claimed_until.is_none() {
            kept.due = now;
            let only_if = Precondition::Version(version);
            self.log.write(&place, &kept, only_if).await?;
            // Should this not come about, the former ticket does it in its own time.
            self.queue.put(&place, &kept).await?;
        }
        Ok(kept.shown(place))
    }

    async fn repeat(&self, ended: Place, kept: KeptDelivery) -> Result<Delivery, WebhookError> {
        let now = self.clock.now();
        let mut again = KeptDelivery::new(kept.event, kept.kind, kept.payload, now);
        again.repeats = Some(ended.delivery);
        let place = Place {
            delivery: DeliveryId::generate(now),
            ..ended
        };
        self.log.write(&place, &again, Precondition::Absent).await?;
        self.queue.put(&place, &again).await?;
        Ok(again.shown(place))
    }

    /// Writes down that the endpoints that want it are to be told of `event`, and says how many do. Once it
    /// returns no crash loses it. The same event, enqueued by several or again after an error, is told once.
    ///
    /// Errors: [`WebhookError::PayloadTooLarge`], [`WebhookError::Unavailable`].
    pub async fn enqueue(&self, event: &Event) -> Result<usize, WebhookError> {
        let payload = event.payload()?;
        let endpoints = self.endpoints.list(&event.tenant).await?;
        let mut told = 0;
        for (endpoint, kept) in endpoints {
            if kept.wants(event.kind) {
                let place = Place {
                    tenant: event.tenant.clone(),
                    endpoint,
                    delivery: DeliveryId::of_event(&event.id, event.at),
                };
                self.enqueue_at(place, event, &payload).await?;
                told += 1;
            }
        }
        if told > 0 {
            self.bell.notify_one();
        }
        Ok(told)
    }

    async fn enqueue_at(
        &self,
        place: Place,
        event: &Event,
        payload: &str,
    ) -> Result<(), WebhookError> {
        let now = self.clock.now();
        let new = KeptDelivery::new(event.id.clone(), event.kind, payload.to_owned(), now);
        match self.log.write(&place, &new, Precondition::Absent).await {
            Ok(_) => self.queue.put(&place, &new).await,
            Err(WebhookError::Contended) => self.complete(&place).await,
            Err(error) => Err(error),
        }
    }

    /// Somebody has enqueued the same. Should he not have come to make the ticket, it is made here.
    async fn complete(&self, place: &Place) -> Result<(), WebhookError> {
        match self.log.read(place).await? {
            Some((kept, _)) if kept.is_pending() => self.queue.put(place, &kept).await,
            _ => Ok(()),
        }
    }

    async fn kept(&self, tenant: &Tenant, id: &EndpointId) -> Result<KeptEndpoint, WebhookError> {
        let found = self.endpoints.read(tenant, id).await?;
        let (endpoint, _) = found.ok_or_else(|| WebhookError::NoEndpoint(id.clone()))?;
        Ok(endpoint)
    }
}
