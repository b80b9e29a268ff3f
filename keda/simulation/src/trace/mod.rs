//! The jobs of a time: when each arrives, for whom, and what it costs.

mod csv;
mod day;

use std::time::Duration;

use voicefleet_core::{EngineId, Tier};

pub use csv::{CSV_HEADER, TraceError, read_csv};
pub use day::Day;

/// A job that arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Time since the beginning.
    pub at: Duration,
    /// The engine whose pool does the work.
    pub engine: EngineId,
    /// How urgent it is.
    pub tier: Tier,
    /// Compute time on one core.
    pub cost: Duration,
}

/// Jobs in the order of their arrival.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace(Vec<Arrival>);

impl Trace {
    /// A trace of these jobs; those of one moment stay in the order given.
    pub fn new(mut arrivals: Vec<Arrival>) -> Self {
        arrivals.sort_by_key(|job| job.at);
        Self(arrivals)
    }

    /// The jobs, in the order of their arrival.
    pub fn arrivals(&self) -> &[Arrival] {
        &self.0
    }
}
