//! Lanes of its own for every case.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use voicefleet_core::{
    Clock, EngineId, Envelope, Tier, Timestamp,
    ports::{Arrivals, JobConsumer, JobQueue, PoolGauge, QueueError},
    time::SystemClock,
};
use voicefleet_rabbitmq::{RabbitConfig, RabbitQueue};
use voicefleet_testkit::{
    Booked, Books,
    conformance::{Reopen, queue::QueueBench},
    memory::MemoryTurns,
};

/// The address of the broker that all cases share.
pub(crate) static BROKER: OnceLock<String> = OnceLock::new();

type Queue = Booked<Shared>;

/// So that a bench can close what it lends.
pub(crate) struct Shared(Arc<RabbitQueue>);

#[async_trait]
impl JobQueue for Shared {
    async fn publish(&self, envelope: &Envelope) -> Result<(), QueueError> {
        self.0.publish(envelope).await
    }

    async fn consume(&self, engine: &EngineId) -> Result<Box<dyn JobConsumer>, QueueError> {
        self.0.consume(engine).await
    }

    async fn arrivals(&self, engine: &EngineId) -> Result<Box<dyn Arrivals>, QueueError> {
        self.0.arrivals(engine).await
    }

    async fn gauge(&self, engine: &EngineId) -> Result<PoolGauge, QueueError> {
        self.0.gauge(engine).await
    }

    async fn tend(&self) -> Result<(), QueueError> {
        self.0.tend().await
    }

    async fn purge_dead(&self, engine: &EngineId, tier: Tier) -> Result<u64, QueueError> {
        self.0.purge_dead(engine, tier).await
    }
}

/// A connection with lanes that no other case uses.
pub(crate) struct Lanes {
    config: RabbitConfig,
    turns: MemoryTurns,
    connected: Arc<RabbitQueue>,
    queue: Arc<Queue>,
}

impl Lanes {
    async fn open(config: RabbitConfig, books: Books, turns: MemoryTurns) -> Self {
        let loads = Arc::new(books.clone());
        let connecting = RabbitQueue::connect(
            config.clone(),
            loads,
            Arc::new(turns.clone()),
            Arc::new(SystemClock),
        );
        let connected = Arc::new(connecting.await.expect("connected"));
        let queue = Shared(Arc::clone(&connected));
        Self {
            config,
            turns,
            connected,
            queue: Arc::new(Booked { queue, books }),
        }
    }
}

#[async_trait]
impl QueueBench for Lanes {
    const RETRY_STEP: Duration = Duration::from_millis(250);

    async fn fresh(max_queued: usize) -> Self {
        let url = BROKER.get().expect("the broker has been started");
        let engines = ["piper", "kokoro"].map(EngineId::new).to_vec();
        let config = RabbitConfig {
            prefix: format!("test.{}", uuid::Uuid::now_v7()),
            max_waiting: [u32::try_from(max_queued).expect("a small bound"); 3],
            patience: Duration::from_secs(20),
            ..RabbitConfig::new(url.parse().expect("an address"), engines)
        };
        Self::open(config, Books::default(), MemoryTurns::default()).await
    }

    fn queue(&self) -> Arc<dyn JobQueue> {
        Arc::clone(&self.queue) as Arc<dyn JobQueue>
    }

    fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    async fn pass(&self, by: Duration) {
        let moment = self.now().after(by);
        while self.now() < moment {
            tokio::time::sleep(moment.since(self.now())).await;
        }
    }
}

#[async_trait]
impl Reopen for Lanes {
    async fn reopen(self) -> Self {
        self.connected.close().await;
        Self::open(self.config, self.queue.books.clone(), self.turns).await
    }
}
