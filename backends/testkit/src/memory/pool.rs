//! The lanes of one engine.

use std::collections::{BTreeMap, VecDeque};

use voicefleet_core::{
    EngineId, Envelope, Failure, Tenant, Tier, Timestamp, ports::TierGauge, tier::TierRota,
};

/// Number under which a delivery is out.
pub(super) type Tag = u64;

/// Place in a lane: whoever has the smallest is next. It grows with the compute-seconds that a tenant
/// has asked for, divided by its weight.
type Place = f64;

/// An envelope that waits.
pub(super) struct Waiting {
    pub(super) envelope: Envelope,
    /// Whether it came back from somebody who has not settled it.
    pub(super) redelivered: bool,
    place: Place,
}

/// By whose place a lane goes on: start-time fair queueing.
#[derive(Default)]
struct Order {
    /// Of the one that was taken last.
    taken: Place,
    /// Where each tenant's next one comes.
    next: BTreeMap<Tenant, Place>,
}

impl Order {
    /// Tenants whose last one has not been passed yet.
    fn ahead(&self) -> usize {
        let ahead = self.next.values().filter(|next| **next > self.taken);
        ahead.count()
    }

    fn place_of(&mut self, envelope: &Envelope) -> Place {
        let next = self.next.entry(envelope.tenant.clone()).or_default();
        let place = next.max(self.taken);
        *next = place + envelope.cost.max(f64::MIN_POSITIVE) / f64::from(envelope.weight.get());
        place
    }
}

#[derive(Default)]
pub(super) struct Pool {
    ready: [VecDeque<Waiting>; 3],
    order: [Order; 3],
    delayed: Vec<(Timestamp, Envelope)>,
    out: BTreeMap<Tag, Envelope>,
    dead: Vec<(Envelope, Failure)>,
    rota: TierRota,
    last_tag: Tag,
}

impl Pool {
    /// How many wait in `tier`, those that wait for a retry included.
    pub(super) fn waiting(&self, tier: Tier) -> usize {
        let delayed = self
            .delayed
            .iter()
            .filter(|(_, envelope)| envelope.tier == tier);
        self.ready[tier.rank()].len() + delayed.count()
    }

    pub(super) fn push_back(&mut self, envelope: Envelope) {
        let rank = envelope.tier.rank();
        let place = self.order[rank].place_of(&envelope);
        let lane = &mut self.ready[rank];
        let behind = lane.partition_point(|waiting| waiting.place <= place);
        let waiting = Waiting {
            envelope,
            redelivered: false,
            place,
        };
        lane.insert(behind, waiting);
    }

    pub(super) fn delay(&mut self, envelope: Envelope, not_before: Timestamp) {
        self.delayed.push((not_before, envelope));
    }

    pub(super) fn bury(&mut self, envelope: Envelope, failure: Failure) {
        self.dead.push((envelope, failure));
    }

    /// The next one in tier order of those at least as urgent as `least`, and the number to settle it
    /// under.
    pub(super) fn take(&mut self, least: Tier, now: Timestamp) -> Option<(Tag, Waiting)> {
        self.wake(now);
        let waiting = Tier::ALL.map(|tier| tier <= least && !self.ready[tier.rank()].is_empty());
        let tier = self.rota.pick(waiting)?;
        let next = self.ready[tier.rank()].pop_front()?;
        let order = &mut self.order[tier.rank()];
        order.taken = order.taken.max(next.place);
        self.last_tag += 1;
        self.out.insert(self.last_tag, next.envelope.clone());
        Some((self.last_tag, next))
    }

    /// Ends a delivery; `None` if that has happened already.
    pub(super) fn take_back(&mut self, tag: Tag) -> Option<Envelope> {
        self.out.remove(&tag)
    }

    /// Ahead of all others of its tier: it has waited longest.
    pub(super) fn push_front(&mut self, envelope: Envelope) {
        self.ready[envelope.tier.rank()].push_front(Waiting {
            envelope,
            redelivered: true,
            place: Place::MIN,
        });
    }

    pub(super) fn earliest_retry(&self) -> Option<Timestamp> {
        self.delayed.iter().map(|(due, _)| *due).min()
    }

    /// Forgets the dead of `tier`; gives how many there were.
    pub(super) fn purge(&mut self, tier: Tier) -> usize {
        let before = self.dead.len();
        self.dead.retain(|(envelope, _)| envelope.tier != tier);
        before - self.dead.len()
    }

    pub(super) fn dead(&self) -> &[(Envelope, Failure)] {
        &self.dead
    }

    pub(super) fn gauge(&self, tier: Tier) -> TierGauge {
        let of_tier = |envelope: &&Envelope| envelope.tier == tier;
        let delayed = self.delayed.iter().map(|(_, envelope)| envelope);
        let ready = self.ready[tier.rank()].iter();
        let queued = ready
            .map(|waiting| &waiting.envelope)
            .chain(delayed.filter(of_tier));
        let out = self.out.values().filter(of_tier);
        TierGauge {
            tier,
            ready: self.waiting(tier) as u64,
            in_flight: out.clone().count() as u64,
            cost_seconds: queued.chain(out).map(|envelope| envelope.cost).sum(),
            dead: self
                .dead
                .iter()
                .filter(|(envelope, _)| envelope.tier == tier)
                .count() as u64,
            oldest: None,
            tenants: self.order[tier.rank()].ahead() as u64,
        }
    }

    fn wake(&mut self, now: Timestamp) {
        for (not_before, envelope) in std::mem::take(&mut self.delayed) {
            if not_before <= now {
                self.push_back(envelope);
            } else {
                self.delay(envelope, not_before);
            }
        }
    }
}

/// All pools by engine.
pub(super) type Pools = std::collections::HashMap<EngineId, Pool>;
