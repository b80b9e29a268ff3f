//! What becomes of a delivery that did not succeed. One pure function decides.

use std::time::Duration;

use crate::{
    failure::{ErrorCode, Failure},
    time::Timestamp,
};

/// How often, and how patiently, a job is tried.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPolicy {
    /// Attempts in all, the first included. At least 1.
    pub max_attempts: u32,
    /// Waits before the second, third, ... attempt; the last one repeats.
    pub backoff: Vec<Duration>,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 3,
            backoff: vec![
                Duration::from_secs(1),
                Duration::from_secs(10),
                Duration::from_mins(1),
            ],
        }
    }
}

/// What to do with a delivery that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Queue it again; it may not run before `not_before`.
    Retry {
        /// Earliest start of the next attempt.
        not_before: Timestamp,
    },
    /// The job is failed with this reason and its message goes to the dead-letter queue.
    DeadLetter(Failure),
    /// The job ends without being a fault: withdrawn or too late. The message is simply settled.
    Drop(Failure),
}

/// Decides from the failure, the attempt it happened on (1 is the first), the deadline and the time.
pub fn decide(
    policy: &RetryPolicy,
    failure: Failure,
    attempt: u32,
    deadline: Option<Timestamp>,
    now: Timestamp,
) -> Verdict {
    if matches!(
        failure.code,
        ErrorCode::Cancelled | ErrorCode::DeadlineExceeded
    ) {
        return Verdict::Drop(failure);
    }
    if !failure.code.is_transient() || attempt >= policy.max_attempts {
        return Verdict::DeadLetter(failure);
    }
    let not_before = now.after(wait_before(policy, attempt + 1));
    match deadline {
        Some(deadline) if not_before >= deadline => Verdict::Drop(Failure::new(
            ErrorCode::DeadlineExceeded,
            format!(
                "the deadline leaves no time for another attempt after: {}",
                failure.message
            ),
        )),
        _ => Verdict::Retry { not_before },
    }
}

fn wait_before(policy: &RetryPolicy, attempt: u32) -> Duration {
    let step = usize::try_from(attempt.saturating_sub(2)).unwrap_or(usize::MAX);
    policy
        .backoff
        .get(step)
        .or(policy.backoff.last())
        .copied()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn engine_failed() -> Failure {
        Failure::new(ErrorCode::EngineFailed, "x")
    }

    proptest! {
        #[test]
        fn a_job_is_tried_at_most_max_attempts_times(max_attempts in 1_u32..9, now in 0_i64..1_000_000) {
            let policy = RetryPolicy { max_attempts, ..RetryPolicy::default() };
            let mut attempts = 1;
            while let Verdict::Retry { not_before } =
                decide(&policy, engine_failed(), attempts, None, Timestamp(now))
            {
                prop_assert!(not_before > Timestamp(now));
                attempts += 1;
            }
            prop_assert_eq!(attempts, max_attempts);
        }

        #[test]
        fn no_retry_is_planned_past_the_deadline(attempt in 1_u32..3, left in 0_i64..20_000) {
            let deadline = Timestamp(left);
            match decide(&RetryPolicy::default(), engine_failed(), attempt, Some(deadline), Timestamp(0)) {
                Verdict::Retry { not_before } => prop_assert!(not_before < deadline),
                Verdict::Drop(failure) => prop_assert_eq!(failure.code, ErrorCode::DeadlineExceeded),
                Verdict::DeadLetter(_) => prop_assert!(false, "attempts are left"),
            }
        }
    }

    #[test]
    fn faults_of_the_input_are_not_tried_again() {
        let failure = Failure::new(ErrorCode::NotAudio, "x");
        let verdict = decide(
            &RetryPolicy::default(),
            failure.clone(),
            1,
            None,
            Timestamp(0),
        );
        assert_eq!(verdict, Verdict::DeadLetter(failure));
    }

    #[test]
    fn a_withdrawn_job_is_no_dead_letter() {
        let failure = Failure::new(ErrorCode::Cancelled, "x");
        assert_eq!(
            decide(
                &RetryPolicy::default(),
                failure.clone(),
                1,
                None,
                Timestamp(0)
            ),
            Verdict::Drop(failure)
        );
    }
}
