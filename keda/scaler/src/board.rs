//! Where the last survey hangs for all to read.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, time::Instant};
use voicefleet_core::{EngineId, scaling::Survey};

/// A survey older than this is none: whoever makes them is stuck.
const STALE_AFTER: Duration = Duration::from_secs(5);

/// What is known.
#[derive(Clone, Debug)]
pub enum Reading {
    /// Nothing has been read yet.
    Starting,
    /// The fleet at that moment.
    Known {
        /// The survey.
        survey: Arc<Survey>,
        /// When it was taken.
        at: Instant,
        /// Until then every pool keeps what it has, though there may be nothing to do: the queue was
        /// away, and workers that are warm are not sent off for that.
        held_until: Option<Instant>,
    },
    /// The queue or the ledger cannot be read.
    Unknown {
        /// Why.
        why: String,
    },
}

/// What one pool should have now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Workers.
    pub(crate) workers: u32,
}

impl Wanted {
    pub(crate) fn is_active(self) -> bool {
        self.workers > 0
    }
}

/// Clones are the same board.
#[derive(Clone, Debug)]
pub struct Board(Arc<watch::Sender<Reading>>);

impl Default for Board {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Reading::Starting)))
    }
}

impl Board {
    /// What is known now.
    pub fn read(&self) -> Reading {
        self.0.borrow().clone()
    }

    /// Hears of every new reading.
    pub fn watch(&self) -> watch::Receiver<Reading> {
        self.0.subscribe()
    }

    pub(crate) fn put(&self, reading: Reading) {
        self.0.send_replace(reading);
    }
}

impl Reading {
    /// What a pool should have; the reason where nobody knows.
    pub(crate) fn wanted(&self, engine: &EngineId) -> Result<Wanted, String> {
        match self {
            Self::Starting => Err("nothing has been read yet".to_owned()),
            Self::Unknown { why } => Err(why.clone()),
            Self::Known { at, .. } if at.elapsed() > STALE_AFTER => {
                let age = at.elapsed().as_secs();
                Err(format!("the last reading is {age} s old"))
            }
            Self::Known {
                survey, held_until, ..
            } => {
                let pool = survey.pool(engine);
                let workers = pool.map_or(0, |pool| pool.plan.workers);
                let held = held_until.is_some_and(|until| Instant::now() < until);
                Ok(Wanted {
                    workers: workers.max(u32::from(held)),
                })
            }
        }
    }
}
