//! What the tables say of a job.

use voicefleet_client::Job;
use voicefleet_core::{Clock, JobId, time::SystemClock};

/// Share done, per cent.
pub(super) fn progress(job: &Job) -> String {
    format!("{:.0}%", job.progress.fraction * 100.0)
}

/// Time since it was submitted, in the largest unit that fits; empty if its id does not tell.
pub(super) fn age(job: &Job) -> String {
    let id: Result<JobId, _> = job.id.parse();
    id.map_or_else(
        |_| String::new(),
        |id| told(SystemClock.now().since(id.created_at()).as_secs()),
    )
}

/// Why it failed, in one line.
pub(super) fn reason(job: &Job) -> String {
    job.error.as_ref().map_or_else(String::new, |error| {
        format!("{}: {}", error.code, error.message)
    })
}

fn told(seconds: u64) -> String {
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
        for (seconds, expected) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (3_599, "59m"),
            (7_200, "2h"),
            (864_000, "10d"),
        ] {
            assert_eq!(told(seconds), expected);
        }
    }
}
