//! The queue in memory.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tokio::sync::{Notify, watch};
use voicefleet_core::{
    Clock, EngineId, Envelope, Failure, Tier,
    ports::{Arrivals, Delivery, JobConsumer, JobQueue, PoolGauge, QueueError, Settlement},
};

use super::{
    Outage, lock,
    pool::{Pool, Pools, Tag, Waiting},
};
use crate::FakeClock;

/// A queue in memory. Clones are the same queue.
///
/// An envelope published twice is delivered twice, as most brokers do. What is dropped unsettled or
/// given back comes next in its tier; no attempt is counted for it.
#[derive(Clone)]
pub struct MemoryQueue(Arc<Shared>);

struct Shared {
    pools: Mutex<Pools>,
    /// Wakes consumers in the order in which they came.
    changed: Notify,
    consumers: watch::Sender<usize>,
    /// Counts what is published.
    published: watch::Sender<u64>,
    clock: FakeClock,
    max_queued: usize,
    outage: Outage,
}

impl MemoryQueue {
    /// A queue without a bound that matters. Retries become due by `clock`.
    pub fn new(clock: FakeClock) -> Self {
        Self::bounded(clock, 1_000_000)
    }

    /// A queue that lets at most `max_queued` envelopes wait per engine and tier.
    pub fn bounded(clock: FakeClock, max_queued: usize) -> Self {
        Self(Arc::new(Shared {
            pools: Mutex::default(),
            changed: Notify::new(),
            consumers: watch::Sender::new(0),
            published: watch::Sender::new(0),
            clock,
            max_queued,
            outage: Outage::default(),
        }))
    }

    /// Its switch.
    pub fn outage(&self) -> &Outage {
        &self.0.outage
    }

    /// Waits until there is no consumer.
    pub async fn not_consumed(&self) {
        let mut consumers = self.0.consumers.subscribe();
        // The sender is here.
        let _ = consumers.wait_for(|count| *count == 0).await;
    }

    /// What lies in the dead-letter queues of `engine`, oldest first.
    pub fn dead_letters(&self, engine: &EngineId) -> Vec<(Envelope, Failure)> {
        self.0.with_pool(engine, |pool| pool.dead().to_vec())
    }
}

impl Shared {
    fn with_pool<T>(&self, engine: &EngineId, work: impl FnOnce(&mut Pool) -> T) -> T {
        work(lock(&self.pools).entry(engine.clone()).or_default())
    }

    fn announce(&self) {
        self.changed.notify_waiters();
    }

    fn check(&self) -> Result<(), QueueError> {
        self.outage.check().map_err(QueueError::Unavailable)
    }
}

#[async_trait]
impl JobQueue for MemoryQueue {
    async fn publish(&self, envelope: &Envelope) -> Result<(), QueueError> {
        self.0.check()?;
        let (engine, tier) = (envelope.spec.engine(), envelope.tier);
        self.0.with_pool(engine, |pool| {
            if pool.waiting(tier) >= self.0.max_queued {
                let engine = engine.clone();
                return Err(QueueError::Full { engine, tier });
            }
            pool.push_back(envelope.clone());
            Ok(())
        })?;
        self.0.published.send_modify(|published| *published += 1);
        self.0.announce();
        Ok(())
    }

    async fn consume(&self, engine: &EngineId) -> Result<Box<dyn JobConsumer>, QueueError> {
        self.0.check()?;
        self.0.consumers.send_modify(|count| *count += 1);
        Ok(Box::new(MemoryConsumer {
            shared: Arc::clone(&self.0),
            engine: engine.clone(),
        }))
    }

    async fn arrivals(&self, _: &EngineId) -> Result<Box<dyn Arrivals>, QueueError> {
        self.0.check()?;
        Ok(Box::new(MemoryArrivals(self.0.published.subscribe())))
    }

    async fn gauge(&self, engine: &EngineId) -> Result<PoolGauge, QueueError> {
        self.0.check()?;
        let tiers = self.0.with_pool(engine, |pool| {
            Tier::ALL.map(|tier| pool.gauge(tier)).to_vec()
        });
        Ok(PoolGauge {
            engine: engine.clone(),
            tiers,
            reserved: 0,
        })
    }

    async fn purge_dead(&self, engine: &EngineId, tier: Tier) -> Result<u64, QueueError> {
        self.0.check()?;
        Ok(self.0.with_pool(engine, |pool| pool.purge(tier)) as u64)
    }
}

/// What comes for any engine.
struct MemoryArrivals(watch::Receiver<u64>);

#[async_trait]
impl Arrivals for MemoryArrivals {
    async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

struct MemoryConsumer {
    shared: Arc<Shared>,
    engine: EngineId,
}

impl Drop for MemoryConsumer {
    fn drop(&mut self) {
        self.shared.consumers.send_modify(|count| *count -= 1);
    }
}

#[async_trait]
impl JobConsumer for MemoryConsumer {
    async fn next_of(&mut self, least: Tier) -> Result<Box<dyn Delivery>, QueueError> {
        let shared = &self.shared;
        loop {
            let changed = shared.changed.notified();
            shared.check()?;
            let now = shared.clock.now();
            let (taken, retry) = shared.with_pool(&self.engine, |pool| {
                (pool.take(least, now), pool.earliest_retry())
            });
            if let Some((
                tag,
                Waiting {
                    envelope,
                    redelivered,
                    ..
                },
            )) = taken
            {
                let (shared, engine) = (Arc::clone(shared), self.engine.clone());
                return Ok(Box::new(MemoryDelivery {
                    shared,
                    engine,
                    tag,
                    envelope,
                    redelivered,
                }));
            }
            let due = async {
                match retry {
                    Some(moment) => shared.clock.sleep_until(moment).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = due => {}
                () = changed => {}
            }
        }
    }
}

struct MemoryDelivery {
    shared: Arc<Shared>,
    engine: EngineId,
    tag: Tag,
    envelope: Envelope,
    redelivered: bool,
}

#[async_trait]
impl Delivery for MemoryDelivery {
    fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    fn redelivered(&self) -> bool {
        self.redelivered
    }

    async fn settle(self: Box<Self>, settlement: Settlement) -> Result<(), QueueError> {
        self.shared.check()?;
        self.shared.with_pool(&self.engine, |pool| {
            let Some(mut envelope) = pool.take_back(self.tag) else {
                return;
            };
            match settlement {
                Settlement::Done => {}
                Settlement::Retry { not_before } => {
                    envelope.attempt += 1;
                    pool.delay(envelope, not_before);
                }
                Settlement::GiveBack => pool.push_front(envelope),
                Settlement::DeadLetter(failure) => pool.bury(envelope, failure),
            }
        });
        self.shared.announce();
        Ok(())
    }
}

impl Drop for MemoryDelivery {
    /// Delivers it again unless it has been settled.
    fn drop(&mut self) {
        let returned = self.shared.with_pool(&self.engine, |pool| {
            pool.take_back(self.tag)
                .map(|envelope| pool.push_front(envelope))
                .is_some()
        });
        if returned {
            self.shared.announce();
        }
    }
}
