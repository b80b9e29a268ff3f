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
    task::{Context, Poll},
    time::Duration,
};

use futures::{FutureExt, Stream, StreamExt, future::join_all, stream::SelectAll};
use lapin::{
    Channel, Consumer,
    message::Delivery as Message,
    options::{BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions},
    types::{FieldTable, ShortString},
};
use tokio::time::Instant;
use voicefleet_core::Tier;

use crate::{delivery::Desk, topology::Lane};

/// What has come, from the lane of that tier.
type Arrival = (Tier, lapin::Result<Message>);

/// What comes from one lane.
struct FromLane(Tier, Consumer);

impl Stream for FromLane {
    type Item = Arrival;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Arrival>> {
        let tier = self.0;
        let message = self.1.poll_next_unpin(cx);
        message.map(|message| message.map(|message| (tier, message)))
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
        channel
            .basic_qos(self.prefetch, BasicQosOptions::default())
            .await?;
        let consumer = channel
            .basic_consume(
                lane.ready().into(),
                "".into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await?;
        if let Some(open) = &mut self.open {
            let tier = lane.tier();
            open.consumers.push((channel.clone(), consumer.tag()));
            open.arriving.push(FromLane(tier, consumer));
        }
        Ok(())
    }

    /// Whether the broker keeps something back that the worker has room for.
    pub(crate) fn is_used_up(&self, hand: &Hand) -> bool {
        let prefetch = usize::from(self.prefetch);
        Tier::ALL.into_iter().any(|tier| hand.of(tier) >= prefetch)
    }

    /// In which tiers something waits here.
    pub(crate) fn waiting(&mut self) -> lapin::Result<[bool; 3]> {
        let Some(open) = &mut self.open else {
            return Ok([false; 3]);
        };
        while let Some(Some(arrival)) = open.arriving.next().now_or_never() {
            open.put(arrival)?;
        }
        Ok(open.waiting.each_ref().map(|lane| !lane.is_empty()))
    }

    /// The oldest of that tier.
    pub(crate) fn take(&mut self, tier: Tier) -> Option<Message> {
        self.open.as_mut()?.waiting[tier.rank()].pop_front()
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

    /// Waits until something more has come; `false` if nothing comes any more.
    pub(crate) async fn more(&mut self) -> lapin::Result<bool> {
        let Some(open) = &mut self.open else {
            return Ok(false);
        };
        match open.arriving.next().await {
            Some(arrival) => open.put(arrival).map(|()| true),
            None => Ok(false),
        }
    }

    /// Ends it. What has come and was not taken goes back to its place.
    pub(crate) async fn end(mut self) {
        if let Some(open) = self.open.take() {
            open.close(&self.desk).await;
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let (Some(open), Ok(runtime)) = (self.open.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        let desk = self.desk.clone();
        let tasks = desk.tasks.clone();
        tasks.spawn_on(async move { open.close(&desk).await }, &runtime);
    }
}

impl Open {
    fn put(&mut self, (tier, message): Arrival) -> lapin::Result<()> {
        self.waiting[tier.rank()].push_back(message?);
        Ok(())
    }

    /// If the broker does not answer, the connection ends, and with it what was unsettled.
    async fn close(mut self, desk: &Desk) {
        let closing = async {
            let cancelling = self.consumers.iter().map(|(channel, tag)| {
                channel.basic_cancel(tag.clone(), BasicCancelOptions::default())
            });
            for cancelled in join_all(cancelling).await {
                if let Err(error) = cancelled {
                    tracing::debug!(%error, "a lane is not left in order");
                    return Ok(());
                }
            }
            while let Some(arrival) = self.arriving.next().await {
                // What came before a connection was lost comes again.
                let _ = self.put(arrival);
            }
            self.give_back(desk).await;
            Ok(())
        };
        if let Err(error) = desk.publisher.in_time(closing).await {
            tracing::debug!(%error, "lanes are not left in order");
        }
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
                desk.publisher.ring(&desk.doorbell, tier).await;
            }
        }
    }
}
