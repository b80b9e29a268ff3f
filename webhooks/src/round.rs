//! What is under way, and what is started next.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::Duration,
};

use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use voicefleet_core::{Timestamp, ports::DocumentError};

use crate::{EndpointId, attempt::Attempts, queue::Ticket};

/// Posts at a time.
const MAX_IN_FLIGHT: usize = 16;
/// Posts at a time to one endpoint, so that a slow one leaves room for the others.
const MAX_TO_ONE: usize = 4;
/// How old what was read from the queue may become while some of it waits for room.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// So much is worth more than one read of the queue.
const MUCH: usize = 250;

/// The deliveries that one deliverer has in hand.
pub(crate) struct Round<'a> {
    attempts: &'a Attempts,
    flights: FuturesUnordered<BoxFuture<'a, Landed>>,
    in_flight: HashSet<String>,
    to_one: HashMap<EndpointId, usize>,
    /// Due when last looked, and not started yet.
    waiting: VecDeque<Ticket>,
    looked_at: Option<Timestamp>,
    next_due: Option<Timestamp>,
    /// Tickets that are due and have to wait all the same, for instance for the end of another's claim.
    not_before: HashMap<String, Timestamp>,
}

struct Landed {
    ticket: Ticket,
    not_before: Option<Timestamp>,
}

impl<'a> Round<'a> {
    pub(crate) fn new(attempts: &'a Attempts) -> Self {
        Self {
            attempts,
            flights: FuturesUnordered::new(),
            in_flight: HashSet::new(),
            to_one: HashMap::new(),
            waiting: VecDeque::new(),
            looked_at: None,
            next_due: None,
            not_before: HashMap::new(),
        }
    }

    /// Starts what is due and has room. Looks at the queue once at most, and only when all that it saw last
    /// is started or a second has passed.
    pub(crate) async fn start(&mut self, now: Timestamp) -> Result<(), DocumentError> {
        let mut looked = false;
        if self.looked_at.is_some_and(|at| now.since(at) >= LOOK_EVERY) {
            self.waiting.clear();
        }
        while self.flights.len() < MAX_IN_FLIGHT {
            if let Some(ticket) = self.take_startable() {
                self.launch(ticket);
            } else if looked || !self.waiting.is_empty() {
                return Ok(());
            } else {
                self.look(now).await?;
                looked = true;
            }
        }
        Ok(())
    }

    /// The queue has changed. Where much waits anyway, the next regular look is soon enough.
    pub(crate) fn queue_changed(&mut self) {
        if self.waiting.len() < MUCH {
            self.waiting.clear();
        }
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.flights.is_empty()
    }

    /// Returns when one more post has come to its end; at once if none is under way.
    pub(crate) async fn land(&mut self) {
        let Some(landed) = self.flights.next().await else {
            return;
        };
        let Landed { ticket, not_before } = landed;
        self.in_flight.remove(&ticket.id);
        if let Some(count) = self.to_one.get_mut(&ticket.of.endpoint) {
            *count -= 1;
            if *count == 0 {
                self.to_one.remove(&ticket.of.endpoint);
            }
        }
        if let Some(moment) = not_before {
            self.not_before.insert(ticket.id, moment);
        }
    }

    /// When there will be something to do, as far as the last look has shown.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.not_before.values().copied().chain(self.next_due).min()
    }

    async fn look(&mut self, now: Timestamp) -> Result<(), DocumentError> {
        let look = self.attempts.queue.look(now).await?;
        self.not_before.retain(|_, moment| now < *moment);
        let new = look.due.into_iter().filter(|ticket| {
            !self.in_flight.contains(&ticket.id) && !self.not_before.contains_key(&ticket.id)
        });
        self.waiting = new.collect();
        self.next_due = look.next;
        self.looked_at = Some(now);
        Ok(())
    }

    fn take_startable(&mut self) -> Option<Ticket> {
        let has_room = |ticket: &Ticket| {
            self.to_one
                .get(&ticket.of.endpoint)
                .is_none_or(|count| *count < MAX_TO_ONE)
        };
        let found = self.waiting.iter().position(has_room)?;
        self.waiting.remove(found)
    }

    fn launch(&mut self, ticket: Ticket) {
        let attempts = self.attempts;
        self.in_flight.insert(ticket.id.clone());
        *self.to_one.entry(ticket.of.endpoint.clone()).or_default() += 1;
        let flight = async move {
            let not_before = attempts.make(&ticket).await;
            Landed { ticket, not_before }
        };
        self.flights.push(flight.boxed());
    }
}
