//! How quick a worker is.

use std::time::Duration;

use tokio::time::Instant;

/// In what time a worker that is quick takes as many jobs as it has room for.
const MOMENT: Duration = Duration::from_millis(100);

/// How long after that a worker which has room is fed again: to begin and end it costs the broker more than
/// fetching a few jobs does.
pub(super) const FEED_AGAIN: Duration = Duration::from_secs(1);

/// How quickly a worker is done with what it takes.
pub(crate) struct Pace {
    /// Deliveries taken, until a moment.
    pub(super) taken: usize,
    until: Instant,
    /// It had more than it could begin: for a while its pace does not matter.
    pub(super) rests: bool,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            taken: 0,
            until: Instant::now() + MOMENT,
            rests: false,
        }
    }
}

impl Pace {
    /// Whether as many as fit into it were taken in a moment: what it is fed with does not wait long then.
    pub(super) fn is_quick(&mut self, room: usize) -> bool {
        let now = Instant::now();
        if now < self.until {
            return false;
        }
        self.until = now + MOMENT;
        let taken = std::mem::take(&mut self.taken);
        !std::mem::take(&mut self.rests) && taken >= room
    }

    /// Counts anew.
    pub(super) fn begin(&mut self) {
        let moment = if self.rests { FEED_AGAIN } else { MOMENT };
        self.until = Instant::now() + moment;
        self.taken = 0;
    }
}
