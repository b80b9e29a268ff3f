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
    doorbell::{Bell, Doorbell, Marks},
    feed::{Feed, Hand},
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

/// How long what a worker is fed with may wait here because it has no room.
const HOLD: Duration = Duration::from_millis(20);

/// How long after that a worker which has room is fed again: to begin and end it costs the broker more than
/// fetching a few jobs does.
const FEED_AGAIN: Duration = Duration::from_secs(1);

/// In what time a worker that is quick takes as many jobs as it has room for.
const MOMENT: Duration = Duration::from_millis(100);

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
    channel: Channel,
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
    /// For being fed, by [`Tier::rank`].
    pub(crate) feeding: [Channel; 3],
    pub(crate) bell: Bell,
    pub(crate) feed: Option<Feed>,
    /// When the worker may be fed.
    pub(crate) feed_from: Instant,
    /// What the worker has.
    pub(crate) hand: Hand,
    /// The most deliveries that there was room for: what an idle worker takes.
    pub(crate) most_room: usize,
    pub(crate) pace: Pace,
}

/// How quickly a worker is done with what it takes.
pub(crate) struct Pace {
    /// Deliveries taken, until a moment.
    taken: usize,
    until: Instant,
    /// It had more than it could begin: for a while its pace does not matter.
    rests: bool,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            taken: 0,
            until: Instant::now() + MOMENT,
            rests: false,
        }
    }
}

impl Pace {
    /// Whether as many as fit into it were taken in a moment: what it is fed with does not wait long then.
    fn is_quick(&mut self, room: usize) -> bool {
        let now = Instant::now();
        if now < self.until {
            return false;
        }
        self.until = now + MOMENT;
        let taken = std::mem::take(&mut self.taken);
        !std::mem::take(&mut self.rests) && taken >= room
    }

    /// Counts anew.
    fn begin(&mut self) {
        let moment = if self.rests { FEED_AGAIN } else { MOMENT };
        self.until = Instant::now() + moment;
        self.taken = 0;
    }
}

