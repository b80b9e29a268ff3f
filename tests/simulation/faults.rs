//! Ports through which calls and answers get lost.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::task::yield_now;
use voicefleet_core::{
    EngineId, Envelope, Fingerprint, Job, JobId, JobState, Progress, Tenant, Tier,
    ports::{
        Arrivals, Blob, BlobError, BlobKey, BlobStore, Delivery, JobChange, JobConsumer, JobFilter,
        JobPage, JobQueue, JobRecords, PoolGauge, QueueError, RecordError, Retention, RunId,
        Settlement, Submission,
    },
};

/// How a process is connected. Clones are the same connection.
#[derive(Clone)]
pub(crate) struct Wire(Arc<Mutex<State>>);

struct State {
    dice: fastrand::Rng,
    /// Of 1,000 calls, how many fail.
    rate: u32,
    dead: bool,
    faults: usize,
}

enum Fate {
    Well,
    /// Nobody hears the call.
    CallLost,
    /// It is done, and nobody hears of that.
    AnswerLost,
    /// The caller is no more.
    Dead,
}

impl Wire {
    pub(crate) fn new(seed: u64, rate: u32) -> Self {
        Self(Arc::new(Mutex::new(State {
            dice: fastrand::Rng::with_seed(seed),
            rate,
            dead: false,
            faults: 0,
        })))
    }

    /// From now on its process hears and says nothing: it is dead.
    pub(crate) fn kill(&self) {
        self.with(|state| state.dead = true);
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.with(|state| state.dead)
    }

    /// From now on nothing is lost.
    pub(crate) fn mend(&self) {
        self.with(|state| state.rate = 0);
    }

    /// How many calls failed.
    pub(crate) fn faults(&self) -> usize {
        self.with(|state| state.faults)
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn fate(&self) -> Fate {
        self.with(|state| {
            if state.dead {
                return Fate::Dead;
            }
            if state.dice.u32(0..1_000) >= state.rate {
                return Fate::Well;
            }
            state.faults += 1;
            if state.dice.bool() {
                Fate::CallLost
            } else {
                Fate::AnswerLost
            }
        })
    }

    /// Between any two calls others may do something, or the process may be killed.
    async fn through<T, E>(
        &self,
        call: impl Future<Output = Result<T, E>>,
        lost: impl FnOnce() -> E,
    ) -> Result<T, E> {
        yield_now().await;
        let answer = match self.fate() {
            Fate::Well => call.await,
            Fate::CallLost => Err(lost()),
            Fate::AnswerLost => {
                let _ = call.await;
                Err(lost())
            }
            Fate::Dead => std::future::pending().await,
        };
        yield_now().await;
        if self.with(|state| state.dead) {
            std::future::pending::<()>().await;
        }
        answer
    }

    async fn record<T>(
        &self,
        call: impl Future<Output = Result<T, RecordError>>,
    ) -> Result<T, RecordError> {
        self.through(call, || RecordError::Unavailable("lost".to_owned()))
            .await
    }

    async fn blob<T>(
        &self,
        call: impl Future<Output = Result<T, BlobError>>,
    ) -> Result<T, BlobError> {
        self.through(call, || BlobError::Unavailable("lost".to_owned()))
            .await
    }

    async fn queue<T>(
        &self,
        call: impl Future<Output = Result<T, QueueError>>,
    ) -> Result<T, QueueError> {
        self.through(call, || QueueError::Unavailable("lost".to_owned()))
            .await
    }
}

/// A port, at the other end of a wire.
pub(crate) struct Wired<P> {
    pub(crate) port: P,
    pub(crate) wire: Wire,
}

#[async_trait]
impl<P: JobRecords> JobRecords for Wired<P> {
    async fn submit(&self, job: &Job) -> Result<Submission, RecordError> {
        self.wire.record(self.port.submit(job)).await
    }

    async fn insert_finished(&self, job: &Job) -> Result<(), RecordError> {
        self.wire.record(self.port.insert_finished(job)).await
    }

    async fn get(&self, id: JobId) -> Result<Job, RecordError> {
        self.wire.record(self.port.get(id)).await
    }

    async fn change_by(
        &self,
        run: Option<RunId>,
        id: JobId,
        change: JobChange,
    ) -> Result<Job, RecordError> {
        self.wire.record(self.port.change_by(run, id, change)).await
    }

