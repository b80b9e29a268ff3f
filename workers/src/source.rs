//! apalis's `Backend` over any [`JobConsumer`]: one delivery at a time, only when a slot is free.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use apalis::prelude::{Task, TaskBuilder, TaskId, WorkerContext};
use apalis_core::{
    backend::{Backend, BackendConfig, finalize::Ephemeral},
    worker::ext::ack::AcknowledgeLayer,
};
use futures::{StreamExt, stream, stream::BoxStream};
use voicefleet_core::{
    Envelope,
    ports::{Delivery, JobConsumer},
};

use crate::conclude::Conclude;

/// Shortest and longest wait before a queue that does not answer is asked again.
const RECONNECT: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// A delivery on its way through the layers. Whoever concludes the job takes it out and settles it.
#[derive(Clone)]
pub(crate) struct Ticket {
    pub(crate) envelope: Arc<Envelope>,
    delivery: Arc<Mutex<Option<Box<dyn Delivery>>>>,
}

impl Ticket {
    fn new(delivery: Box<dyn Delivery>) -> Self {
        let envelope = Arc::new(delivery.envelope().clone());
        Self {
            envelope,
            delivery: Arc::new(Mutex::new(Some(delivery))),
        }
    }

    /// The delivery, once.
    pub(crate) fn take(&self) -> Option<Box<dyn Delivery>> {
        self.delivery
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

/// The deliveries of one consumer as an apalis backend.
pub(crate) struct DeliverySource {
    deliveries: BoxStream<'static, Box<dyn Delivery>>,
    conclude: Conclude,
}

impl DeliverySource {
    pub(crate) fn new(consumer: Box<dyn JobConsumer>, conclude: Conclude) -> Self {
        let deliveries = stream::unfold(consumer, |mut consumer| async move {
            let delivery = next_delivery(consumer.as_mut()).await;
            Some((delivery, consumer))
        });
        Self {
            deliveries: deliveries.boxed(),
            conclude,
        }
    }
}

/// Waits for a delivery through outages of the queue.
async fn next_delivery(consumer: &mut dyn JobConsumer) -> Box<dyn Delivery> {
    let (mut wait, longest) = RECONNECT;
    loop {
        match consumer.next().await {
            Ok(delivery) => return delivery,
            Err(error) => {
                tracing::warn!(%error, retry_in_ms = wait.as_millis(), "the queue does not deliver");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(longest);
            }
        }
    }
}

impl Backend for DeliverySource {
    type Task = Task<Ticket>;
    type Error = Infallible;

    fn poll_ready(
        &mut self,
        _: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Option<Result<Self::Task, Self::Error>>> {
        self.deliveries
            .poll_next_unpin(cx)
            .map(|delivery| delivery.map(|delivery| Ok(into_task(delivery))))
    }

    fn poll_close(
        &mut self,
        _: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Result<(), Self::Error>> {
        // Dropping the consumer gives back what it had taken but not handed out.
        self.deliveries = stream::pending().boxed();
        Poll::Ready(Ok(()))
    }
}

fn into_task(delivery: Box<dyn Delivery>) -> Task<Ticket> {
    let ticket = Ticket::new(delivery);
    let id = TaskId::String(ticket.envelope.job_id.to_string());
    let attempt = usize::try_from(ticket.envelope.attempt).unwrap_or(usize::MAX);
    TaskBuilder::new(ticket.clone())
        .task_id(id)
        .attempt(attempt)
        .data(ticket)
        .build()
}

impl BackendConfig for DeliverySource {
    type Args = Ticket;
    type Id = String;
    type Kind = Ephemeral;
    type Config = ();
    type Layer = AcknowledgeLayer<Conclude>;

    fn config(&self) -> &Self::Config {
        &()
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> Self::Layer {
        AcknowledgeLayer::new(self.conclude.clone())
    }
}