impl Fetching {
    async fn serve(mut self, mut wishes: watch::Receiver<Wish>, results: mpsc::Sender<Fetched>) {
        let mut answered = 0;
        loop {
            // A worker that does not ask has no room.
            let is_asked = tokio::select! {
                biased;
                asked = wishes.wait_for(|wish| wish.answers > answered) => Some(asked.is_ok()),
                () = tokio::time::sleep(HOLD), if self.feed.is_some() => None,
            };
            match is_asked {
                Some(true) => {}
                Some(false) => return,
                None => {
                    self.end_feed().await;
                    continue;
                }
            }
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
            if self.feed.is_some() && self.pace.rests {
                self.end_feed().await;
            }
            if self.feed.is_some() {
                match self.fed(wish, wishes).await {
                    Some(found) if found.is_empty() => continue,
                    Some(found) => return Ok(found),
                    None => self.end_feed().await,
                }
            }
            if self.is_quick(wish) {
                self.start_feed().await;
                continue;
            }
            self.look_everywhere_now_and_then();
            match self.look(wish).await {
                Ok(found) if !found.is_empty() => return Ok(found),
                Ok(_) if self.is_idle(wish) => self.start_feed().await,
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

    /// Whether the worker is to be fed. Nothing waits, as far as is known.
    fn is_idle(&mut self, wish: Wish) -> bool {
        if wish.least < Tier::Batch {
            return false;
        }
        self.most_room = self.most_room.max(wish.room);
        let held = self.hand.all();
        held * 2 < self.most_room && Instant::now() >= self.feed_from
    }

    /// Whether the worker is to be fed although more waits than it has room for.
    fn is_quick(&mut self, wish: Wish) -> bool {
        wish.least == Tier::Batch && self.most_room > 1 && self.pace.is_quick(self.most_room)
    }

    async fn start_feed(&mut self) {
        let prefetch = u16::try_from(self.most_room).unwrap_or(u16::MAX);
        let (lanes, channels) = (&self.lanes, &self.feeding);
        match Feed::start(lanes, channels, prefetch, self.desk.clone()).await {
            Ok(feed) => {
                self.feed = Some(feed);
                self.pace.rests = false;
                self.ring_bell(false).await;
            }
            Err(error) => {
                tracing::debug!(%error, "the broker does not feed this worker");
                self.feed_from = Instant::now() + LOOK_EVERY;
            }
        }
    }

    /// Whether the doorbell is to be heard. Where that fails there is the looking now and then.
    async fn ring_bell(&self, is_heard: bool) {
        let changing = async {
            if is_heard {
                self.bell.connect().await
            } else {
                self.bell.disconnect().await
            }
        };
        if let Err(error) = self.desk.publisher.in_time(changing).await {
            tracing::debug!(%error, is_heard, "the doorbell is as it was");
        }
    }

    async fn end_feed(&mut self) {
        if let Some(feed) = self.feed.take() {
            feed.end().await;
        }
        // From here on it hears of what comes; what came before it finds by looking.
        self.ring_bell(true).await;
        self.feed_from = Instant::now() + FEED_AGAIN;
        self.pace.begin();
        self.marks.mark_all();
    }

    /// What the worker has been fed with; empty if its wish has changed or may be met now. `None` if it is
    /// to fetch: it has no room for whatever comes, or more than it is fed, or nothing comes any more.
    async fn fed(
        &mut self,
        wish: Wish,
        wishes: &mut watch::Receiver<Wish>,
    ) -> Option<VecDeque<Box<dyn Delivery>>> {
        if wish.least == Tier::Batch {
            let found = self.take_fed(wish.room).await.ok()?;
            if self.feed.as_mut()?.has_left_for(HOLD) {
                // What was taken is the worker's; the rest goes back when it asks for more.
                self.pace.rests = true;
            }
            if !found.is_empty() {
                return Some(found);
            }
            if self.pace.rests {
                return None;
            }
        }
        let feed = self.feed.as_mut()?;
        if wish.least == Tier::Batch && feed.is_used_up(&self.hand) {
            return None;
        }
        tokio::select! {
            more = feed.more() => matches!(more, Ok(true)).then(VecDeque::new),
            changed = wishes.changed() => changed.ok().map(|()| VecDeque::new()),
            () = tokio::time::sleep(HOLD), if wish.least < Tier::Batch => None,
        }
    }

    /// At most `room` of what has come, in the order in which it is the tiers' turn.
    async fn take_fed(&mut self, room: usize) -> lapin::Result<VecDeque<Box<dyn Delivery>>> {
        let mut found = VecDeque::new();
        while found.len() < room {
            let Some(feed) = self.feed.as_mut() else {
                break;
            };
            let Some(tier) = self.rota.pick(feed.waiting()?) else {
                break;
            };
            let Some(message) = feed.take(tier) else {
                break;
            };
            let channel = self.feeding[tier.rank()].clone();
            let got = Got {
                channel,
                message,
                left: 0,
            };
            found.extend(self.accepted(tier, got).await);
            self.pace.taken += 1;
        }
        Ok(found)
    }

    async fn idle(&self, least: Tier) {
        let look_again = if self.feed_from > Instant::now() {
            self.look_again.min(self.feed_from)
        } else {
            self.look_again
        };
        let rung = self.marks.marked(least, look_again).await;
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
                self.pace.taken += 1;
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
            channel: self.hands[hand].clone(),
            left: usize::try_from(got.message_count).unwrap_or(usize::MAX),
            message: got.delivery,
        }))
    }

    /// The delivery, unless its moment has not come yet or it cannot be read.
    async fn accepted(&self, tier: Tier, got: Got) -> Option<Box<dyn Delivery>> {
        let Got {
            channel, message, ..
        } = got;
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
                    _channel: channel,
                    _held: self.hand.hold(tier),
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
