//! A worker's end of an engine's lanes.
//!
//! An idle worker, and one that is quicker than it could fetch, is fed by the broker (`fed`); any other fetches what it has room
//! for (`fetching`).

mod accepted;
mod fed;
mod fetching;
mod pace;

use std::collections::VecDeque;

use async_trait::async_trait;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};
use tokio_util::task::TaskTracker;
use voicefleet_core::{
    Tier,
    ports::{Delivery, JobConsumer, QueueError},
};

pub(crate) use fetching::{Fetching, HANDS, LOOK_EVERY};
pub(crate) use pace::Pace;

/// At least one.
type Fetched = Result<VecDeque<Box<dyn Delivery>>, QueueError>;

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
    /// Ends when nobody wishes any more. Not in the middle of a question, whose answer would be for nobody.
    fetching: JoinSet<()>,
    /// Owns it from then on.
    tasks: TaskTracker,
}

impl RabbitConsumer {
    pub(crate) fn start(fetching: Fetching) -> Self {
        let (wish, wishes) = watch::channel(Wish {
            answers: 0,
            least: Tier::Batch,
            room: 1,
        });
        let (results, fetched) = mpsc::channel(1);
        let tasks = fetching.desk.tasks.clone();
        let mut serving = JoinSet::new();
        serving.spawn(fetching.serve(wishes, results));
        Self {
            wish,
            fetched,
            outstanding: false,
            at_hand: VecDeque::new(),
            room: 1,
            fetching: serving,
            tasks,
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

/// What was fetched for it and not taken goes back.
impl Drop for RabbitConsumer {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let mut fetching = std::mem::take(&mut self.fetching);
        let ending = async move { fetching.join_next().await };
        self.tasks.spawn_on(ending, &runtime);
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
