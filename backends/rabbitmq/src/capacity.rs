//! How many messages wait in a queue, and whether one more may.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use hashlink::LruCache;
use lapin::{
    Channel,
    options::QueueDeclareOptions,
    types::{FieldTable, MessageCount},
};

/// How long the broker's answer is built on.
const FRESH: Duration = Duration::from_millis(250);

/// Queues whose answers are kept, of those used last: more than can be asked about while an answer is fresh. Each tenant has queues
/// of its own, and tenants come and go.
const QUEUES: usize = 4_096;

/// The messages of `queue` that are with nobody.
pub(crate) async fn waiting(channel: &Channel, queue: &str) -> lapin::Result<MessageCount> {
    let options = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let queue = channel
        .queue_declare(queue.into(), options, FieldTable::default())
        .await?;
    Ok(queue.message_count())
}

/// What the broker said of each queue a moment ago, so that it need not be asked before every publish.
pub(crate) struct Estimates(Mutex<LruCache<String, Estimate>>);

struct Estimate {
    asked: Instant,
    /// What waited then, and what we have published since.
    waiting: u32,
}

impl Default for Estimates {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(QUEUES)))
    }
}

impl Estimates {
    /// Whether one more surely fits, which is then counted. Only a queue that is less than half full
    /// leaves no doubt, for others publish too.
    pub(crate) fn one_more_fits(&self, queue: &str, most: u32, now: Instant) -> bool {
        let mut known = self.known();
        let Some(estimate) = known.get_mut(queue) else {
            return false;
        };
        let fits = now.duration_since(estimate.asked) < FRESH && estimate.waiting < most / 2;
        estimate.waiting += u32::from(fits);
        fits
    }

    /// Notes what the broker said, and the one that is about to be published.
    pub(crate) fn note(&self, queue: &str, waiting: u32, now: Instant) {
        let estimate = Estimate {
            asked: now,
            waiting: waiting.saturating_add(1),
        };
        self.known().insert(queue.to_owned(), estimate);
    }

    fn known(&self) -> MutexGuard<'_, LruCache<String, Estimate>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_broker_is_asked_again_when_the_queue_fills_and_when_time_has_passed() {
        let (estimates, begin) = (Estimates::default(), Instant::now());
        assert!(!estimates.one_more_fits("a", 10, begin));
        estimates.note("a", 2, begin);
        assert!(!estimates.one_more_fits("b", 10, begin));
        assert!(!estimates.one_more_fits("a", 10, begin + FRESH));
        let more = (0..10).filter(|_| estimates.one_more_fits("a", 10, begin));
        assert_eq!(more.count(), 2);
    }

    #[test]
    fn queues_of_tenants_that_are_gone_are_forgotten() {
        let (estimates, now) = (Estimates::default(), Instant::now());
        for tenant in 0..2 * QUEUES {
            estimates.note(&tenant.to_string(), 0, now);
        }
        assert_eq!(estimates.known().len(), QUEUES);
        assert!(!estimates.one_more_fits("0", 10, now));
        assert!(estimates.one_more_fits(&(2 * QUEUES - 1).to_string(), 10, now));
    }
}
