//! Being fed: the broker hands over what comes as long as the worker has room for it.

use std::{collections::VecDeque, time::Duration};

use tokio::{sync::watch, time::Instant};
use voicefleet_core::{Tier, ports::Delivery};

use super::{
    Fetching, Wish,
    fetching::{Got, LOOK_EVERY},
    pace::FEED_AGAIN,
};
use crate::feed::{Ended, Feed};

/// How long what a worker is fed with may wait here because it has no room.
pub(super) const HOLD: Duration = Duration::from_millis(20);

impl Fetching {
    /// Whether the worker is to be fed. Nothing waits, as far as is known.
    pub(super) fn is_idle(&mut self, wish: Wish) -> bool {
        if wish.least < Tier::Batch {
            return false;
        }
        self.most_room = self.most_room.max(wish.room);
        let held = self.hand.all();
        held * 2 < self.most_room && Instant::now() >= self.feed_from
    }

    /// Whether the worker is to be fed although more waits than it has room for.
    pub(super) fn is_quick(&mut self, wish: Wish) -> bool {
        wish.least == Tier::Batch && self.most_room > 1 && self.pace.is_quick(self.most_room)
    }

    pub(super) async fn start_feed(&mut self) {
        let prefetch = u16::try_from(self.most_room).unwrap_or(u16::MAX);
        let (lanes, channels) = (&self.lanes, &self.intake.feeding);
        let starting = Feed::start(lanes, channels, prefetch, self.desk.clone());
        match self.desk.publisher.in_time(starting).await {
            Ok(feed) => {
                self.feed = Some(feed);
                self.pace.rests = false;
                self.ring_bell(false).await;
            }
            Err(error) => {
                tracing::debug!(%error, "the broker does not feed this worker");
                // It may yet begin to, and what comes then is for nobody.
                self.intake.spoil();
                self.feed_from = Instant::now() + LOOK_EVERY;
            }
        }
    }

    /// Whether the doorbell is to be heard. Where that fails there is the looking now and then.
    async fn ring_bell(&self, is_heard: bool) {
        let changing = async {
            if is_heard {
                self.intake.bell.connect().await
            } else {
                self.intake.bell.disconnect().await
            }
        };
        if let Err(error) = self.desk.publisher.in_time(changing).await {
            tracing::debug!(%error, is_heard, "the doorbell is as it was");
        }
    }

    pub(super) async fn end_feed(&mut self) {
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
    pub(super) async fn fed(
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
            more = feed.more() => more.ok().map(|()| VecDeque::new()),
            changed = wishes.changed() => changed.ok().map(|()| VecDeque::new()),
            () = tokio::time::sleep(HOLD), if wish.least < Tier::Batch => None,
        }
    }

    /// At most `room` of what has come, in the order in which it is the tiers' turn.
    async fn take_fed(&mut self, room: usize) -> Result<VecDeque<Box<dyn Delivery>>, Ended> {
        let mut found = VecDeque::new();
        while found.len() < room {
            let Some(feed) = self.feed.as_mut() else {
                break;
            };
            let Some(tier) = self.rota.pick(feed.waiting()?) else {
                break;
            };
            let Some((channel, message)) = feed.take(tier) else {
                break;
            };
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
}
