//! The port.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use lapin::options::QueuePurgeOptions;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use voicefleet_core::{
    Clock, EngineId, Envelope, Tier,
    breaker::{Breaker, BreakerRules},
    ports::{
        Arrivals, JobConsumer, JobQueue, LaneLoads, PoolGauge, QueueError, TierGauge, Turn, Turns,
    },
    tier::TierRota,
};

use crate::{
    RabbitConfig,
    capacity::{Estimates, waiting},
    connection::{Broker, ConnectError, Purpose, SteadyChannel},
    consumer::{Fetching, LOOK_EVERY, Pace, RabbitConsumer},
    delivery::Desk,
    doorbell::{Doorbell, Marks, SteadyDoorbell},
    feed::Hand,
    headers,
    intake::Intake,
    lines::Lines,
    publisher::Publisher,
    topology::{self, DELAYS_MS, Lane},
};

/// When callers are told at once that the broker does not answer, instead of having each wait for it.
const BREAKER: BreakerRules = BreakerRules {
    failures: 3,
    first_pause: Duration::from_millis(500),
    longest_pause: Duration::from_secs(5),
};
/// The queue in RabbitMQ.
pub struct RabbitQueue {
    config: RabbitConfig,
    broker: Broker,
    publishing: Broker,
    publisher: Publisher,
    lines: Lines,
    /// For questions, on which publishing need not wait.
    questions: SteadyChannel,
    /// Of publishing.
    breaker: Breaker,
    estimates: Estimates,
    loads: Arc<dyn LaneLoads>,
    clock: Arc<dyn Clock>,
    tasks: TaskTracker,
}

impl RabbitQueue {
    /// Connects and declares the lanes of every engine. From then on a lost connection is made anew when
    /// something is wanted of the broker.
    ///
    /// # Errors
    /// [`ConnectError`]; the broker must be there at the start.
    pub async fn connect(
        config: RabbitConfig,
        loads: Arc<dyn LaneLoads>,
        turns: Arc<dyn Turns>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ConnectError> {
        let tasks = TaskTracker::new();
        let broker = Broker::connect(config.clone(), tasks.clone()).await?;
        let publishing = broker.beside("publishing");
        let publisher = Publisher::new(&publishing, config.patience, tasks.clone());
        let questions = SteadyChannel::new(broker.clone(), Purpose::Plain);
        let hand = SteadyChannel::new(broker.clone(), Purpose::Plain);
        let prefix = config.prefix.clone();
        let lines = Lines::new(turns, publisher.clone(), hand, prefix, tasks.clone());
        Ok(Self {
            config,
            broker,
            publishing,
            publisher,
            lines,
            questions,
            breaker: Breaker::new(BREAKER),
            estimates: Estimates::default(),
            loads,
            clock,
            tasks,
        })
    }

    /// Gives back what was dropped and closes the connections; the broker takes back the rest.
    pub async fn close(&self) {
        self.tasks.close();
        let patience = self.config.patience;
        if timeout(patience, self.tasks.wait()).await.is_err() {
            tracing::warn!("not all was given back in time; it comes back with the connection");
        }
        let closing = async { tokio::join!(self.publishing.close(), self.broker.close()) };
        if timeout(patience, closing).await.is_err() {
            tracing::warn!("the broker did not close the connections in time; nothing is lost");
        }
    }

    fn lane(&self, engine: &EngineId, tier: Tier) -> Lane {
        Lane::new(&self.config.prefix, engine, tier)
    }

    fn doorbell(&self, engine: &EngineId) -> String {
        topology::doorbell(&self.config.prefix, engine)
    }

    /// The answer, unless it does not come in time.
    async fn in_time<T>(
        &self,
        asking: impl Future<Output = lapin::Result<T>>,
    ) -> Result<T, QueueError> {
        self.publisher.in_time(asking).await
    }

    /// Asking the broker about a queue that it does not have would cost the channel.
    fn check_known(&self, engine: &EngineId) -> Result<(), QueueError> {
        if self.config.engines.contains(engine) {
            return Ok(());
        }
        Err(QueueError::Unavailable(format!(
            "no queue was declared for the engine {engine}"
        )))
    }

    /// A lane takes as many as may wait there, and so does what is behind it for one tenant.
    async fn check_room(&self, lane: &Lane, queue: &str) -> Result<(), QueueError> {
        let most = self.config.max_waiting[lane.tier().rank()];
        let now = Instant::now();
        if self.estimates.one_more_fits(queue, most, now) {
            return Ok(());
        }
        let asking = async { waiting(&self.questions.get().await?, queue).await };
        let waiting = self.in_time(asking).await?;
        if waiting < most {
            self.estimates.note(queue, waiting, now);
            return Ok(());
        }
        Err(QueueError::Full {
            engine: lane.engine().clone(),
            tier: lane.tier(),
        })
    }

    /// Puts an envelope into its lane, if there is room, and says so to the workers.
    async fn put(&self, envelope: &Envelope) -> Result<(), QueueError> {
        let lane = self.lane(envelope.spec.engine(), envelope.tier);
        if self.lines.turn_of(envelope).await == Turn::Behind {
            let opened = self.in_time(self.lines.open(&lane, &envelope.tenant)).await;
            let queue = opened?;
            let put = self.put_into(&queue, &lane, envelope).await;
            // A broker that has lost its data has lost the line as well.
            put.inspect_err(|_| self.lines.forget(&queue))?;
            self.lines.joined(envelope).await;
            return Ok(());
        }
        let put = self.put_into(lane.ready(), &lane, envelope).await;
        if put.is_err() {
            self.lines.left(envelope).await;
            return put;
        }
        let doorbell = self.doorbell(lane.engine());
        self.publisher.ring(&doorbell, envelope.tier);
        Ok(())
    }

    async fn put_into(
        &self,
        queue: &str,
        lane: &Lane,
        envelope: &Envelope,
    ) -> Result<(), QueueError> {
        self.check_room(lane, queue).await?;
        let body = envelope
            .encode()
            .map_err(|error| QueueError::Unavailable(error.to_string()))?;
        let properties = headers::properties(envelope);
        self.publisher.publish(queue, &body, properties).await
    }

    /// With the number of jobs that the records know of there.
    async fn tier_gauge(
        &self,
        engine: &EngineId,
        tier: Tier,
    ) -> Result<(TierGauge, u64), QueueError> {
        let lane = self.lane(engine, tier);
        let count = async {
            let questions = self.questions.get().await?;
            let mut ready = u64::from(waiting(&questions, lane.ready()).await?);
            for delay in DELAYS_MS {
                ready += u64::from(waiting(&questions, &lane.delayed(delay)).await?);
            }
            let dead = u64::from(waiting(&questions, &lane.dead()).await?);
            Ok((ready, dead))
        };
        let (ready, dead) = self.in_time(count).await?;
        let load = self.loads.load(engine, tier).await?;
        let gauge = TierGauge {
            tier,
            ready,
            in_flight: load.running,
            cost_seconds: load.cost_seconds,
            dead,
            oldest: load.oldest,
            tenants: load.tenants,
        };
        Ok((gauge, load.jobs))
    }
}

/// Brings what is recorded as running in line with what the broker has, and says how many jobs are in
/// neither. A worker that was killed leaves its jobs recorded as running while the broker has them ready
/// again, so of `jobs` in all no more can run than are not ready.
fn reconcile(tiers: &mut [TierGauge], jobs: u64) -> u64 {
    let ready: u64 = tiers.iter().map(|tier| tier.ready).sum();
    let mut elsewhere = jobs.saturating_sub(ready);
    for tier in tiers.iter_mut() {
        tier.in_flight = tier.in_flight.min(elsewhere);
        elsewhere -= tier.in_flight;
    }
    elsewhere
}

#[async_trait]
impl JobQueue for RabbitQueue {
    /// While the broker does not answer, most callers hear so at once.
    async fn publish(&self, envelope: &Envelope) -> Result<(), QueueError> {
        self.check_known(envelope.spec.engine())?;
        let pass = self.breaker.admit(Instant::now());
        let pass = pass.map_err(|refusal| {
            QueueError::Unavailable(format!("the broker does not answer; {refusal}"))
        })?;
        let published = self.put(envelope).await;
        match &published {
            Err(QueueError::Unavailable(_)) => pass.failed(Instant::now()),
            Ok(()) | Err(QueueError::Full { .. }) => pass.answered(),
        }
        published
    }

