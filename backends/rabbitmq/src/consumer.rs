//! A worker's end of an engine's lanes.

use std::{collections::VecDeque, time::Duration};

use async_trait::async_trait;
use futures::future::join_all;
use lapin::{Channel, message::Delivery as Message, options::BasicGetOptions};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::Instant,
};
use voicefleet_core::{
    Envelope, Tier,
    envelope::EnvelopeError,
    ports::{Delivery, JobConsumer, QueueError},
    tier::TierRota,
};

use crate::{
    delivery::{Desk, RabbitDelivery, Received, moved},
    doorbell::{Doorbell, Marks},
    headers,
    publisher::unavailable,
    topology::{Lane, step_for},
};

/// How often a worker looks everywhere without having heard the doorbell: for rings that were lost, and
/// for retries, whose moment nobody rings.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(1);

/// At least one.
type Fetched = Result<VecDeque<Box<dyn Delivery>>, QueueError>;

/// How much later than an idle worker a busy one looks, which would lay its work aside for what it finds.
const HEAD_START: Duration = Duration::from_millis(20);

/// How many envelopes are fetched at the same time, where so many wait and there is room for them: a
/// channel answers one question after the other.
pub(crate) const HANDS: usize = 8;

/// What the consumer wants of its task.
#[derive(Clone, Copy)]
struct Wish {
    /// How many answers in all, from the beginning.
    answers: u64,
    /// The least urgent tier of the one that is outstanding.
    least: Tier,
    /// The most deliveries that it may consist of.
    room: usize,
}

/// Asks a task for deliveries, so that a `next` that is dropped half way loses nothing: what the task
/// fetches for it waits for the next one. That is never more than there is room for.
pub(crate) struct RabbitConsumer {
    wish: watch::Sender<Wish>,
    fetched: mpsc::Receiver<Fetched>,
    /// Whether a wish has not been answered yet.
    outstanding: bool,
    /// Answered, and not taken yet.
    at_hand: VecDeque<Box<dyn Delivery>>,
    room: usize,
    /// End with the consumer; the broker then takes back what was fetched for nobody.
    _tasks: JoinSet<()>,
}

impl RabbitConsumer {
    pub(crate) fn start(fetching: Fetching, doorbell: Doorbell) -> Self {
        let (wish, wishes) = watch::channel(Wish {
            answers: 0,
            least: Tier::Batch,
            room: 1,
        });
        let (results, fetched) = mpsc::channel(1);
        let mut tasks = JoinSet::new();
        tasks.spawn(doorbell.mark(fetching.marks.clone()));
        tasks.spawn(fetching.serve(wishes, results));
        Self {
            wish,
            fetched,
            outstanding: false,
            at_hand: VecDeque::new(),
            room: 1,
            _tasks: tasks,
        }
    }

    async fn answer(&mut self, least: Tier) -> Fetched {
        let new = !std::mem::replace(&mut self.outstanding, true);
        self.wish.send_modify(|wish| {
            wish.answers += u64::from(new);
            wish.least = least;
            wish.room = self.room;
        });
        let answer = self.fetched.recv().await;
        self.outstanding = false;
        let closed = || Err(QueueError::Unavailable("the consumer has ended".to_owned()));
        answer.unwrap_or_else(closed)
    }
}

#[async_trait]
impl JobConsumer for RabbitConsumer {
    async fn next_of(&mut self, least: Tier) -> Result<Box<dyn Delivery>, QueueError> {
        loop {
            let Some(delivery) = self.at_hand.pop_front() else {
                self.at_hand = self.answer(least).await?;
                continue;
            };
            // Fetched for an earlier `next` that took more and was dropped: dropped too, it goes back.
            if delivery.envelope().tier <= least {
                return Ok(delivery);
            }
        }
    }

    fn has_room_for(&mut self, deliveries: usize) {
        self.room = deliveries.max(1);
    }
}

/// What a lane has given.
struct Got {
    hand: usize,
    message: Message,
    /// How many were left there.
    left: usize,
}

/// What fetches.
pub(crate) struct Fetching {
    /// As many channels as may ask at the same time, at least one.
    pub(crate) hands: Vec<Channel>,
    pub(crate) marks: Marks,
    /// Indexed by [`Tier::rank`].
    pub(crate) lanes: [Lane; 3],
    pub(crate) rota: TierRota,
    /// When everything is to be marked again.
    pub(crate) look_again: Instant,
    pub(crate) desk: Desk,
}

