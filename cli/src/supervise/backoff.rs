//! When to start a worker again that does not stay.

use std::time::Duration;

use voicefleet_core::Timestamp;

/// First and longest pause.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));
/// Whoever has lived so long did stay.
const STAYED: Duration = Duration::from_mins(1);

/// Pauses that double with every worker that ends by itself soon after its start.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
    until: Option<Timestamp>,
}

impl Backoff {
    /// A worker has ended that was not asked to.
    pub(super) fn failed(&mut self, lived: Duration, now: Timestamp) -> Duration {
        let (first, longest) = PAUSES;
        self.failures = if lived >= STAYED { 0 } else { self.failures };
        let pause = first.saturating_mul(2_u32.saturating_pow(self.failures));
        let pause = pause.min(longest);
        self.failures = self.failures.saturating_add(1);
        self.until = Some(now.after(pause));
        pause
    }

    /// Whether one may be started.
    pub(super) fn allows(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now >= until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_minute_and_begin_anew_for_who_has_stayed() {
        let (mut backoff, mut now) = (Backoff::default(), Timestamp(0));
        assert!(backoff.allows(now));
        let mut pauses = Vec::new();
        for _ in 0..8 {
            let pause = backoff.failed(Duration::from_secs(2), now);
            assert!(!backoff.allows(now));
            now = now.after(pause);
            assert!(backoff.allows(now));
            pauses.push(pause.as_secs());
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(backoff.failed(STAYED, now), Duration::from_secs(1));
    }
}
