//! When something was used, so finely that no two uses are the same.

use std::sync::atomic::{AtomicI64, Ordering};

use voicefleet_core::Clock;

/// The moments of use that this process has given out.
#[derive(Default)]
pub(super) struct Touches(AtomicI64);

impl Touches {
    /// Now, microseconds since the epoch, but later than every moment before. Servers whose clocks
    /// differ by a little evict in an order that is wrong by as little.
    pub(super) fn next(&self, clock: &dyn Clock) -> i64 {
        let now = clock.now().0.saturating_mul(1_000);
        let after = |last: i64| Some(now.max(last.saturating_add(1)));
        let last = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, after);
        let last = last.unwrap_or_else(|last| last);
        now.max(last.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use voicefleet_core::Timestamp;
    use voicefleet_testkit::FakeClock;

    use super::*;

    #[test]
    fn every_use_is_later_than_the_one_before() {
        let clock = FakeClock::at(Timestamp(5));
        let touches = Touches::default();
        assert_eq!(touches.next(&clock), 5_000);
        assert_eq!(touches.next(&clock), 5_001);
        clock.advance(std::time::Duration::from_millis(1));
        assert_eq!(touches.next(&clock), 6_000);
    }
}
