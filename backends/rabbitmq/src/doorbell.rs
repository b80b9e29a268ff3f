//! How a worker hears of new work.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::{FutureExt, StreamExt};
use lapin::{
    Channel, Consumer,
    options::{BasicConsumeOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout, timeout_at},
};
use voicefleet_core::{Tier, ports::Arrivals};

use crate::connection::Broker;

/// Rings that wait for a worker whose connection is slow. One that is dropped is made up for by looking.
const MOST_RINGS: i32 = 64;

/// How long after a vain attempt to hear the doorbell again the next one is made.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);

/// A queue of this worker's own, to which all rings come. Ends with its connection.
pub(crate) struct Doorbell {
    rings: Consumer,
    bell: Bell,
}

/// What is between the doorbell and a worker's queue. Every ring costs the broker something for every worker
/// that hears it, and one that is fed need not.
#[derive(Clone)]
pub(crate) struct Bell {
    channel: Channel,
    queue: String,
    exchange: String,
}

impl Bell {
    /// Rings come from now on.
    pub(crate) async fn connect(&self) -> lapin::Result<()> {
        let (queue, exchange) = (self.queue.as_str().into(), self.exchange.as_str().into());
        let (options, none) = (QueueBindOptions::default(), FieldTable::default());
        self.channel
            .queue_bind(queue, exchange, "".into(), options, none)
            .await
    }

    /// Whether its connection is there still.
    pub(crate) fn is_there(&self) -> bool {
        self.channel.status().connected()
    }

    /// None come any more.
    pub(crate) async fn disconnect(&self) -> lapin::Result<()> {
        let (queue, exchange) = (self.queue.as_str().into(), self.exchange.as_str().into());
        self.channel
            .queue_unbind(queue, exchange, "".into(), FieldTable::default())
            .await
    }
}

impl Doorbell {
    /// Listens at the exchange `exchange`, which must have been declared.
    pub(crate) async fn listen(broker: &Broker, exchange: &str) -> lapin::Result<Self> {
        let channel = broker.channel().await?;
        let queue = format!("{exchange}.{}", uuid::Uuid::now_v7());
        let options = QueueDeclareOptions {
            exclusive: true,
            auto_delete: true,
            ..QueueDeclareOptions::default()
        };
        let mut arguments = FieldTable::default();
        arguments.insert("x-max-length".into(), AMQPValue::LongInt(MOST_RINGS));
        channel
            .queue_declare(queue.as_str().into(), options, arguments)
            .await?;
        let bell = Bell {
            channel: channel.clone(),
            queue: queue.clone(),
            exchange: exchange.to_owned(),
        };
        bell.connect().await?;
        // The wait would leave a half-way, at which the rings that come are nobody's and pile up.
        let options = BasicConsumeOptions {
            no_ack: true,
            nowait: true,
            ..BasicConsumeOptions::default()
        };
        let rings = channel
            .basic_consume(
                queue.as_str().into(),
                queue.as_str().into(),
                options,
                FieldTable::default(),
            )
            .await?;
        Ok(Self { rings, bell })
    }

    /// Its bell.
    pub(crate) fn bell(&self) -> Bell {
        self.bell.clone()
    }

    /// Marks the lanes that it is rung for, until the connection is lost.
    pub(crate) async fn mark(mut self, marks: Marks) {
        while let Some(Ok(ring)) = self.rings.next().await {
            match ring.routing_key.as_str().parse() {
                Ok(tier) => marks.mark(tier),
                Err(_) => marks.mark_all(),
            }
        }
    }
}

/// The doorbell for those who take nothing, listened for anew when its connection is lost.
pub(crate) struct SteadyDoorbell {
    broker: Broker,
    exchange: String,
    patience: Duration,
    doorbell: Option<Doorbell>,
}

impl SteadyDoorbell {
    /// Waits at most `patience` for the broker at a time.
    pub(crate) fn new(
        broker: Broker,
        exchange: String,
        patience: Duration,
        doorbell: Doorbell,
    ) -> Self {
        Self {
            broker,
            exchange,
            patience,
            doorbell: Some(doorbell),
        }
    }

    /// Until the broker lets us.
    async fn listen(&self) -> Doorbell {
        loop {
            let listening = Doorbell::listen(&self.broker, &self.exchange);
            match timeout(self.patience, listening).await {
                Ok(Ok(doorbell)) => return doorbell,
                outcome => tracing::debug!(error = ?outcome.err(), "the doorbell is not heard"),
            }
            sleep(LISTEN_AGAIN).await;
        }
    }
}

#[async_trait]
impl Arrivals for SteadyDoorbell {
    async fn next(&mut self) {
        if let Some(doorbell) = &mut self.doorbell {
            if let Some(Ok(_)) = doorbell.rings.next().await {
                // All that have come meanwhile say the same.
                while let Some(more) = doorbell.rings.next().now_or_never() {
                    if !matches!(more, Some(Ok(_))) {
                        self.doorbell = None;
                        return;
                    }
                }
                return;
            }
            self.doorbell = None;
        }
        // What was not heard meanwhile may have been rung.
        self.doorbell = Some(self.listen().await);
    }
}

/// The lanes, by [`Tier::rank`], in which something may wait. Clones are the same marks.
#[derive(Clone)]
pub(crate) struct Marks(Arc<watch::Sender<[bool; 3]>>);

impl Marks {
    /// All of them: nothing is known yet.
    pub(crate) fn all() -> Self {
        Self(Arc::new(watch::Sender::new([true; 3])))
    }

    pub(crate) fn mark(&self, tier: Tier) {
        self.0
            .send_if_modified(|marks| !std::mem::replace(&mut marks[tier.rank()], true));
    }

    pub(crate) fn mark_all(&self) {
        self.0.send_replace([true; 3]);
    }

    /// To be called before the lane is asked: a ring that comes while the broker answers is not
    /// forgotten then.
    pub(crate) fn unmark(&self, tier: Tier) {
        self.0.send_if_modified(|marks| {
            marks[tier.rank()] = false;
            false
        });
    }

    pub(crate) fn is_marked(&self, tier: Tier) -> bool {
        self.0.borrow()[tier.rank()]
    }

    /// The least urgent of the marked lanes that are at least as urgent as `least`.
    pub(crate) fn lowest(&self, least: Tier) -> Option<Tier> {
        lowest(*self.0.borrow(), least)
    }

    /// Waits until one of these lanes is marked, at most until `end`. Returns whether one was.
    pub(crate) async fn marked(&self, least: Tier, end: Instant) -> bool {
        let mut marks = self.0.subscribe();
        let marked = marks.wait_for(|marks| lowest(*marks, least).is_some());
        timeout_at(end, marked).await.is_ok()
    }
}

fn lowest(marks: [bool; 3], least: Tier) -> Option<Tier> {
    let mut tiers = Tier::ALL.into_iter().rev();
    tiers.find(|tier| *tier <= least && marks[tier.rank()])
}
