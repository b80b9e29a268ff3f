//! A worker's end of an engine's lanes.

use std::time::Duration;

use async_trait::async_trait;
use lapin::{
    Channel,
    message::{BasicGetMessage, Delivery as Message},
    options::BasicGetOptions,
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};
use voicefleet_core::{
    Envelope, Tier,
    envelope::EnvelopeError,
    ports::{Delivery, JobConsumer, QueueError},
    tier::TierRota,
};

use crate::{
    delivery::{Desk, RabbitDelivery, Received, moved},
    doorbell::Doorbell,
    headers,
    publisher::unavailable,
    topology::{Lane, step_for},
};

/// How often an idle worker looks without having heard the doorbell: for rings that were lost, and for
/// retries, whose moment nobody rings.
const LOOK_EVERY: Duration = Duration::from_secs(1);

type Fetched = Result<Box<dyn Delivery>, QueueError>;

/// How much later than an idle worker a busy one looks, which would lay its work aside for what it finds.
const HEAD_START: Duration = Duration::from_millis(20);

/// What the consumer wants of its task.
#[derive(Clone, Copy)]
struct Wish {
    /// How many deliveries in all, from the beginning.
    deliveries: u64,
    /// The least urgent tier of the one that is outstanding.
    least: Tier,
}

/// Asks a task for one delivery at a time, so that a `next` that is dropped half way loses nothing:
/// what the task fetches for it waits for the next one.
pub(crate) struct RabbitConsumer {
    wish: watch::Sender<Wish>,
    fetched: mpsc::Receiver<Fetched>,
    /// Whether a wish has not been answered yet.
    outstanding: bool,
    /// Ends with the consumer; the broker then takes back what was fetched for nobody.
    _task: JoinSet<()>,
}

impl RabbitConsumer {
    pub(crate) fn start(fetching: Fetching) -> Self {
        let (wish, wishes) = watch::channel(Wish {
            deliveries: 0,
            least: Tier::Batch,
        });
        let (results, fetched) = mpsc::channel(1);
        let mut task = JoinSet::new();
        task.spawn(fetching.serve(wishes, results));
        Self {
            wish,
            fetched,
            outstanding: false,
            _task: task,
        }
    }

    async fn answer(&mut self, least: Tier) -> Fetched {
        let new = !std::mem::replace(&mut self.outstanding, true);
        self.wish.send_modify(|wish| {
            wish.deliveries += u64::from(new);
            wish.least = least;
        });
        let answer = self.fetched.recv().await;
        self.outstanding = false;
        let closed = || Err(QueueError::Unavailable("the consumer has ended".to_owned()));
        answer.unwrap_or_else(closed)
    }
}

#[async_trait]
impl JobConsumer for RabbitConsumer {
    async fn next_of(&mut self, least: Tier) -> Fetched {
        loop {
            let delivery = self.answer(least).await?;
            // Fetched for an earlier `next` that took more and was dropped: dropped too, it goes back.
            if delivery.envelope().tier <= least {
                return Ok(delivery);
            }
        }
    }
}

/// What fetches.
pub(crate) struct Fetching {
    pub(crate) channel: Channel,
    pub(crate) doorbell: Doorbell,
    /// Indexed by [`Tier::rank`].
    pub(crate) lanes: [Lane; 3],
    pub(crate) rota: TierRota,
    pub(crate) desk: Desk,
}

impl Fetching {
    async fn serve(mut self, mut wishes: watch::Receiver<Wish>, results: mpsc::Sender<Fetched>) {
        let mut answered = 0;
        while wishes
            .wait_for(|wish| wish.deliveries > answered)
            .await
            .is_ok()
        {
            answered += 1;
            let fetched = self.fetch(&mut wishes).await;
            if results.send(fetched).await.is_err() {
                return;
            }
        }
    }

