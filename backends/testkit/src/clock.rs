//! A clock that tests move by hand.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;
use voicefleet_core::{Clock, Timestamp};

/// A clock that stands still until it is advanced. Clones show the same time.
#[derive(Clone, Debug)]
pub struct FakeClock(Arc<watch::Sender<Timestamp>>);

impl Default for FakeClock {
    /// Stands at 2026-01-01 00:00 UTC.
    fn default() -> Self {
        Self::at(Timestamp(1_767_225_600_000))
    }
}

impl FakeClock {
    /// A clock that stands at `now`.
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(watch::Sender::new(now)))
    }

    /// Moves on by `by`; whoever sleeps until a moment that is now reached wakes.
    pub fn advance(&self, by: Duration) {
        self.0.send_modify(|now| *now = now.after(by));
    }

    /// Returns once the clock has been advanced to `moment`; at once if it already shows it.
    pub async fn sleep_until(&self, moment: Timestamp) {
        let mut now = self.0.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        let _ = now.wait_for(|now| *now >= moment).await;
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        *self.0.borrow()
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
