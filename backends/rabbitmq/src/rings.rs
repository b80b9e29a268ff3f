//! How often the doorbell is rung: every ring goes to every worker, and several at once say no more than one.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use voicefleet_core::Tier;

/// The shortest time between two rings for the same tier.
const EVERY: Duration = Duration::from_millis(5);

/// When each doorbell was rung last, by exchange and tier: as many as there are lanes. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Rings(Arc<Mutex<HashMap<(String, Tier), Last>>>);

struct Last {
    next: Instant,
    /// Whether somebody waits for that moment, to ring.
    is_awaited: bool,
}

/// What to do for a ring.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ring {
    Now,
    /// After this time, and then [`Rings::rung`].
    After(Duration),
    /// Nothing: one is about to be rung.
    Comes,
}

impl Rings {
    pub(crate) fn wish(&self, exchange: &str, tier: Tier, now: Instant) -> Ring {
        let mut known = self.known();
        let last = known.entry((exchange.to_owned(), tier)).or_insert(Last {
            next: now,
            is_awaited: false,
        });
        if last.is_awaited {
            return Ring::Comes;
        }
        let wait = last.next.saturating_duration_since(now);
        if wait.is_zero() {
            last.next = now + EVERY;
            return Ring::Now;
        }
        last.is_awaited = true;
        Ring::After(wait)
    }

    /// The one that was waited for is rung now: who wishes for one from here on gets another.
    pub(crate) fn rung(&self, exchange: &str, tier: Tier, now: Instant) {
        let last = Last {
            next: now + EVERY,
            is_awaited: false,
        };
        self.known().insert((exchange.to_owned(), tier), last);
    }

    fn known(&self) -> MutexGuard<'_, HashMap<(String, Tier), Last>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_rung_at_once_and_all_that_follow_soon_after_it_together() {
        let (rings, begin) = (Rings::default(), Instant::now());
        let wish = |tier, now| rings.wish("a", tier, now);
        assert_eq!(wish(Tier::Batch, begin), Ring::Now);
        assert_eq!(wish(Tier::Standard, begin), Ring::Now);
        assert_eq!(wish(Tier::Batch, begin), Ring::After(EVERY));
        assert_eq!(wish(Tier::Batch, begin + EVERY), Ring::Comes);
        rings.rung("a", Tier::Batch, begin + EVERY);
        assert_eq!(wish(Tier::Batch, begin + EVERY), Ring::After(EVERY));
        rings.rung("a", Tier::Batch, begin + EVERY * 2);
        assert_eq!(wish(Tier::Batch, begin + EVERY * 3), Ring::Now);
    }
}
