//! Where consumers ask for work and deliveries come back to: one desk per engine.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use voicefleet_core::{Clock, EngineId, Tier, ports::Arrivals};

use super::delivery::{EmbeddedDelivery, LeaseKey};
use crate::{error::Unavailable, writer::Writer};

/// Requests that may be on their way to the dispatcher; more consumers than this wait for a place.
const MAX_REQUESTS: usize = 1024;

/// A consumer that waits.
pub(super) struct Request {
    /// The least urgent tier that it takes.
    pub(super) least: Tier,
    pub(super) answer: oneshot::Sender<Result<EmbeddedDelivery, Unavailable>>,
}

/// One engine's desk.
pub(super) struct Desk {
    engine: EngineId,
    writer: Writer,
    clock: Arc<dyn Clock>,
    requests: mpsc::Sender<Request>,
    doorbell: Notify,
    /// Leases that were dropped without being settled. Never more than there are leases out.
    returned: Mutex<Vec<LeaseKey>>,
}

impl Desk {
    pub(super) fn new(
        engine: EngineId,
        writer: Writer,
        clock: Arc<dyn Clock>,
    ) -> (Arc<Self>, mpsc::Receiver<Request>) {
        let (requests, inbox) = mpsc::channel(MAX_REQUESTS);
        let (doorbell, returned) = (Notify::new(), Mutex::default());
        (
            Arc::new(Self {
                engine,
                writer,
                clock,
                requests,
                doorbell,
                returned,
            }),
            inbox,
        )
    }

    pub(super) fn engine(&self) -> &EngineId {
        &self.engine
    }

    pub(super) fn writer(&self) -> &Writer {
        &self.writer
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Waits for the next delivery. Cancelled, the delivery that was on its way returns by being dropped.
    pub(super) async fn next(&self, least: Tier) -> Result<EmbeddedDelivery, Unavailable> {
        let (answer, delivery) = oneshot::channel();
        self.requests
            .send(Request { least, answer })
            .await
            .map_err(|_| Unavailable::closed())?;
        delivery.await.map_err(|_| Unavailable::closed())?
    }

    /// Says that there may be something to hand out. Never lost: if nobody listens yet, whoever listens
    /// next hears it.
    pub(super) fn ring(&self) {
        self.doorbell.notify_one();
    }

    /// Returns at the next ring, or at once if there was one that nobody heard.
    pub(super) async fn rung(&self) {
        self.doorbell.notified().await;
    }

    /// Takes an unsettled lease back; the dispatcher makes it ready again.
    pub(super) fn give_back(&self, key: LeaseKey) {
        self.returned().push(key);
        self.ring();
    }

    /// The leases that came back since the last call.
    pub(super) fn take_returned(&self) -> Vec<LeaseKey> {
        std::mem::take(&mut self.returned())
    }

    fn returned(&self) -> MutexGuard<'_, Vec<LeaseKey>> {
        self.returned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The desks by engine.
#[derive(Default)]
pub(super) struct Desks {
    desks: Mutex<HashMap<EngineId, Arc<Desk>>>,
    /// Counts what came, for those that want to know and take nothing.
    arrivals: watch::Sender<u64>,
}

impl Desks {
    /// Rings at the engine's desk, if it has one. To be called after the commit: a desk that is opened
    /// later looks into the table first.
    pub(super) fn ring(&self, engine: &EngineId) {
        self.arrivals.send_modify(|arrivals| *arrivals += 1);
        if let Some(desk) = self.desks().get(engine) {
            desk.ring();
        }
    }

    pub(super) fn arrivals(&self) -> EmbeddedArrivals {
        EmbeddedArrivals(self.arrivals.subscribe())
    }

    pub(super) fn get_or_open(
        &self,
        engine: &EngineId,
        open: impl FnOnce() -> Arc<Desk>,
    ) -> Arc<Desk> {
        Arc::clone(self.desks().entry(engine.clone()).or_insert_with(open))
    }

    fn desks(&self) -> MutexGuard<'_, HashMap<EngineId, Arc<Desk>>> {
        self.desks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What comes for any engine: in one process, to hear too much costs nothing.
pub(super) struct EmbeddedArrivals(watch::Receiver<u64>);

#[async_trait]
impl Arrivals for EmbeddedArrivals {
    async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            // The queue is closed: nothing comes any more.
            std::future::pending::<()>().await;
        }
    }
}
