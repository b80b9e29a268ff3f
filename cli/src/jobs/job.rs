//! What the commands read of the server's answers.

use serde::Deserialize;
use voicefleet_core::{Clock, JobId, time::SystemClock};

/// The parts of the job object that are shown in tables.
#[derive(Debug, Deserialize)]
pub(crate) struct Job {
    pub(crate) id: JobId,
    pub(crate) kind: String,
    pub(crate) engine: String,
    pub(crate) tier: String,
    pub(crate) status: String,
    pub(crate) attempts: u32,
    pub(crate) progress: Progress,
    pub(crate) fingerprint: String,
    pub(crate) error: Option<Reason>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Progress {
    fraction: f64,
}

/// Why a job failed.
#[derive(Debug, Deserialize)]
pub(crate) struct Reason {
    code: String,
    message: String,
}

/// A page of jobs.
#[derive(Debug, Deserialize)]
pub(crate) struct JobPage {
    pub(crate) data: Vec<Job>,
    pub(crate) has_more: bool,
}

/// The dead letters of every lane.
#[derive(Debug, Deserialize)]
pub(crate) struct DeadLetters {
    pub(crate) data: Vec<DeadLane>,
    pub(crate) total: u64,
}

/// The dead letters of one lane.
#[derive(Debug, Deserialize)]
pub(crate) struct DeadLane {
    pub(crate) engine: String,
    pub(crate) tier: String,
    pub(crate) dead: u64,
}

/// The answer to a purge.
#[derive(Debug, Deserialize)]
pub(crate) struct Purged {
    pub(crate) purged: u64,
}

impl Job {
    /// Share done, per cent.
    pub(crate) fn progress(&self) -> String {
        format!("{:.0}%", self.progress.fraction * 100.0)
    }

    /// Time since it was submitted, in the largest unit that fits.
    pub(crate) fn age(&self) -> String {
        age(SystemClock.now().since(self.id.created_at()).as_secs())
    }

    /// Why it failed, in one line.
    pub(crate) fn reason(&self) -> String {
        let sentence = |reason: &Reason| format!("{}: {}", reason.code, reason.message);
        self.error.as_ref().map_or_else(String::new, sentence)
    }
}

fn age(seconds: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(86_400, "d"), (3_600, "h"), (60, "m")];
    let fits = UNITS.iter().find(|(unit, _)| seconds >= *unit);
    fits.map_or_else(
        || format!("{seconds}s"),
        |(unit, name)| format!("{}{name}", seconds / unit),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_told_in_the_largest_unit_that_fits() {
        for (seconds, told) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (3_599, "59m"),
            (7_200, "2h"),
            (864_000, "10d"),
        ] {
            assert_eq!(age(seconds), told);
        }
    }
}