    /// The next delivery; waits for one. What is wished for may change meanwhile.
    async fn fetch(&mut self, wishes: &mut watch::Receiver<Wish>) -> Fetched {
        loop {
            let least = wishes.borrow_and_update().least;
            match self.look(least).await {
                Ok(Some(delivery)) => return Ok(delivery),
                Ok(None) => tokio::select! {
                    idle = self.idle(least) => idle?,
                    changed = wishes.changed() => changed.map_err(|_| nobody_asks())?,
                },
                Err(error) => self
                    .channel
                    .wait_for_recovery(error)
                    .await
                    .map_err(unavailable)?,
            }
        }
    }

    async fn idle(&mut self, least: Tier) -> Result<(), QueueError> {
        match tokio::time::timeout(LOOK_EVERY, self.doorbell.rung()).await {
            Ok(rung) => rung.map_err(unavailable)?,
            Err(_) => return Ok(()),
        }
        if least < Tier::Batch {
            tokio::time::sleep(HEAD_START).await;
        }
        Ok(())
    }

    /// Takes from the lane whose turn it is. Which lanes have something shows only by asking, so the
    /// rota is asked again without those that turned out to be empty.
    async fn look(&mut self, least: Tier) -> lapin::Result<Option<Box<dyn Delivery>>> {
        let mut waiting = Tier::ALL.map(|tier| tier <= least);
        loop {
            let mut rota = self.rota.clone();
            let Some(tier) = rota.pick(waiting) else {
                return Ok(None);
            };
            let Some(message) = self.get(tier).await? else {
                waiting[tier.rank()] = false;
                continue;
            };
            if let Some(delivery) = self.accepted(tier, message).await {
                self.rota = rota;
                return Ok(Some(delivery));
            }
        }
    }

    async fn get(&self, tier: Tier) -> lapin::Result<Option<Message>> {
        let lane = self.lanes[tier.rank()].ready();
        let got = self
            .channel
            .basic_get(lane.into(), BasicGetOptions::default())
            .await?;
        Ok(got.map(|BasicGetMessage { delivery, .. }| delivery))
    }

    /// The delivery, unless its moment has not come yet or it cannot be read.
    async fn accepted(&self, tier: Tier, message: Message) -> Option<Box<dyn Delivery>> {
        let lane = &self.lanes[tier.rank()];
        if let Some(wait) = self.too_early_by(&message) {
            let queue = lane.delayed(step_for(wait));
            self.put_elsewhere(&queue, message).await;
            return None;
        }
        match Envelope::decode(&message.data) {
            Ok(envelope) => {
                let desk = self.desk.clone();
                let received = Received {
                    envelope,
                    redelivered: message.redelivered,
                    lane: lane.clone(),
                    _channel: self.channel.clone(),
                };
                Some(Box::new(RabbitDelivery::new(received, message.acker, desk)))
            }
            Err(error) => {
                self.set_aside(lane, message, &error).await;
                None
            }
        }
    }

    fn too_early_by(&self, message: &Message) -> Option<Duration> {
        let moment = headers::not_before(&message.properties)?;
        let wait = moment.since(self.desk.clock.now());
        (!wait.is_zero()).then_some(wait)
    }

    /// Left unacknowledged where that fails: the broker delivers it again when the channel has gone.
    async fn put_elsewhere(&self, queue: &str, message: Message) {
        let Message {
            data,
            properties,
            acker,
            ..
        } = message;
        let publisher = &self.desk.publisher;
        if let Err(error) = moved(publisher, queue, &data, properties, &acker).await {
            tracing::warn!(%error, queue, "a message could not be moved on");
        }
    }

    async fn set_aside(&self, lane: &Lane, message: Message, error: &EnvelopeError) {
        tracing::error!(%error, lane = lane.ready(), "a message is set aside, since it cannot be read");
        self.put_elsewhere(&lane.dead(), message).await;
    }
}

fn nobody_asks() -> QueueError {
    QueueError::Unavailable("nobody asks any more".to_owned())
}
