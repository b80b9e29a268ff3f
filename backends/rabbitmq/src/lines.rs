//! The lines behind the lanes: where a tenant's envelopes wait that would fill a lane for others.
//!
//! A broker gives out what it has in the order in which it came. So a tenant has only so much in a lane
//! as its [turns](Turns) allow, the rest waits in a queue of its own, and whenever a worker has taken one
//! of its envelopes the next is called up. A process that ends in between leaves that to [`Lines::tend`].

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use lapin::{
    message::{BasicGetMessage, Delivery},
    options::BasicGetOptions,
};
use tokio_util::task::TaskTracker;
use voicefleet_core::{
    EngineId, Envelope, Tenant, Tier,
    ports::{QueueError, TenantLane, Turn, Turns},
};

use crate::{
    connection::SteadyChannel,
    delivery::{moved, put_back},
    publisher::Publisher,
    topology::{self, Lane},
};

/// How many lines a process remembers to have declared.
const MAX_KNOWN: usize = 10_000;

/// Gives turns, and calls up who waits for one.
#[derive(Clone)]
pub(crate) struct Lines {
    turns: Arc<dyn Turns>,
    publisher: Publisher,
    /// Fetches and declares.
    hand: SteadyChannel,
    prefix: String,
    known: Arc<Mutex<HashSet<String>>>,
    /// Owns the calling up.
    tasks: TaskTracker,
}

impl Lines {
    pub(crate) fn new(
        turns: Arc<dyn Turns>,
        publisher: Publisher,
        hand: SteadyChannel,
        prefix: String,
        tasks: TaskTracker,
    ) -> Self {
        Self {
            turns,
            publisher,
            hand,
            prefix,
            known: Arc::default(),
            tasks,
        }
    }

    /// Where the envelope is to wait. Without the keeper of turns nobody is held back: what is late for
    /// one tenant is better than what is lost for all.
    pub(crate) async fn turn_of(&self, envelope: &Envelope) -> Turn {
        if envelope.tenant.is_sole() {
            return Turn::Taken;
        }
        self.turns.take(envelope).await.unwrap_or_else(|error| {
            tracing::debug!(%error, tenant = %envelope.tenant, "no turns are given");
            Turn::Taken
        })
    }

    /// The queue behind the lane, which is there when this returns.
    pub(crate) async fn open(&self, lane: &Lane, tenant: &Tenant) -> lapin::Result<String> {
        let queue = lane.behind(tenant);
        if self.known().contains(&queue) {
            return Ok(queue);
        }
        let hand = self.hand.get().await?;
        lane.declare_behind(&hand, tenant).await?;
        let mut known = self.known();
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(queue.clone());
        Ok(queue)
    }

    /// The queue may be there no more.
    pub(crate) fn forget(&self, queue: &str) {
        self.known().remove(queue);
    }

    /// An envelope has been put behind its lane.
    pub(crate) async fn joined(&self, envelope: &Envelope) {
        let lane = TenantLane::of(envelope);
        // Whoever was ahead may have left before this one came.
        match self.turns.note_behind(&lane).await {
            Ok(true) => self.call_up_beside(lane),
            Ok(false) => {}
            Err(error) => tracing::debug!(%error, "not noted that an envelope waits for a turn"),
        }
    }

    /// The envelope was not published after all.
    pub(crate) async fn left(&self, envelope: &Envelope) {
        if !envelope.tenant.is_sole() {
            self.give_back(envelope).await;
        }
    }

    /// A worker has the envelope. Nobody waits for what follows from it.
    pub(crate) fn begun(&self, envelope: &Envelope) {
        if envelope.tenant.is_sole() {
            return;
        }
        let (lines, envelope) = (self.clone(), envelope.clone());
        self.tasks
            .spawn(async move { lines.give_back(&envelope).await });
    }

