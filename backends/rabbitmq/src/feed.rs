//! Lanes that the broker feeds a worker from, while the worker has room for whatever comes.
//!
//! What waits with a worker that cannot begin it is kept from others, and a lane that is pushed leaves the
//! tiers no choice. So only a worker that is idle, or nearly, is fed, with as many envelopes of each tier as
//! it has slots; and as soon as more lies here than it takes it gives that back and fetches instead.
//! To be fed saves a ring, a question, and one of the three things that a quorum writes down for an
//! envelope: four fifths of what it costs the broker.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use futures::{FutureExt, Stream, StreamExt, future::join_all, stream::SelectAll};
use lapin::{
    Channel, Consumer,
    message::Delivery as Message,
    options::{BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions},
    types::{FieldTable, ShortString},
};
use tokio::time::{Instant, timeout};
use voicefleet_core::Tier;

use crate::{delivery::Desk, topology::Lane};

/// What has come from the lane of that tier; `None` when nothing comes from there any more.
type Arrival = (Tier, Option<lapin::Result<Message>>);

/// A lane feeds no more.
#[derive(Debug, thiserror::Error)]
#[error("the broker feeds from the lane {0} no more")]
pub(crate) struct Ended(Tier);

/// What comes from one lane, until it ends.
struct FromLane(Tier, Option<Consumer>);

impl Stream for FromLane {
    type Item = Arrival;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Arrival>> {
        let tier = self.0;
        let Some(consumer) = &mut self.1 else {
            return Poll::Ready(None);
        };
        let message = ready!(consumer.poll_next_unpin(cx));
        if message.is_none() {
            self.1 = None;
        }
        Poll::Ready(Some((tier, message)))
    }
}

/// How many deliveries of each tier, by [`Tier::rank`], are with the worker and not settled.
#[derive(Clone, Default)]
pub(crate) struct Hand(Arc<[AtomicUsize; 3]>);

/// One of them; dropped, it is no longer there.
pub(crate) struct Held {
    hand: Hand,
    tier: Tier,
}

impl Hand {
    pub(crate) fn hold(&self, tier: Tier) -> Held {
        self.0[tier.rank()].fetch_add(1, Ordering::AcqRel);
        Held {
            hand: self.clone(),
            tier,
        }
    }

    fn of(&self, tier: Tier) -> usize {
        self.0[tier.rank()].load(Ordering::Acquire)
    }

    /// In all.
    pub(crate) fn all(&self) -> usize {
        Tier::ALL.into_iter().map(|tier| self.of(tier)).sum()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.hand.0[self.tier.rank()].fetch_sub(1, Ordering::AcqRel);
    }
}

/// What the broker pushes. Dropped, it goes back.
pub(crate) struct Feed {
    open: Option<Open>,
    /// The most that the broker leaves unsettled in each tier.
    prefetch: u16,
    desk: Desk,
}

struct Open {
    /// By [`Tier::rank`].
    consumers: Vec<(Channel, ShortString)>,
    arriving: SelectAll<FromLane>,
    /// Arrived, and not taken; by [`Tier::rank`].
    waiting: [VecDeque<Message>; 3],
    /// Since when something is left there whenever the worker has taken what it has room for.
    left_since: Option<Instant>,
}

impl Feed {
    /// Begins, on a channel for each lane.
    pub(crate) async fn start(
        lanes: &[Lane; 3],
        channels: &[Channel; 3],
        prefetch: u16,
        desk: Desk,
    ) -> lapin::Result<Self> {
        let open = Open {
            consumers: Vec::with_capacity(lanes.len()),
            arriving: SelectAll::new(),
            waiting: Default::default(),
            left_since: None,
        };
        // From here on whatever has come goes back if this fails half-way.
        let mut feed = Self {
            open: Some(open),
            prefetch,
            desk,
        };
        for (lane, channel) in lanes.iter().zip(channels) {
            feed.open_lane(lane, channel).await?;
        }
        Ok(feed)
    }

