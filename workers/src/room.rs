//! What a worker may have in hand.

use std::{
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Notify, watch};
use voicefleet_core::Tier;

/// As many jobs as there are slots; and, beside less urgent ones, as many again of each more urgent
/// tier: those lay their work aside between two chunks, so that whoever waits with a headset on
/// waits for one chunk.
pub(crate) struct Room {
    slots: usize,
    /// Jobs in hand, indexed by [`Tier::rank`].
    held: Mutex<[usize; 3]>,
    freed: Notify,
    /// How many there are in all, for whoever wants to know.
    told: watch::Sender<usize>,
}

/// A job's place. Dropped, there is room for another.
pub(crate) struct Seat {
    room: Arc<Room>,
    tier: Tier,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.room.count(self.tier, |held| held - 1);
        self.room.freed.notify_waiters();
    }
}

impl Room {
    pub(crate) fn new(slots: usize, told: watch::Sender<usize>) -> Arc<Self> {
        Arc::new(Self {
            slots,
            told,
            held: Mutex::default(),
            freed: Notify::new(),
        })
    }

    /// The most jobs that can be in hand.
    pub(crate) fn most(slots: usize) -> usize {
        slots * Tier::ALL.len()
    }

    /// The least urgent tier that there is room for; `None` if for none.
    pub(crate) fn least(&self) -> Option<Tier> {
        let held = self.held();
        let at_least_as_urgent = |tier: &Tier| held[..=tier.rank()].iter().sum::<usize>();
        let mut tiers = Tier::ALL.into_iter().rev();
        tiers.find(|tier| at_least_as_urgent(tier) < self.slots)
    }

    /// How many jobs of this tier and more urgent ones there is room for, whichever they are.
    pub(crate) fn free(&self, least: Tier) -> usize {
        let held: usize = self.held()[..=least.rank()].iter().sum();
        self.slots.saturating_sub(held)
    }

    /// Comes to its end when a job has left after this call.
    pub(crate) fn more(&self) -> impl Future<Output = ()> {
        self.freed.notified()
    }

    pub(crate) fn take(self: &Arc<Self>, tier: Tier) -> Seat {
        self.count(tier, |held| held + 1);
        Seat {
            room: Arc::clone(self),
            tier,
        }
    }

    fn count(&self, tier: Tier, change: impl FnOnce(usize) -> usize) {
        let mut held = self.held();
        held[tier.rank()] = change(held[tier.rank()]);
        // Under the lock, so that the last one told is the last one.
        self.told.send_replace(held.iter().sum());
    }

    fn held(&self) -> MutexGuard<'_, [usize; 3]> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urgent_work_finds_room_beside_less_urgent_work_and_no_more_of_it_than_slots() {
        let told = watch::Sender::new(0);
        let room = Room::new(1, told.clone());
        assert_eq!(room.least(), Some(Tier::Batch));
        assert_eq!(room.free(Tier::Batch), 1);
        let batch = room.take(Tier::Batch);
        assert_eq!((room.free(Tier::Batch), room.free(Tier::Standard)), (0, 1));
        assert_eq!(room.least(), Some(Tier::Standard));
        let standard = room.take(Tier::Standard);
        assert_eq!(room.least(), Some(Tier::Realtime));
        let realtime = room.take(Tier::Realtime);
        assert_eq!(room.least(), None);
        assert_eq!(*told.borrow(), 3);
        drop(batch);
        assert_eq!(room.least(), None);
        drop(realtime);
        assert_eq!(room.least(), Some(Tier::Realtime));
        drop(standard);
        assert_eq!(room.least(), Some(Tier::Batch));
    }
}