    /// Calls up who was not called when it could have been.
    pub(crate) async fn tend(&self, engine: &EngineId, tier: Tier) -> Result<(), QueueError> {
        for tenant in self.turns.tenants_behind(engine, tier).await? {
            let engine = engine.clone();
            let lane = TenantLane {
                engine,
                tier,
                tenant,
            };
            if self.turns.note_behind(&lane).await? {
                self.call_up(&lane).await?;
            }
        }
        Ok(())
    }

    async fn give_back(&self, envelope: &Envelope) {
        match self.turns.give_back(envelope).await {
            Ok(true) => self.call_up_logged(TenantLane::of(envelope)).await,
            Ok(false) => {}
            Err(error) => tracing::debug!(%error, "a turn was not given back"),
        }
    }

    fn call_up_beside(&self, lane: TenantLane) {
        let lines = self.clone();
        self.tasks
            .spawn(async move { lines.call_up_logged(lane).await });
    }

    async fn call_up_logged(&self, lane: TenantLane) {
        if let Err(error) = self.call_up(&lane).await {
            tracing::debug!(%error, tenant = %lane.tenant, "nobody was called up");
        }
    }

    /// From behind the lane into it, while turns are free.
    async fn call_up(&self, of: &TenantLane) -> Result<(), QueueError> {
        let lane = Lane::new(&self.prefix, &of.engine, of.tier);
        while let Some(message) = self.first_behind(&lane, &of.tenant).await? {
            if !self.move_up(&lane, message).await? {
                return Ok(());
            }
        }
        self.turns.note_none_behind(of).await
    }

    async fn first_behind(
        &self,
        lane: &Lane,
        tenant: &Tenant,
    ) -> Result<Option<BasicGetMessage>, QueueError> {
        let hand = self.in_time(self.hand.get()).await?;
        let asking = async {
            let queue = self.open(lane, tenant).await?;
            let options = BasicGetOptions::default();
            hand.basic_get(queue.into(), options).await
        };
        let got = self.in_time(asking).await;
        if got.is_err() {
            // An envelope that comes after all is for nobody, and goes back with the channel.
            self.hand.give_up(&hand);
            self.known().clear();
        }
        got
    }

    /// It is back behind the lane: so is the turn that it may have been given. One that is not given back lapses.
    async fn turn_unused(&self, message: &Delivery) {
        if let Ok(envelope) = Envelope::decode(&message.data)
            && let Err(error) = self.turns.give_back(&envelope).await
        {
            tracing::debug!(%error, "a turn was not given back");
        }
    }

    /// The answer, unless it does not come in time.
    async fn in_time<T>(
        &self,
        asking: impl Future<Output = lapin::Result<T>>,
    ) -> Result<T, QueueError> {
        self.publisher.in_time(asking).await
    }

    /// Whether another one may come.
    async fn move_up(&self, lane: &Lane, message: BasicGetMessage) -> Result<bool, QueueError> {
        let message = message.delivery;
        let (queue, more) = match Envelope::decode(&message.data) {
            Ok(envelope) => match self.turns.grant(&envelope).await {
                Ok(more) => (lane.ready().to_owned(), more),
                Err(error) => {
                    if let Err(error) = put_back(&self.publisher, &message.acker).await {
                        tracing::debug!(%error, "an envelope is not back behind its lane yet");
                    }
                    self.turn_unused(&message).await;
                    return Err(error);
                }
            },
            Err(error) => {
                tracing::error!(%error, lane = lane.ready(), "a message is set aside, since it cannot be read");
                (lane.dead(), true)
            }
        };
        let (data, properties) = (&message.data, message.properties.clone());
        let put = moved(&self.publisher, &queue, data, properties, &message.acker).await;
        if let Err(error) = put {
            self.turn_unused(&message).await;
            return Err(error);
        }
        let doorbell = topology::doorbell(&self.prefix, lane.engine());
        self.publisher.ring(&doorbell, lane.tier());
        Ok(more)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
