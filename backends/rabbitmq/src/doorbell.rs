//! How a worker hears of new work.

use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use lapin::{
    Channel, Consumer,
    options::{BasicConsumeOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};
use voicefleet_core::{Tier, ports::Arrivals};

/// Rings that wait for a worker whose connection is slow. One that is dropped is made up for by looking.
const MOST_RINGS: i32 = 64;

/// A queue of this worker's own, to which all rings come.
pub(crate) struct Doorbell {
    channel: Channel,
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
    pub(crate) async fn listen(channel: Channel, exchange: &str) -> lapin::Result<Self> {
        // A name of our own, since the broker's would be another after a reconnect.
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
        let options = BasicConsumeOptions {
            no_ack: true,
            ..BasicConsumeOptions::default()
        };
        let rings = channel
            .basic_consume(
                queue.as_str().into(),
                "".into(),
                options,
                FieldTable::default(),
            )
            .await?;
        Ok(Self {
            channel,
            rings,
            bell,
        })
    }

    /// Its bell.
    pub(crate) fn bell(&self) -> Bell {
        self.bell.clone()
    }

    /// Marks the lanes that it is rung for, until the connection is closed. What was not heard while
    /// the connection was broken may have been for any.
    pub(crate) async fn mark(mut self, marks: Marks) {
        while let Some(ring) = self.rings.next().await {
            let tier = match ring {
                Ok(ring) => ring.routing_key.as_str().parse().ok(),
                Err(error) => match self.channel.wait_for_recovery(error).await {
                    Ok(()) => None,
                    Err(_) => return,
                },
            };
            match tier {
                Some(tier) => marks.mark(tier),
                None => marks.mark_all(),
            }
        }
    }
}

#[async_trait]
impl Arrivals for Doorbell {
    async fn next(&mut self) {
        let is_open = match self.rings.next().await {
            Some(Ok(_)) => true,
            Some(Err(error)) => self.channel.wait_for_recovery(error).await.is_ok(),
            None => false,
        };
        if !is_open {
            // The connection was closed for good.
            std::future::pending::<()>().await;
        }
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
