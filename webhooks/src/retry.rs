//! What becomes of a delivery after an attempt. One pure function decides.

use std::time::Duration;

use crate::courier::Answer;

/// Waits before each attempt, from the end of the one before. Ten attempts in a little more than three days.
pub const SCHEDULE: [Duration; 10] = [
    Duration::ZERO,
    Duration::from_secs(5),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(5),
    Duration::from_hours(10),
    Duration::from_hours(14),
    Duration::from_hours(20),
    Duration::from_hours(24),
];

/// How far a wait is moved at most, either way, so that what failed together does not come back together.
const JITTER: f64 = 0.1;

/// What becomes of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Delivered,
    RetryIn(Duration),
    /// No attempt is left.
    GiveUp,
    /// The endpoint wants nothing any more.
    Gone,
}

/// Decides from the answer, if there is one, the attempts made (this one included) and a number of 0 to 1
/// for the jitter.
///
/// `Retry-After` of 429, 502, 503 and 504 delays the next attempt, and at most to the wait that would come
/// after it; it never hastens it, so that no receiver uses up its attempts in seconds.
pub(crate) fn judge(answer: Option<&Answer>, attempts: usize, jitter: f64) -> Verdict {
    match answer {
        Some(answer) if (200..300).contains(&answer.status) => return Verdict::Delivered,
        Some(answer) if answer.status == 410 => return Verdict::Gone,
        _ => {}
    }
    let Some(step) = SCHEDULE.get(attempts) else {
        return Verdict::GiveUp;
    };
    let wait = step.mul_f64(1.0 - JITTER + 2.0 * JITTER * jitter);
    let longest = *SCHEDULE.get(attempts + 1).unwrap_or(step);
    match answer.and_then(asked_wait) {
        Some(asked) => Verdict::RetryIn(wait.max(asked.min(longest))),
        None => Verdict::RetryIn(wait),
    }
}

fn asked_wait(answer: &Answer) -> Option<Duration> {
    let throttles = matches!(answer.status, 429 | 502 | 503 | 504);
    answer.retry_after.filter(|_| throttles)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, retry_after: Option<u64>) -> Answer {
        Answer {
            status,
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    fn wait(answer: &Answer, attempts: usize) -> u64 {
        wait_after(Some(answer), attempts)
    }

    fn wait_after(answer: Option<&Answer>, attempts: usize) -> u64 {
        match judge(answer, attempts, 0.5) {
            Verdict::RetryIn(wait) => wait.as_secs(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_2xx_is_delivered() {
        for status in [200, 201, 204, 299] {
            assert_eq!(
                judge(Some(&answered(status, None)), 1, 0.0),
                Verdict::Delivered
            );
        }
        for status in [
            100, 199, 300, 301, 304, 307, 400, 401, 404, 409, 500, 503, 599,
        ] {
            assert_eq!(wait(&answered(status, None), 1), 5, "{status}");
        }
        assert_eq!(wait_after(None, 1), 5);
        assert_eq!(judge(Some(&answered(410, None)), 1, 0.0), Verdict::Gone);
    }

    #[test]
    fn the_steps_are_those_of_the_standard_and_end_after_ten_attempts() {
        let down = answered(500, None);
        let hours = |hours: u64| hours * 3_600;
        let steps = [
            5,
            300,
            1_800,
            hours(2),
            hours(5),
            hours(10),
            hours(14),
            hours(20),
            hours(24),
        ];
        for (made, step) in steps.into_iter().enumerate() {
            assert_eq!(wait(&down, made + 1), step);
        }
        assert_eq!(judge(Some(&down), 10, 0.5), Verdict::GiveUp);
        assert_eq!(
            judge(Some(&answered(429, Some(1))), 10, 0.5),
            Verdict::GiveUp
        );
    }

    #[test]
    fn the_jitter_is_a_tenth_either_way() {
        let down = answered(500, None);
        for (jitter, millis) in [(0.0, 4_500), (0.5, 5_000), (1.0, 5_500)] {
            let wait = Duration::from_millis(millis);
            assert_eq!(judge(Some(&down), 1, jitter), Verdict::RetryIn(wait));
        }
    }

    #[test]
    fn who_throttles_may_delay_up_to_the_next_step_and_never_hasten() {
        for status in [429, 502, 503, 504] {
            assert_eq!(wait(&answered(status, Some(60)), 1), 60);
            assert_eq!(wait(&answered(status, Some(1)), 1), 5);
            assert_eq!(wait(&answered(status, Some(999_999_999)), 1), 300);
            assert_eq!(wait(&answered(status, Some(999_999_999)), 9), 24 * 3_600);
        }
        assert_eq!(wait(&answered(500, Some(60)), 1), 5);
    }
}
