//! Keeps the books of a queue that only counts what waits.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use voicefleet_core::{
    EngineId, Envelope, JobId, Tier,
    ports::{
        Arrivals, Delivery, JobConsumer, JobQueue, LaneLoad, LaneLoads, PoolGauge, QueueError,
        Settlement,
    },
};

/// What the records would say of jobs that have none.
#[derive(Clone, Debug, Default)]
pub struct Books {
    jobs: Arc<Mutex<HashMap<Entry, State>>>,
}

type Entry = (EngineId, Tier, JobId);

#[derive(Clone, Copy, Debug)]
struct State {
    cost: f64,
    running: bool,
}

fn entry(envelope: &Envelope) -> Entry {
    let engine = envelope.spec.engine().clone();
    (engine, envelope.tier, envelope.job_id)
}

impl Books {
    fn note(&self, envelope: &Envelope, running: bool) {
        let cost = envelope.cost;
        self.edit(|jobs| jobs.insert(entry(envelope), State { cost, running }));
    }

    fn strike(&self, envelope: &Envelope) {
        self.edit(|jobs| jobs.remove(&entry(envelope)));
    }

    fn edit<T>(&self, work: impl FnOnce(&mut HashMap<Entry, State>) -> T) -> T {
        work(&mut self.jobs.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl LaneLoads for Books {
    async fn load(&self, engine: &EngineId, tier: Tier) -> Result<LaneLoad, QueueError> {
        let mut load = LaneLoad::default();
        self.edit(|jobs| {
            for ((_, _, _), state) in jobs
                .iter()
                .filter(|((e, t, _), _)| e == engine && *t == tier)
            {
                load.jobs += 1;
                load.running += u64::from(state.running);
                load.cost_seconds += state.cost;
            }
        });
        Ok(load)
    }
}

/// A queue under which books are kept of what goes through it.
pub struct Booked<Q> {
    /// The queue.
    pub queue: Q,
    /// Its books.
    pub books: Books,
}

#[async_trait]
impl<Q: JobQueue> JobQueue for Booked<Q> {
    async fn publish(&self, envelope: &Envelope) -> Result<(), QueueError> {
        self.queue.publish(envelope).await?;
        self.books.note(envelope, false);
        Ok(())
    }

    async fn consume(&self, engine: &EngineId) -> Result<Box<dyn JobConsumer>, QueueError> {
        let (consumer, books) = (self.queue.consume(engine).await?, self.books.clone());
        Ok(Box::new(BookedConsumer { consumer, books }))
    }

    async fn arrivals(&self, engine: &EngineId) -> Result<Box<dyn Arrivals>, QueueError> {
        self.queue.arrivals(engine).await
    }

    async fn gauge(&self, engine: &EngineId) -> Result<PoolGauge, QueueError> {
        self.queue.gauge(engine).await
    }

    async fn tend(&self) -> Result<(), QueueError> {
        self.queue.tend().await
    }

    async fn purge_dead(&self, engine: &EngineId, tier: Tier) -> Result<u64, QueueError> {
        self.queue.purge_dead(engine, tier).await
    }
}

struct BookedConsumer {
    consumer: Box<dyn JobConsumer>,
    books: Books,
}

#[async_trait]
impl JobConsumer for BookedConsumer {
    async fn next_of(&mut self, least: Tier) -> Result<Box<dyn Delivery>, QueueError> {
        let delivery = self.consumer.next_of(least).await?;
        self.books.note(delivery.envelope(), true);
        Ok(Box::new(BookedDelivery {
            delivery: Some(delivery),
            books: self.books.clone(),
        }))
    }
}

struct BookedDelivery {
    /// Taken when it is settled.
    delivery: Option<Box<dyn Delivery>>,
    books: Books,
}

#[async_trait]
impl Delivery for BookedDelivery {
    fn envelope(&self) -> &Envelope {
        let delivery = self.delivery.as_ref().expect("not settled yet");
        delivery.envelope()
    }

    fn redelivered(&self) -> bool {
        let delivery = self.delivery.as_ref().expect("not settled yet");
        delivery.redelivered()
    }

    async fn settle(mut self: Box<Self>, settlement: Settlement) -> Result<(), QueueError> {
        let delivery = self.delivery.take().expect("settled once");
        let envelope = delivery.envelope().clone();
        // Before, since whoever comes next may be quicker than this.
        match settlement {
            Settlement::Done | Settlement::DeadLetter(_) => self.books.strike(&envelope),
            Settlement::GiveBack | Settlement::Retry { .. } => self.books.note(&envelope, false),
        }
        delivery.settle(settlement).await
    }
}

impl Drop for BookedDelivery {
    fn drop(&mut self) {
        if let Some(delivery) = &self.delivery {
            self.books.note(delivery.envelope(), false);
        }
    }
}
