//! Hands envelopes to the consumers of one engine. One task per engine, so that the turns of the tiers
//! hold for the whole pool and not for each consumer by itself.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use voicefleet_core::{EngineId, Tier, Timestamp, tier::TierRota};

use super::{
    LeaseKey, QueueParts,
    claim::{Claim, Lanes, claim},
    delivery::EmbeddedDelivery,
    desk::{Desk, Request},
};
use crate::{error::Unavailable, records::Watchers, recovery, writer::Durability};

/// Envelopes that one claim takes at most.
const MAX_CLAIM: usize = 64;

/// Longest sleep before the next retry is looked at again: the wall clock may have been set.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);

/// Wait before leases are returned again that the database did not take back.
const RETURN_BACKOFF: Duration = Duration::from_secs(1);

pub(super) struct Dispatcher {
    desk: Arc<Desk>,
    inbox: mpsc::Receiver<Request>,
    waiting: VecDeque<Request>,
    /// Dropped leases that are not in the table as ready yet.
    returned: Vec<LeaseKey>,
    rota: TierRota,
    last_lease: i64,
    earliest_retry: Option<Timestamp>,
    max_attempts: u32,
    watchers: Arc<Watchers>,
}

impl Dispatcher {
    pub(super) fn new(engine: EngineId, parts: &QueueParts) -> (Arc<Desk>, Self) {
        let (desk, inbox) = Desk::new(engine, parts.writer.clone(), Arc::clone(&parts.clock));
        let dispatcher = Self {
            desk: Arc::clone(&desk),
            inbox,
            waiting: VecDeque::new(),
            returned: Vec::new(),
            rota: TierRota::new(parts.shares),
            last_lease: 0,
            earliest_retry: None,
            max_attempts: parts.max_attempts,
            watchers: Arc::clone(&parts.watchers),
        };
        (desk, dispatcher)
    }

    /// Until `stop`. Consumers that wait then hear that the queue is closed.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            self.take_back().await;
            self.hand_out().await;
            let sleep = self.sleep();
            tokio::select! {
                () = stop.cancelled() => {}
                Some(request) = self.inbox.recv() => self.waiting.push_back(request),
                () = self.desk.rung() => {}
                () = tokio::time::sleep(sleep.unwrap_or_default()), if sleep.is_some() => {}
            }
        }
        self.take_back().await;
    }

    /// Makes dropped leases ready again.
    async fn take_back(&mut self) {
        self.returned.append(&mut self.desk.take_returned());
        if self.returned.is_empty() {
            return;
        }
        let (keys, max_attempts) = (self.returned.clone(), self.max_attempts);
        let now = self.desk.clock().now();
        let watchers = Arc::clone(&self.watchers);
        let tell = move |jobs: &Vec<_>| watchers.tell_all(jobs);
        match self
            .desk
            .writer()
            .run_then(
                Durability::Process,
                move |db| recovery::release_all(db, keys, max_attempts, now),
                tell,
            )
            .await
        {
            Ok(_) => self.returned.clear(),
            Err(error) => tracing::warn!(%error, "dropped deliveries could not be put back yet"),
        }
    }

    /// Gives every waiting consumer an envelope, as far as there are any.
    async fn hand_out(&mut self) {
        while let Ok(request) = self.inbox.try_recv() {
            self.waiting.push_back(request);
        }
        self.waiting.retain(|request| !request.answer.is_closed());
        // Those who take everything first: they have room, and the others merely make some.
        for least in Tier::ALL.into_iter().rev() {
            if let Err(error) = self.serve(least).await {
                return self.refuse_all(&error);
            }
        }
    }

    /// Gives an envelope to each of those who take nothing less urgent than `least`.
    async fn serve(&mut self, least: Tier) -> Result<(), Unavailable> {
        loop {
            let asking = |request: &&Request| request.least == least;
            let wanted = self.waiting.iter().filter(asking).count().min(MAX_CLAIM);
            if wanted == 0 || self.claim(least, wanted).await? == Lanes::Empty {
                return Ok(());
            }
        }
    }

    async fn claim(&mut self, least: Tier, wanted: usize) -> Result<Lanes, Unavailable> {
        self.last_lease += 1;
        let order = Claim {
            least,
            desk: Arc::clone(&self.desk),
            rota: self.rota.clone(),
            wanted,
            lease: self.last_lease,
            now: self.desk.clock().now(),
        };
        let claimed = self
            .desk
            .writer()
            .run(Durability::Process, move |db| claim(db, order))
            .await?;
        self.rota = claimed.rota;
        self.earliest_retry = claimed.earliest_retry;
        for (lease, envelope) in claimed.taken {
            self.hand_to_next(least, EmbeddedDelivery::new(lease, envelope));
        }
        Ok(claimed.lanes)
    }

    /// Whoever has gone away is passed over; if all have, the delivery is dropped and so comes back.
    fn hand_to_next(&mut self, least: Tier, delivery: EmbeddedDelivery) {
        let mut offer = Ok(delivery);
        let asking = |request: &Request| request.least == least;
        while let Some(position) = self.waiting.iter().position(asking) {
            let Some(request) = self.waiting.remove(position) else {
                return;
            };
            match request.answer.send(offer) {
                Ok(()) => return,
                Err(refused) => offer = refused,
            }
        }
    }

    fn refuse_all(&mut self, error: &Unavailable) {
        for request in self.waiting.drain(..) {
            // Whoever asked may have gone away.
            let _ = request.answer.send(Err(error.clone()));
        }
    }

    /// How long to sleep when nothing else happens; `None` means until something does.
    fn sleep(&self) -> Option<Duration> {
        if !self.returned.is_empty() {
            return Some(RETURN_BACKOFF);
        }
        let moment = self.earliest_retry.filter(|_| !self.waiting.is_empty())?;
        // A millisecond more, so that the moment has come when the sleep ends.
        let until = moment.since(self.desk.clock().now()) + Duration::from_millis(1);
        Some(until.min(LONGEST_SLEEP))
    }
}
