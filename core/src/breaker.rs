//! When to leave somebody alone who does not answer, so that callers do not wait for nothing.
//!
//! Own lines, for the kept crates (`failsafe`, `recloser`) let every caller through at once when they try
//! again, and each of them would wait out the time-out.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// When a [`Breaker`] opens and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerRules {
    /// It opens after so many failures in a row.
    pub failures: u32,
    /// How long it is open at first. Each time that a trial fails it is open twice as long as before.
    pub first_pause: Duration,
    /// It is never open for longer.
    pub longest_pause: Duration,
}

/// Lets calls through while they are answered (closed). After some failures in a row it lets none
/// through for a while (open), then a single one as a trial. An answer closes it.
///
/// The time comes from the caller, and must not run backwards.
#[derive(Debug)]
pub struct Breaker {
    rules: BreakerRules,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    /// Counts the phases: what comes of a call that was let through in an earlier one is old news.
    epoch: u64,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Closed {
        failures: u32,
    },
    Open {
        until: Instant,
        pause: Duration,
        trying: bool,
    },
}

/// Why a call was not let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is open.
    #[error("not asked until {} ms have passed", .0.as_millis().max(1))]
    Resting(
        /// For so much longer.
        Duration,
    ),
    /// Another call is under way as a trial.
    #[error("not asked until the one call that tries has been answered")]
    Trying,
}

/// Leave to make one call. Whoever drops it without saying what came of the call has found out nothing.
#[must_use = "say what came of the call"]
#[derive(Debug)]
pub struct Pass<'a> {
    breaker: &'a Breaker,
    epoch: u64,
}

impl Breaker {
    /// A closed one.
    pub fn new(rules: BreakerRules) -> Self {
        let phase = Phase::Closed { failures: 0 };
        Self {
            rules,
            state: Mutex::new(State { phase, epoch: 0 }),
        }
    }