impl Fetching {
    async fn serve(mut self, mut wishes: watch::Receiver<Wish>, results: mpsc::Sender<Fetched>) {
        let mut answered = 0;
        while wishes
            .wait_for(|wish| wish.answers > answered)
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

    /// The next deliveries; waits for one. What is wished for may change meanwhile.
    async fn fetch(&mut self, wishes: &mut watch::Receiver<Wish>) -> Fetched {
        loop {
            let wish = *wishes.borrow_and_update();
            self.look_everywhere_now_and_then();
            match self.look(wish).await {
                Ok(found) if !found.is_empty() => return Ok(found),
                Ok(_) => tokio::select! {
                    () = self.idle(wish.least) => {}
                    changed = wishes.changed() => changed.map_err(|_| nobody_asks())?,
                },
                Err(error) => {
                    let recovered = self.hands[0].wait_for_recovery(error).await;
                    self.marks.mark_all();
                    recovered.map_err(unavailable)?;
                }
            }
        }
    }

    fn look_everywhere_now_and_then(&mut self) {
        if Instant::now() >= self.look_again {
            self.marks.mark_all();
            self.look_again = Instant::now() + LOOK_EVERY;
        }
    }

    async fn idle(&self, least: Tier) {
        let rung = self.marks.marked(least, self.look_again).await;
        if rung && least < Tier::Batch {
            tokio::time::sleep(HEAD_START).await;
        }
    }

    /// Takes from the lane whose turn it is. Only lanes that are marked are looked for, but those above
    /// them are asked too, for a ring may be on its way; the rota is asked again without those that
    /// turned out to be empty.
    async fn look(&mut self, wish: Wish) -> lapin::Result<VecDeque<Box<dyn Delivery>>> {
        let mut empty = [false; 3];
        while let Some(lowest) = self.marks.lowest(wish.least) {
            let waiting = Tier::ALL.map(|tier| tier <= lowest && !empty[tier.rank()]);
            let Some(tier) = self.rota.clone().pick(waiting) else {
                break;
            };
            let found = self.take(tier, waiting, wish.room).await?;
            if !found.is_empty() {
                return Ok(found);
            }
            empty[tier.rank()] = !self.marks.is_marked(tier);
        }
        Ok(VecDeque::new())
    }

    /// Takes one from this lane and, if more wait there, as many more as there is room for and the rota
    /// grants it in a row.
    async fn take(
        &mut self,
        tier: Tier,
        waiting: [bool; 3],
        room: usize,
    ) -> lapin::Result<VecDeque<Box<dyn Delivery>>> {
        self.marks.unmark(tier);
        let Some(first) = self.get(0, tier).await? else {
            return Ok(VecDeque::new());
        };
        let there_are = first.left.saturating_add(1);
        let most = room.min(self.hands.len()).min(there_are);
        let in_a_row = in_a_row(&self.rota, tier, waiting, most);
        let rest = join_all((1..in_a_row).map(|hand| self.get(hand, tier))).await;
        let mut left = first.left;
        let mut found = VecDeque::with_capacity(in_a_row);
        for got in std::iter::once(Ok(Some(first))).chain(rest) {
            let Ok(Some(got)) = got else {
                left = 0;
                continue;
            };
            left = left.min(got.left);
            if let Some(delivery) = self.accepted(tier, got).await {
                self.rota.pick(waiting);
                found.push_back(delivery);
            }
        }
        if left > 0 {
            self.marks.mark(tier);
        }
        Ok(found)
    }

    async fn get(&self, hand: usize, tier: Tier) -> lapin::Result<Option<Got>> {
        let lane = self.lanes[tier.rank()].ready();
        let got = self.hands[hand]
            .basic_get(lane.into(), BasicGetOptions::default())
            .await?;
        Ok(got.map(|got| Got {
            hand,
            left: usize::try_from(got.message_count).unwrap_or(usize::MAX),
            message: got.delivery,
        }))
    }

    /// The delivery, unless its moment has not come yet or it cannot be read.
    async fn accepted(&self, tier: Tier, got: Got) -> Option<Box<dyn Delivery>> {
        let Got { hand, message, .. } = got;
        let lane = &self.lanes[tier.rank()];
        if let Some(wait) = self.too_early_by(&message) {
            let queue = lane.delayed(step_for(wait));
            self.put_elsewhere(&queue, message).await;
            return None;
        }
        match Envelope::decode(&message.data) {
            Ok(envelope) => {
                let desk = self.desk.clone();
                desk.lines.begun(&envelope);
                let received = Received {
                    envelope,
                    redelivered: message.redelivered,
                    lane: lane.clone(),
                    _channel: self.hands[hand].clone(),
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

/// How many times in a row, at most `most`, it is this tier's turn.
fn in_a_row(rota: &TierRota, tier: Tier, waiting: [bool; 3], most: usize) -> usize {
    let mut rota = rota.clone();
    let turns = std::iter::repeat_with(|| rota.pick(waiting));
    turns
        .take(most)
        .take_while(|turn| *turn == Some(tier))
        .count()
}

fn nobody_asks() -> QueueError {
    QueueError::Unavailable("nobody asks any more".to_owned())
}
