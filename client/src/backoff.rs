//! How long to wait before the next attempt.

use std::time::Duration;

/// Before the second attempt, and before any, where the server does not say.
const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(8);

/// The pause after `failures` failed attempts, of which there is at least one; `asked` is what the server
/// asked for, `jitter` is 0 to 1. `None` if it asks for more than `longest`: then the caller decides.
///
/// Who is told when to come back comes then or up to a tenth later, since others were told the same.
pub(crate) fn pause(
    failures: u32,
    asked: Option<Duration>,
    longest: Duration,
    jitter: f64,
) -> Option<Duration> {
    if let Some(asked) = asked {
        return (asked <= longest).then(|| asked.mul_f64(1.0 + jitter / 10.0));
    }
    let doublings = failures.saturating_sub(1).min(16);
    let grown = FIRST.saturating_mul(1 << doublings).min(LONGEST);
    Some(grown.mul_f64(0.5 + jitter / 2.0).min(longest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn millis(failures: u32, asked: Option<u64>, jitter: f64) -> Option<u128> {
        let asked = asked.map(Duration::from_secs);
        pause(failures, asked, MINUTE, jitter).map(|pause| pause.as_millis())
    }

    #[test]
    fn it_doubles_up_to_a_bound() {
        let pauses: Vec<_> = (1..8).filter_map(|n| millis(n, None, 1.0)).collect();
        assert_eq!(pauses, [500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
        assert_eq!(millis(u32::MAX, None, 0.0), Some(4_000));
    }

    #[test]
    fn what_the_server_asks_for_is_done_unless_it_is_too_long() {
        assert_eq!(millis(1, Some(5), 0.0), Some(5_000));
        assert_eq!(millis(9, Some(5), 1.0), Some(5_500));
        assert_eq!(millis(1, Some(0), 1.0), Some(0));
        assert_eq!(millis(1, Some(61), 0.0), None);
    }
}