    async fn open_lane(&mut self, lane: &Lane, channel: &Channel) -> lapin::Result<()> {
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        let tier = lane.tier();
        // A name of our own is known before the broker answers, so that it can be cancelled whatever happens.
        let tag = ShortString::from(uuid::Uuid::now_v7().to_string());
        open.consumers.push((channel.clone(), tag.clone()));
        channel
            .basic_qos(self.prefetch, BasicQosOptions::default())
            .await?;
        let consumer = channel
            .basic_consume(
                lane.ready().into(),
                tag,
                // To be waited for: lapin (4.12) drops what comes before it knows of the consumer.
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await?;
        open.arriving.push(FromLane(tier, Some(consumer)));
        Ok(())
    }

    /// Whether the broker keeps something back that the worker has room for.
    pub(crate) fn is_used_up(&self, hand: &Hand) -> bool {
        let prefetch = usize::from(self.prefetch);
        Tier::ALL.into_iter().any(|tier| hand.of(tier) >= prefetch)
    }

    /// In which tiers something waits here.
    pub(crate) fn waiting(&mut self) -> Result<[bool; 3], Ended> {
        let Some(open) = &mut self.open else {
            return Ok([false; 3]);
        };
        while let Some(Some(arrival)) = open.arriving.next().now_or_never() {
            open.put(arrival)?;
        }
        Ok(open.waiting.each_ref().map(|lane| !lane.is_empty()))
    }

    /// The oldest of that tier, and the channel that it came by.
    pub(crate) fn take(&mut self, tier: Tier) -> Option<(Channel, Message)> {
        let open = self.open.as_mut()?;
        let (channel, _) = open.consumers.get(tier.rank())?;
        let message = open.waiting[tier.rank()].pop_front()?;
        Some((channel.clone(), message))
    }

    /// Notes that the worker has taken what it has room for. Whether something has been left here every time
    /// for longer than `most`.
    pub(crate) fn has_left_for(&mut self, most: Duration) -> bool {
        let Some(open) = &mut self.open else {
            return false;
        };
        if open.waiting.iter().all(VecDeque::is_empty) {
            open.left_since = None;
            return false;
        }
        open.left_since.get_or_insert_with(Instant::now).elapsed() > most
    }

    /// Waits until something more has come.
    pub(crate) async fn more(&mut self) -> Result<(), Ended> {
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        match open.arriving.next().await {
            Some(arrival) => open.put(arrival),
            None => Ok(()),
        }
    }

    /// Ends it. What has come and was not taken goes back to its place, now or as soon as the broker answers.
    pub(crate) async fn end(mut self) {
        let Some(open) = self.open.take() else {
            return;
        };
        let closing = self.desk.tasks.spawn(open.close(self.desk.clone()));
        if timeout(self.desk.publisher.patience(), closing)
            .await
            .is_err()
        {
            tracing::debug!("the broker takes long to feed no more");
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let (Some(open), Ok(runtime)) = (self.open.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        let closing = open.close(self.desk.clone());
        self.desk.tasks.spawn_on(closing, &runtime);
    }
}

impl Open {
    fn put(&mut self, (tier, arrival): Arrival) -> Result<(), Ended> {
        match arrival {
            Some(Ok(message)) => {
                self.waiting[tier.rank()].push_back(message);
                Ok(())
            }
            Some(Err(error)) => {
                tracing::debug!(%error, %tier, "a lane feeds no more");
                Err(Ended(tier))
            }
            None => Err(Ended(tier)),
        }
    }

    /// Takes as long as the broker takes to answer, or until the connection is lost, and with it what was
    /// unsettled.
    async fn close(mut self, desk: Desk) {
        let cancelling = self
            .consumers
            .iter()
            .map(|(channel, tag)| channel.basic_cancel(tag.clone(), BasicCancelOptions::default()));
        for cancelled in join_all(cancelling).await {
            if let Err(error) = cancelled {
                // Its channel is gone, and what came by it is back already.
                tracing::debug!(%error, "a lane is not left in order");
            }
        }
        while let Some(arrival) = self.arriving.next().await {
            // Each ends now.
            let _ = self.put(arrival);
        }
        self.give_back(&desk).await;
    }

    async fn give_back(&mut self, desk: &Desk) {
        for tier in Tier::ALL {
            let waiting = std::mem::take(&mut self.waiting[tier.rank()]);
            let is_news = !waiting.is_empty();
            // The last one first, so that each comes before those behind it.
            for message in waiting.into_iter().rev() {
                let options = BasicNackOptions {
                    requeue: true,
                    ..BasicNackOptions::default()
                };
                if let Err(error) = message.acker.nack(options).await {
                    tracing::debug!(%error, "an envelope comes back with its connection");
                }
            }
            if is_news {
                desk.publisher.ring(&desk.doorbell, tier);
            }
        }
    }
}
