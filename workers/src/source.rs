//! apalis's `Backend` over any [`JobConsumer`]: one delivery at a time, only when there is room for it.

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use apalis::prelude::{Task, TaskBuilder, TaskId, WorkerContext};
use apalis_core::{
    backend::{Backend, BackendConfig, finalize::Ephemeral},
    worker::ext::ack::AcknowledgeLayer,
};
use futures::{StreamExt, stream, stream::BoxStream};
use tokio_util::sync::CancellationToken;
use voicefleet_core::{
    Envelope, Tier,
    ports::{Claim, Delivery, JobConsumer, RunId},
};

use crate::{
    conclude::Conclude,
    room::{Room, Seat},
};

/// Shortest and longest wait before a queue that does not answer is asked again.
const RECONNECT: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// A delivery on its way through the layers. Whoever concludes the job takes it out and settles it.
#[derive(Clone)]
pub(crate) struct Ticket {
    pub(crate) envelope: Arc<Envelope>,
    pub(crate) claim: Claim,
    /// The attempt that has begun; 0 before.
    attempt: Arc<AtomicU32>,
    held: Arc<Mutex<Option<Held>>>,
}

/// A delivery, and its seat in the worker.
pub(crate) struct Held {
    pub(crate) delivery: Box<dyn Delivery>,
    pub(crate) _seat: Seat,
}

impl Ticket {
    fn new(held: Held) -> Self {
        let delivery = &held.delivery;
        let envelope = Arc::new(delivery.envelope().clone());
        Self {
            claim: Claim::new(envelope.id, delivery.redelivered()),
            envelope,
            attempt: Arc::default(),
            held: Arc::new(Mutex::new(Some(held))),
        }
    }

    /// The run has begun: the job is ours.
    pub(crate) fn begun(&self, attempt: u32) {
        self.attempt.store(attempt, Ordering::Release);
    }

    /// The attempt, and in whose name moves are to be made: nobody's before the run has begun.
    pub(crate) fn attempt(&self) -> (u32, Option<RunId>) {
        match self.attempt.load(Ordering::Acquire) {
            0 => (self.envelope.attempt + 1, None),
            attempt => (attempt, Some(self.claim.run)),
        }
    }

    /// The delivery, once.
    pub(crate) fn take(&self) -> Option<Held> {
        self.held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

/// The deliveries of one consumer as an apalis backend.
pub(crate) struct DeliverySource {
    taking: Taking,
    conclude: Conclude,
}

/// What the deliveries come from. Clones are the same.
#[derive(Clone)]
pub(crate) struct Taking(Arc<Mutex<BoxStream<'static, Held>>>);

impl Taking {
    /// Nothing is taken any more, and what was taken and not handed out goes back: also while nobody asks for deliveries, as
    /// apalis does not until all jobs are done.
    pub(crate) fn stop(&self) {
        *self.deliveries() = stream::pending().boxed();
    }

    fn deliveries(&self) -> MutexGuard<'_, BoxStream<'static, Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DeliverySource {
    /// Nothing comes any more once `drain` is set: what is given back then must not come here again.
    pub(crate) fn new(
        consumer: Box<dyn JobConsumer>,
        room: Arc<Room>,
        drain: CancellationToken,
        conclude: Conclude,
    ) -> Self {
        let from = (consumer, room, drain);
        let deliveries = stream::unfold(from, |(mut consumer, room, drain)| async move {
            tokio::select! {
                // First, so that a queue that always has something does not hide it.
                biased;
                () = drain.cancelled() => std::future::pending().await,
                held = next_for(&room, consumer.as_mut()) => Some((held, (consumer, room, drain))),
            }
        });
        Self {
            taking: Taking(Arc::new(Mutex::new(deliveries.boxed()))),
            conclude,
        }
    }

    /// By which the taking is stopped.
    pub(crate) fn taking(&self) -> Taking {
        self.taking.clone()
    }
}

/// Waits for room, and for a delivery that fits into it. More room meanwhile lets more fit.
async fn next_for(room: &Arc<Room>, consumer: &mut dyn JobConsumer) -> Held {
    loop {
        let more = room.more();
        let Some(least) = room.least() else {
            more.await;
            continue;
        };
        consumer.has_room_for(room.free(least));
        tokio::select! {
            biased;
            delivery = next_delivery(consumer, least) => {
                let seat = room.take(delivery.envelope().tier);
                return Held {
                    delivery,
                    _seat: seat,
                };
            }
            () = more => {}
        }
    }
}

/// Waits for a delivery through outages of the queue.
async fn next_delivery(consumer: &mut dyn JobConsumer, least: Tier) -> Box<dyn Delivery> {
    let (mut wait, longest) = RECONNECT;
    loop {
        match consumer.next_of(least).await {
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
        let delivery = self.taking.deliveries().poll_next_unpin(cx);
        delivery.map(|held| held.map(|held| Ok(into_task(held))))
    }

    fn poll_close(
        &mut self,
        _: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Result<(), Self::Error>> {
        self.taking.stop();
        Poll::Ready(Ok(()))
    }
}

fn into_task(held: Held) -> Task<Ticket> {
    let ticket = Ticket::new(held);
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
