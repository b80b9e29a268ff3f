//! A fleet in this process.

use std::sync::Arc;

use anyhow::Context;
use tokio::{sync::mpsc, task::JoinSet};
use voicefleet_core::{
    Clock, EngineId, Envelope, JobId, Progress, Tier, Timings,
    ports::{Claim, JobChange, JobConsumer, JobQueue, JobRecords, Settlement, Submission},
    time::SystemClock,
};
use voicefleet_rabbitmq::{RabbitConfig, RabbitQueue};
use voicefleet_redis::{RedisConfig, RedisRecords};
use voicefleet_testkit::speech_job;

use crate::Servers;

/// What a worker has room for.
const SLOTS: usize = 4;

/// The workers on one connection, which has room for some 2 000 channels.
const ON_A_CONNECTION: usize = 25;

/// Queue and records, in a corner of the servers that is their own.
pub(crate) struct Fleet {
    queue: RabbitQueue,
    records: Arc<RedisRecords>,
    engine: EngineId,
}

impl Fleet {
    pub(crate) async fn open(servers: &Servers, corner: &str) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let redis = RedisConfig {
            key_prefix: format!("{corner}:"),
            ..RedisConfig::new(servers.redis.url())
        };
        let records = Arc::new(RedisRecords::open(&redis)?);
        // That of the jobs of the testkit.
        let job = speech_job("", Tier::Batch, clock.now());
        let engine = job.spec.engine().clone();
        let address = servers.rabbit.url().parse()?;
        let rabbit = RabbitConfig {
            prefix: corner.to_owned(),
            max_waiting: [u32::MAX; 3],
            ..RabbitConfig::new(address, vec![engine.clone()])
        };
        let (loads, turns) = (Arc::clone(&records) as _, Arc::new(records.turns()));
        let queue = RabbitQueue::connect(rabbit, loads, turns, clock).await?;
        Ok(Self {
            queue,
            records,
            engine,
        })
    }

    /// Nobody uses its workers any more.
    pub(crate) async fn close(&self) {
        self.queue.close().await;
        self.records.close().await;
    }

    pub(crate) async fn worker(&self) -> anyhow::Result<Box<dyn JobConsumer>> {
        Ok(self.queue.consume(&self.engine).await?)
    }

    /// A new job; of nobody in particular, if the tenant's number is 0.
    pub(crate) async fn submit(&self, tenant: usize) -> anyhow::Result<()> {
        let text = JobId::generate().to_string();
        let mut job = speech_job(&text, Tier::Batch, SystemClock.now());
        if tenant > 0 {
            job.tenant = format!("tenant-{tenant}").parse().context("a tenant")?;
        }
        let submitted = self.records.submit(&job).await?;
        anyhow::ensure!(submitted == Submission::Leads, "{submitted:?}");
        self.queue.publish(&Envelope::for_job(&job)).await?;
        self.records.published(job.id).await?;
        Ok(())
    }

    /// Does the next job that is delivered.
    pub(crate) async fn do_next(&self, worker: &mut Box<dyn JobConsumer>) -> anyhow::Result<()> {
        worker.has_room_for(SLOTS);
        let delivery = worker.next_of(Tier::Batch).await?;
        let envelope = delivery.envelope().clone();
        let claim = Claim::new(envelope.id, delivery.redelivered());
        let at = SystemClock.now();
        let start = JobChange::Start { at, claim };
        self.records.start(&envelope, start).await?;
        let end = JobChange::Succeed {
            at,
            timings: Timings::default(),
            progress: Progress::default(),
            from_cache: false,
        };
        let id = envelope.job_id;
        self.records.change_by(Some(claim.run), id, end).await?;
        self.records.followers(id).await?;
        delivery.settle(Settlement::Done).await?;
        Ok(())
    }
}

/// Workers that do whatever comes.
pub(crate) struct Crowd {
    tasks: JoinSet<anyhow::Result<()>>,
    workers: usize,
    fleets: Vec<Arc<Fleet>>,
    done: mpsc::Sender<()>,
    told: mpsc::Receiver<()>,
}

impl Default for Crowd {
    fn default() -> Self {
        let (done, told) = mpsc::channel(1_024);
        Self {
            tasks: JoinSet::new(),
            workers: 0,
            fleets: Vec::new(),
            done,
            told,
        }
    }
}

impl Crowd {
    pub(crate) async fn grow_to(
        &mut self,
        workers: usize,
        servers: &Servers,
    ) -> anyhow::Result<()> {
        while self.workers < workers {
            if self.workers.is_multiple_of(ON_A_CONNECTION) || self.fleets.is_empty() {
                self.fleets
                    .push(Arc::new(Fleet::open(servers, "workers").await?));
            }
            let Some(fleet) = self.fleets.last().cloned() else {
                continue;
            };
            let mut worker = fleet.worker().await?;
            let done = self.done.clone();
            self.tasks.spawn(async move {
                loop {
                    fleet.do_next(&mut worker).await?;
                    done.send(()).await?;
                }
            });
            self.workers += 1;
        }
        Ok(())
    }

    pub(crate) async fn one_more_done(&mut self) -> anyhow::Result<()> {
        tokio::select! {
            told = self.told.recv() => told.context("the workers have ended"),
            Some(ended) = self.tasks.join_next() => ended?,
        }
    }

    pub(crate) async fn close(mut self) {
        self.tasks.shutdown().await;
        for fleet in &self.fleets {
            fleet.close().await;
        }
    }
}
