//! Up at once, down after a while.

use std::{collections::VecDeque, time::Duration};

use crate::time::Timestamp;

/// How many workers to keep: the most that were wanted within a window of time. So a pool grows at once,
/// and shrinks only when it has wanted less for as long as the window. It is the stabilisation of
/// Kubernetes' horizontal autoscaler for scaling down, and, at the step to zero, KEDA's cooldown.
#[derive(Clone, Debug)]
pub struct Steadied {
    window: Duration,
    /// Wanted since then, falling: what comes later is smaller.
    wanted: VecDeque<(Timestamp, u32)>,
}

impl Steadied {
    /// Nothing was wanted yet.
    pub fn new(window: Duration) -> Self {
        Self {
            window,
            wanted: VecDeque::new(),
        }
    }

    /// Workers to keep, now that so many are wanted.
    pub fn keep(&mut self, wanted: u32, now: Timestamp) -> u32 {
        // Who wanted no more than this, and earlier, decides nothing any more; but more than that was
        // wanted until then.
        let mut since = now;
        while let Some((earlier, less)) = self.wanted.back()
            && *less <= wanted
        {
            since = *earlier;
            self.wanted.pop_back();
        }
        self.wanted.push_back((since, wanted));
        // The first was wanted until the second came.
        while let Some((until, _)) = self.wanted.get(1)
            && now.since(*until) > self.window
        {
            self.wanted.pop_front();
        }
        self.wanted.front().map_or(wanted, |(_, most)| *most)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WINDOW: Duration = Duration::from_secs(10);

    fn at(second: i64) -> Timestamp {
        Timestamp(second * 1_000)
    }

    #[test]
    fn up_at_once_and_down_after_the_window() {
        let mut pool = Steadied::new(WINDOW);
        assert_eq!(pool.keep(0, at(0)), 0);
        assert_eq!(pool.keep(3, at(1)), 3);
        // Wanted until second 5.
        assert_eq!(pool.keep(1, at(5)), 3);
        assert_eq!(pool.keep(1, at(15)), 3);
        assert_eq!(pool.keep(0, at(16)), 1);
        assert_eq!(pool.keep(0, at(26)), 1);
        assert_eq!(pool.keep(0, at(27)), 0);
    }

    #[test]
    fn a_dip_changes_nothing() {
        let mut pool = Steadied::new(WINDOW);
        assert_eq!(pool.keep(4, at(0)), 4);
        assert_eq!(pool.keep(0, at(5)), 4);
        assert_eq!(pool.keep(4, at(9)), 4);
        assert_eq!(pool.keep(0, at(18)), 4);
    }

    proptest! {
        /// Against looking at the whole past.
        #[test]
        fn it_is_the_most_that_was_wanted_in_the_window(
            wishes in proptest::collection::vec((0..5_i64, 0..6_u32), 1..60),
        ) {
            let mut pool = Steadied::new(WINDOW);
            let (mut now, mut past) = (0, Vec::new());
            for (later, wanted) in wishes {
                now += later;
                past.push((now, wanted));
                let kept = pool.keep(wanted, at(now));
                // Each wish holds until the next one.
                let ends = past.iter().skip(1).map(|(since, _)| *since).chain([now]);
                let recent = past.iter().zip(ends).filter(|(_, end)| now - end <= 10);
                let most = recent.map(|((_, wanted), _)| *wanted).max();
                prop_assert_eq!(Some(kept), most);
            }
        }
    }
}