    async fn published(&self, id: JobId) -> Result<(), RecordError> {
        self.wire.record(self.port.published(id)).await
    }

    async fn unpublished(&self, age: Duration, limit: usize) -> Result<Vec<Job>, RecordError> {
        self.wire.record(self.port.unpublished(age, limit)).await
    }

    async fn followers(&self, leader: JobId) -> Result<Vec<Job>, RecordError> {
        self.wire.record(self.port.followers(leader)).await
    }

    async fn promote(&self, old_leader: JobId, follower: JobId) -> Result<Job, RecordError> {
        self.wire
            .record(self.port.promote(old_leader, follower))
            .await
    }

    async fn leader(&self, fingerprint: &Fingerprint) -> Result<Option<JobId>, RecordError> {
        self.wire.record(self.port.leader(fingerprint)).await
    }

    async fn list(&self, filter: &JobFilter) -> Result<JobPage, RecordError> {
        self.wire.record(self.port.list(filter)).await
    }

    async fn in_flight_of(&self, tenant: &Tenant) -> Result<u64, RecordError> {
        self.wire.record(self.port.in_flight_of(tenant)).await
    }

    async fn wait(
        &self,
        id: JobId,
        seen: (JobState, Progress),
        patience: Duration,
    ) -> Result<Job, RecordError> {
        self.wire.record(self.port.wait(id, seen, patience)).await
    }
}

#[async_trait]
impl<P: BlobStore> BlobStore for Wired<P> {
    async fn put(&self, key: &BlobKey, blob: Blob, retention: Retention) -> Result<(), BlobError> {
        self.wire.blob(self.port.put(key, blob, retention)).await
    }

    async fn get(&self, key: &BlobKey) -> Result<Option<Blob>, BlobError> {
        self.wire.blob(self.port.get(key)).await
    }

    async fn contains(&self, key: &BlobKey) -> Result<bool, BlobError> {
        self.wire.blob(self.port.contains(key)).await
    }

    async fn unpin(&self, key: &BlobKey) -> Result<(), BlobError> {
        self.wire.blob(self.port.unpin(key)).await
    }

    async fn delete(&self, key: &BlobKey) -> Result<(), BlobError> {
        self.wire.blob(self.port.delete(key)).await
    }
}

#[async_trait]
impl<P: JobQueue> JobQueue for Wired<P> {
    async fn publish(&self, envelope: &Envelope) -> Result<(), QueueError> {
        self.wire.queue(self.port.publish(envelope)).await
    }

    /// Not lost: a worker that cannot begin ends, and is started again.
    async fn consume(&self, engine: &EngineId) -> Result<Box<dyn JobConsumer>, QueueError> {
        Ok(Box::new(WiredConsumer {
            consumer: self.port.consume(engine).await?,
            wire: self.wire.clone(),
        }))
    }

    async fn arrivals(&self, engine: &EngineId) -> Result<Box<dyn Arrivals>, QueueError> {
        self.port.arrivals(engine).await
    }

    async fn gauge(&self, engine: &EngineId) -> Result<PoolGauge, QueueError> {
        self.wire.queue(self.port.gauge(engine)).await
    }

    async fn purge_dead(&self, engine: &EngineId, tier: Tier) -> Result<u64, QueueError> {
        self.wire.queue(self.port.purge_dead(engine, tier)).await
    }
}

struct WiredConsumer {
    consumer: Box<dyn JobConsumer>,
    wire: Wire,
}

#[async_trait]
impl JobConsumer for WiredConsumer {
    async fn next_of(&mut self, least: Tier) -> Result<Box<dyn Delivery>, QueueError> {
        let delivery = self.wire.queue(self.consumer.next_of(least)).await?;
        Ok(Box::new(WiredDelivery {
            delivery,
            wire: self.wire.clone(),
        }))
    }
}

struct WiredDelivery {
    delivery: Box<dyn Delivery>,
    wire: Wire,
}

#[async_trait]
impl Delivery for WiredDelivery {
    fn envelope(&self) -> &Envelope {
        self.delivery.envelope()
    }

    fn redelivered(&self) -> bool {
        self.delivery.redelivered()
    }

    /// A call that is lost drops the delivery, as the end of a connection does.
    async fn settle(self: Box<Self>, settlement: Settlement) -> Result<(), QueueError> {
        self.wire.queue(self.delivery.settle(settlement)).await
    }
}