    /// Asks for leave to make a call.
    ///
    /// # Errors
    /// If it is open. Then the call must not be made.
    pub fn admit(&self, now: Instant) -> Result<Pass<'_>, Refusal> {
        let mut state = self.state();
        match &mut state.phase {
            Phase::Closed { .. } => {}
            Phase::Open { until, .. } if now < *until => {
                return Err(Refusal::Resting(*until - now));
            }
            Phase::Open { trying: true, .. } => return Err(Refusal::Trying),
            Phase::Open { trying, .. } => *trying = true,
        }
        Ok(Pass {
            breaker: self,
            epoch: state.epoch,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass<'_> {
    /// There was an answer, be it a refusal. However late it comes, it shows that there are answers.
    pub fn answered(self) {
        let mut state = self.breaker.state();
        if matches!(state.phase, Phase::Open { .. }) {
            state.epoch += 1;
        }
        state.phase = Phase::Closed { failures: 0 };
    }

    /// There was no answer.
    pub fn failed(self, now: Instant) {
        let rules = self.breaker.rules;
        let mut state = self.breaker.state();
        if state.epoch != self.epoch {
            return;
        }
        match &mut state.phase {
            Phase::Closed { failures } if *failures + 1 < rules.failures => *failures += 1,
            Phase::Closed { .. } => state.open(now, rules.first_pause.min(rules.longest_pause)),
            Phase::Open { pause, .. } => {
                let longer = pause.saturating_mul(2).min(rules.longest_pause);
                state.open(now, longer);
            }
        }
    }
}

impl Drop for Pass<'_> {
    /// If this was the trial and nothing was said of it, somebody else may try.
    fn drop(&mut self) {
        let mut state = self.breaker.state();
        if state.epoch == self.epoch
            && let Phase::Open { trying, .. } = &mut state.phase
        {
            *trying = false;
        }
    }
}

impl State {
    fn open(&mut self, now: Instant, pause: Duration) {
        self.epoch += 1;
        self.phase = Phase::Open {
            until: now + pause,
            pause,
            trying: false,
        };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RULES: BreakerRules = BreakerRules {
        failures: 3,
        first_pause: ms(500),
        longest_pause: ms(5_000),
    };

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    fn fail(breaker: &Breaker, now: Instant) {
        breaker.admit(now).expect("let through").failed(now);
    }

    #[test]
    fn it_opens_after_failures_in_a_row_only() {
        let (breaker, now) = (Breaker::new(RULES), Instant::now());
        for _ in 0..10 {
            fail(&breaker, now);
            fail(&breaker, now);
            breaker.admit(now).expect("let through").answered();
        }
        for _ in 0..3 {
            fail(&breaker, now);
        }
        let refusal = breaker.admit(now).expect_err("open");
        assert_eq!(refusal, Refusal::Resting(ms(500)));
        assert_eq!(refusal.to_string(), "not asked until 500 ms have passed");
    }

    #[test]
    fn every_trial_that_fails_makes_the_pause_longer_up_to_a_bound() {
        let (breaker, mut now) = (Breaker::new(RULES), Instant::now());
        for _ in 0..3 {
            fail(&breaker, now);
        }
        for pause in [500, 1_000, 2_000, 4_000, 5_000, 5_000] {
            assert_eq!(breaker.admit(now).err(), Some(Refusal::Resting(ms(pause))));
            now += ms(pause);
            fail(&breaker, now);
        }
        now += ms(5_000);
        breaker.admit(now).expect("let through").answered();
        for _ in 0..3 {
            fail(&breaker, now);
        }
        assert_eq!(breaker.admit(now).err(), Some(Refusal::Resting(ms(500))));
    }

    #[test]
    fn one_call_tries_while_the_others_are_refused() {
        let (breaker, mut now) = (Breaker::new(RULES), Instant::now());
        for _ in 0..3 {
            fail(&breaker, now);
        }
        now += ms(500);
        let trial = breaker.admit(now).expect("let through");
        assert_eq!(breaker.admit(now).err(), Some(Refusal::Trying));
        drop(trial);
        let next = breaker.admit(now).expect("let through instead");
        assert_eq!(breaker.admit(now).err(), Some(Refusal::Trying));
        next.answered();
        let _several = [breaker.admit(now), breaker.admit(now)].map(Result::unwrap);
    }

    /// A crowd that waits for the same time-out neither opens it again nor makes the pause longer.
    #[test]
    fn late_failures_of_earlier_calls_count_no_more() {
        let (breaker, now) = (Breaker::new(RULES), Instant::now());
        let mut crowd: Vec<_> = (0..9).filter_map(|_| breaker.admit(now).ok()).collect();
        for call in crowd.drain(..6) {
            call.failed(now);
        }
        assert_eq!(breaker.admit(now).err(), Some(Refusal::Resting(ms(500))));
        let later = now + ms(500);
        breaker.admit(later).expect("let through").answered();
        for call in crowd {
            call.failed(later);
        }
        assert!(breaker.admit(later).is_ok());
    }

    #[derive(Clone, Debug)]
    enum Step {
        Wait(u64),
        Ask,
        Answer(usize),
        Fail(usize),
        Drop(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0..3_000_u64).prop_map(Step::Wait),
            Just(Step::Ask),
            (0..8_usize).prop_map(Step::Answer),
            (0..8_usize).prop_map(Step::Fail),
            (0..8_usize).prop_map(Step::Drop),
        ]
    }

    proptest! {
        #[test]
        fn whatever_happens(steps in prop::collection::vec(step(), 0..200)) {
            let (breaker, mut now) = (Breaker::new(RULES), Instant::now());
            let mut passes: Vec<Pass<'_>> = Vec::new();
            // Since the last refusal, while nobody has said anything.
            let mut trials = None;
            for step in steps {
                match step {
                    Step::Wait(span) => now += ms(span),
                    Step::Ask => match breaker.admit(now) {
                        Ok(pass) => {
                            passes.push(pass);
                            trials = trials.map(|count: usize| count + 1);
                            prop_assert!(trials.is_none_or(|count| count <= 1));
                        }
                        Err(Refusal::Resting(left)) => {
                            prop_assert!(left <= RULES.longest_pause);
                            let almost = left.saturating_sub(Duration::from_nanos(1));
                            prop_assert!(breaker.admit(now + almost).is_err());
                            trials = trials.or(Some(0));
                        }
                        Err(Refusal::Trying) => {
                            prop_assert!(!passes.is_empty());
                            trials = Some(1);
                        }
                    },
                    Step::Answer(which) if which < passes.len() => {
                        passes.swap_remove(which).answered();
                        prop_assert!(breaker.admit(now).is_ok());
                        trials = None;
                    }
                    Step::Fail(which) if which < passes.len() => {
                        passes.swap_remove(which).failed(now);
                        trials = None;
                    }
                    Step::Drop(which) if which < passes.len() => {
                        drop(passes.swap_remove(which));
                        trials = None;
                    }
                    _ => {}
                }
            }
            passes.clear();
            prop_assert!(breaker.admit(now + RULES.longest_pause).is_ok());
        }
    }
}
