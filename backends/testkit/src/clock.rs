//! A clock that tests move by hand.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;
use voicefleet_core::{Clock, Timestamp};

/// A clock that stands still until it is advanced. Clones show the same time.
#[derive(Clone, Debug)]
pub struct FakeClock(Arc<Hand>);

#[derive(Debug)]
struct Hand {
    now: Mutex<Timestamp>,
    /// Wakes sleepers in the order in which they fell asleep.
    moved: Notify,
}

impl Default for FakeClock {
    /// Stands at 2026-01-01 00:00 UTC.
    fn default() -> Self {
        Self::at(Timestamp(1_767_225_600_000))
    }
}

impl FakeClock {
    /// A clock that stands at `now`.
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(Hand {
            now: Mutex::new(now),
            moved: Notify::new(),
        }))
    }

    /// Moves on by `by`; whoever sleeps until a moment that is now reached wakes.
    pub fn advance(&self, by: Duration) {
        {
            let mut now = self.0.now.lock().unwrap_or_else(PoisonError::into_inner);
            *now = now.after(by);
        }
        self.0.moved.notify_waiters();
    }

    /// Returns once the clock has been advanced to `moment`; at once if it already shows it.
    pub async fn sleep_until(&self, moment: Timestamp) {
        loop {
            let moved = self.0.moved.notified();
            if self.now() >= moment {
                return;
            }
            moved.await;
        }
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        *self.0.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sleeper_wakes_at_its_moment_and_not_before() {
        let clock = FakeClock::at(Timestamp(0));
        let sleeper = clock.sleep_until(Timestamp(1_000));
        tokio::pin!(sleeper);
        assert!(futures::poll!(&mut sleeper).is_pending());
        clock.advance(Duration::from_millis(999));
        assert!(futures::poll!(&mut sleeper).is_pending());
        clock.advance(Duration::from_millis(1));
        assert!(futures::poll!(&mut sleeper).is_ready());
    }
}
