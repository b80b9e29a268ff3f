//! Fetching from the lanes, the tier first whose turn it is.

use std::{collections::VecDeque, time::Duration};

use futures::future::join_all;
use lapin::{
    Channel,
    message::{BasicGetMessage, Delivery as Message},
    options::{BasicGetOptions, BasicNackOptions},
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::Instant,
};
use voicefleet_core::{Tier, ports::QueueError, tier::TierRota};

use super::{Fetched, Pace, Wish, fed::HOLD};
use crate::{
    connection::Broker,
    delivery::Desk,
    doorbell::Marks,
    feed::{Feed, Hand},
    intake::Intake,
    topology::Lane,
};

/// How often a worker looks everywhere without having heard the doorbell: for rings that were lost, and
/// for retries, whose moment nobody rings.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How much later than an idle worker a busy one looks, which would lay its work aside for what it finds.
const HEAD_START: Duration = Duration::from_millis(20);

/// How many envelopes are fetched at the same time, where so many wait and there is room for them: a
/// channel answers one question after the other.
pub(crate) const HANDS: usize = 8;

/// What a lane has given.
pub(super) struct Got {
    pub(super) channel: Channel,
    pub(super) message: Message,
    /// How many were left there.
    pub(super) left: usize,
}

/// What fetches.
pub(crate) struct Fetching {
    pub(crate) broker: Broker,
    pub(crate) intake: Intake,
    pub(crate) marks: Marks,
    /// Indexed by [`Tier::rank`].
    pub(crate) lanes: [Lane; 3],
    pub(crate) rota: TierRota,
    /// When everything is to be marked again.
    pub(crate) look_again: Instant,
    pub(crate) desk: Desk,
    pub(crate) feed: Option<Feed>,
    /// When the worker may be fed.
    pub(crate) feed_from: Instant,
    /// What the worker has.
    pub(crate) hand: Hand,
    /// The most deliveries that there was room for: what an idle worker takes.
    pub(crate) most_room: usize,
    pub(crate) pace: Pace,
}

impl Fetching {
    pub(super) async fn serve(
        mut self,
        mut wishes: watch::Receiver<Wish>,
        results: mpsc::Sender<Fetched>,
    ) {
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
            self.mend_intake().await?;
            if wishes.has_changed().is_err() {
                return Err(nobody_asks());
            }
            let wish = *wishes.borrow_and_update();
            if self.feed.is_some() && self.pace.rests {
                self.end_feed().await;
            }
            if self.feed.is_some() {
                match self.fed(wish, wishes).await {
                    Some(found) if found.is_empty() => continue,
                    Some(found) => return Ok(found),
                    None => {
                        self.end_feed().await;
                        continue;
                    }
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
                Err(error) => return Err(error),
            }
        }
    }

    async fn mend_intake(&mut self) -> Result<(), QueueError> {
        if !self.intake.is_whole() {
            let opening = Intake::open(&self.broker, &self.desk.doorbell, &self.marks);
            self.intake = self.desk.publisher.in_time(opening).await?;
        }
        Ok(())
    }

    fn look_everywhere_now_and_then(&mut self) {
        if Instant::now() >= self.look_again {
            self.marks.mark_all();
            self.look_again = Instant::now() + LOOK_EVERY;
        }
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
    async fn look(&mut self, wish: Wish) -> Fetched {
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
    async fn take(&mut self, tier: Tier, waiting: [bool; 3], room: usize) -> Fetched {
        self.marks.unmark(tier);
        let Some(first) = self.get(0, tier).await? else {
            return Ok(VecDeque::new());
        };
        let there_are = first.left.saturating_add(1);
        let most = room.min(self.intake.hands.len()).min(there_are);
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

    async fn get(&self, hand: usize, tier: Tier) -> Result<Option<Got>, QueueError> {
        let lane = self.lanes[tier.rank()].ready();
        let channel = &self.intake.hands[hand];
        let (answer, answered) = oneshot::channel();
        self.desk
            .tasks
            .spawn(ask(channel.clone(), lane.to_owned(), answer));
        let asking = async { answered.await.unwrap_or_else(|_| Ok(None)) };
        let got = self.desk.publisher.in_time(asking).await?;
        Ok(got.map(|got| Got {
            channel: channel.clone(),
            left: usize::try_from(got.message_count).unwrap_or(usize::MAX),
            message: got.delivery,
        }))
    }
}

/// Asks the lane for an envelope. One that comes when nobody waits for it any more goes back.
async fn ask(
    channel: Channel,
    lane: String,
    answer: oneshot::Sender<lapin::Result<Option<BasicGetMessage>>>,
) {
    let got = channel.basic_get(lane.into(), BasicGetOptions::default());
    let Err(Ok(Some(unwanted))) = answer.send(got.await) else {
        return;
    };
    let options = BasicNackOptions {
        requeue: true,
        ..BasicNackOptions::default()
    };
    if let Err(error) = unwanted.delivery.acker.nack(options).await {
        tracing::debug!(%error, "an envelope comes back with its connection");
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
