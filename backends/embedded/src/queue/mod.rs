//! The queue: a table of envelopes, and per engine one task that hands them out.

mod claim;
mod delivery;
mod desk;
mod dispatcher;
mod table;

pub(crate) use delivery::LeaseKey;
pub(crate) use table::{Row, bury, delete, enqueue, make_ready};

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::SqlitePool;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use voicefleet_core::{
    Clock, EngineId, Envelope, Tier,
    ports::{Arrivals, Delivery, JobConsumer, JobQueue, PoolGauge, QueueError},
    tier::TierShares,
};

use crate::{
    config::QueueLimits,
    error::Unavailable,
    records::Watchers,
    writer::{Durability, Writer},
};
use desk::{Desk, Desks};
use dispatcher::Dispatcher;
use table::Published;

/// What the queue is made of.
pub(crate) struct QueueParts {
    pub(crate) writer: Writer,
    pub(crate) readers: SqlitePool,
    pub(crate) limits: QueueLimits,
    pub(crate) shares: TierShares,
    pub(crate) max_attempts: u32,
    pub(crate) clock: Arc<dyn Clock>,
    /// Told about jobs that a lost delivery puts back.
    pub(crate) watchers: Arc<Watchers>,
    /// Owns the dispatchers.
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
}

/// The queue in the database.
pub(crate) struct EmbeddedQueue {
    parts: QueueParts,
    desks: Arc<Desks>,
}

impl EmbeddedQueue {
    pub(crate) fn new(parts: QueueParts) -> Self {
        Self {
            parts,
            desks: Arc::default(),
        }
    }
}

#[async_trait]
impl JobQueue for EmbeddedQueue {
    /// Outlives this process when it returns. After a power cut the last ones may be gone; then the
    /// record, which does outlive that, gets its envelope again when the database is opened.
    async fn publish(&self, envelope: &Envelope) -> Result<(), QueueError> {
        let (engine, tier) = (envelope.spec.engine().clone(), envelope.tier);
        let row = Row::of(envelope).map_err(|error| Unavailable(error.to_string()))?;
        let limit = self.parts.limits.of(tier);
        let ring = {
            let (desks, engine) = (Arc::clone(&self.desks), engine.clone());
            move |published: &Published| {
                if *published == Published::Waits {
                    desks.ring(&engine);
                }
            }
        };
        match self
            .parts
            .writer
            .run_then(
                Durability::Process,
                move |db| table::publish(db, row, limit),
                ring,
            )
            .await?
        {
            Published::Waits => Ok(()),
            Published::Refused => Err(QueueError::Full { engine, tier }),
        }
    }

    async fn consume(&self, engine: &EngineId) -> Result<Box<dyn JobConsumer>, QueueError> {
        if self.parts.stop.is_cancelled() {
            return Err(Unavailable::closed().into());
        }
        let desk = self.desks.get_or_open(engine, || {
            let (desk, dispatcher) = Dispatcher::new(engine.clone(), &self.parts);
            self.parts
                .tasks
                .spawn(dispatcher.run(self.parts.stop.clone()));
            desk
        });
        Ok(Box::new(EmbeddedConsumer(desk)))
    }

    async fn arrivals(&self, _: &EngineId) -> Result<Box<dyn Arrivals>, QueueError> {
        Ok(Box::new(self.desks.arrivals()))
    }

    async fn gauge(&self, engine: &EngineId) -> Result<PoolGauge, QueueError> {
        let tiers = table::gauge(&self.parts.readers, engine)
            .await
            .map_err(Unavailable::from)?;
        Ok(PoolGauge {
            engine: engine.clone(),
            tiers,
            reserved: 0,
        })
    }

    async fn purge_dead(&self, engine: &EngineId, tier: Tier) -> Result<u64, QueueError> {
        let engine = engine.clone();
        let purged = self
            .parts
            .writer
            .run(Durability::Process, move |db| {
                table::purge_dead(db, engine, tier)
            })
            .await?;
        Ok(purged)
    }
}

struct EmbeddedConsumer(Arc<Desk>);

#[async_trait]
impl JobConsumer for EmbeddedConsumer {
    async fn next_of(&mut self, least: Tier) -> Result<Box<dyn Delivery>, QueueError> {
        Ok(Box::new(self.0.next(least).await?))
    }
}