    async fn consume(&self, engine: &EngineId) -> Result<Box<dyn JobConsumer>, QueueError> {
        self.check_known(engine)?;
        let (marks, doorbell) = (Marks::all(), self.doorbell(engine));
        let opening = Intake::open(&self.broker, &doorbell, &marks);
        let intake = self.in_time(opening).await?;
        let fetching = Fetching {
            marks,
            lanes: Tier::ALL.map(|tier| self.lane(engine, tier)),
            rota: TierRota::new(self.config.shares),
            look_again: tokio::time::Instant::now() + LOOK_EVERY,
            broker: self.broker.clone(),
            intake,
            feed: None,
            feed_from: tokio::time::Instant::now(),
            hand: Hand::default(),
            most_room: 1,
            pace: Pace::default(),
            desk: Desk {
                publisher: self.publisher.clone(),
                lines: self.lines.clone(),
                clock: Arc::clone(&self.clock),
                doorbell,
                tasks: self.tasks.clone(),
            },
        };
        Ok(Box::new(RabbitConsumer::start(fetching)))
    }

    async fn arrivals(&self, engine: &EngineId) -> Result<Box<dyn Arrivals>, QueueError> {
        self.check_known(engine)?;
        let exchange = self.doorbell(engine);
        let listening = Doorbell::listen(&self.broker, &exchange);
        let doorbell = self.in_time(listening).await?;
        let (broker, patience) = (self.broker.clone(), self.config.patience);
        let doorbell = SteadyDoorbell::new(broker, exchange, patience, doorbell);
        Ok(Box::new(doorbell))
    }

    async fn gauge(&self, engine: &EngineId) -> Result<PoolGauge, QueueError> {
        self.check_known(engine)?;
        let (mut tiers, mut jobs) = (Vec::with_capacity(Tier::ALL.len()), 0);
        for tier in Tier::ALL {
            let (gauge, jobs_there) = self.tier_gauge(engine, tier).await?;
            tiers.push(gauge);
            jobs += jobs_there;
        }
        let reserved = reconcile(&mut tiers, jobs);
        Ok(PoolGauge {
            engine: engine.clone(),
            tiers,
            reserved,
        })
    }

    async fn tend(&self) -> Result<(), QueueError> {
        for engine in &self.config.engines {
            for tier in Tier::ALL {
                self.lines.tend(engine, tier).await?;
            }
        }
        Ok(())
    }

    async fn purge_dead(&self, engine: &EngineId, tier: Tier) -> Result<u64, QueueError> {
        self.check_known(engine)?;
        let dead = self.lane(engine, tier).dead();
        let options = QueuePurgeOptions::default();
        let purging = async {
            let questions = self.questions.get().await?;
            questions.queue_purge(dead.into(), options).await
        };
        Ok(u64::from(self.in_time(purging).await?))
    }
}
