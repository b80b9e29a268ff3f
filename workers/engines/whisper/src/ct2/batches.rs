//! Questions of several callers, answered together.
//!
//! A GPU answers eight questions in little more time than one. So they are collected: one thread takes those that go together
//! and answers them as a batch, and while it computes the next ones come in. When it is idle it holds a question back for a
//! moment, if somebody is there who may have another one to go with it. A batch that fails fails each of its own questions.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use voicefleet_ctranslate2::Ct2Error;

/// An urgent question goes before those that came so much earlier, and no further: nothing waits for ever.
const HEAD_START: Duration = Duration::from_secs(1);

/// What can be answered together with its like.
pub(super) trait Question: Send + 'static {
    /// Whether one computation can answer both.
    fn goes_with(&self, other: &Self) -> bool;
}

/// How much is collected.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Questions of a batch at most.
    pub(super) most: usize,
    /// How long a question is held back at most while nothing is computed.
    pub(super) patience: Duration,
}

/// One thread that answers questions in batches. As many wait for it at most as there are callers.
pub(super) struct Batches<Q, A> {
    desk: Arc<Desk<Q, A>>,
    thread: Option<JoinHandle<()>>,
}

/// Somebody who may ask, one question at a time. Nobody is waited for any more when it is dropped.
pub(super) struct Caller<'a, Q, A> {
    desk: &'a Desk<Q, A>,
    urgent: bool,
}

/// Where questions are left.
struct Desk<Q, A> {
    state: Mutex<State<Q, A>>,
    changed: Condvar,
}

struct State<Q, A> {
    waiting: Vec<Waiting<Q, A>>,
    callers: usize,
    closed: bool,
}

/// A question, and where its answer goes.
struct Waiting<Q, A> {
    question: Q,
    urgent: bool,
    since: Instant,
    reply: mpsc::SyncSender<Result<A, Ct2Error>>,
}

/// What is to be done now.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// Answer these, by their places.
    Answer(Vec<usize>),
    /// Look again then, or when something has changed.
    HoldBackUntil(Instant),
    /// There is nothing to do.
    Rest,
}

impl<Q: Question, A: Send + 'static> Batches<Q, A> {
    /// Starts the thread. `compute` gets questions that go together and gives their answers in the same order.
    ///
    /// # Errors
    /// If the system has no thread to spare.
    pub(super) fn start(
        limits: Limits,
        compute: impl Fn(&[Q]) -> Result<Vec<A>, Ct2Error> + Send + 'static,
    ) -> std::io::Result<Self> {
        let desk = Arc::new(Desk {
            state: Mutex::new(State {
                waiting: Vec::new(),
                callers: 0,
                closed: false,
            }),
            changed: Condvar::new(),
        });
        let ours = Arc::clone(&desk);
        let thread = thread::Builder::new()
            .name("whisper-batches".to_owned())
            .spawn(move || {
                while let Some(batch) = ours.next_batch(limits) {
                    answer(batch, &compute);
                }
            })?;
        Ok(Self {
            desk,
            thread: Some(thread),
        })
    }

    /// Somebody who may ask; an urgent one is never held back.
    pub(super) fn caller(&self, urgent: bool) -> Caller<'_, Q, A> {
        self.desk.lock().callers += 1;
        Caller {
            desk: &self.desk,
            urgent,
        }
    }
}

impl<Q, A> Drop for Batches<Q, A> {
    fn drop(&mut self) {
        self.desk.lock().closed = true;
        self.desk.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // It has caught every panic.
            let _ = thread.join();
        }
    }
}

impl<Q, A> Caller<'_, Q, A> {
    /// Waits for the answer.
    ///
    /// # Errors
    /// What the batch failed with.
    pub(super) fn ask(&self, question: Q) -> Result<A, Ct2Error> {
        let (reply, answer) = mpsc::sync_channel(1);
        self.desk.lock().waiting.push(Waiting {
            question,
            urgent: self.urgent,
            since: Instant::now(),
            reply,
        });
        self.desk.changed.notify_one();
        let gone = |_| Err(Ct2Error::Computation("nobody answers".to_owned()));
        answer.recv().unwrap_or_else(gone)
    }
}

impl<Q, A> Drop for Caller<'_, Q, A> {
    fn drop(&mut self) {
        self.desk.lock().callers -= 1;
        self.desk.changed.notify_one();
    }
}

impl<Q, A> Desk<Q, A> {
    fn lock(&self) -> MutexGuard<'_, State<Q, A>> {
        // Nothing that can panic runs under this lock, so what it guards is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Q: Question, A> Desk<Q, A> {
    /// The next batch, when it is time for it; `None` at the end.
    fn next_batch(&self, limits: Limits) -> Option<Vec<Waiting<Q, A>>> {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            match state.next(limits, now) {
                Next::Answer(places) => return Some(state.take(&places)),
                Next::HoldBackUntil(then) => {
                    let wait = self.changed.wait_timeout(state, then - now);
                    state = wait.unwrap_or_else(PoisonError::into_inner).0;
                }
                Next::Rest if state.closed => return None,
                Next::Rest => {
                    let wait = self.changed.wait(state);
                    state = wait.unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }
}

impl<Q: Question, A> State<Q, A> {
    fn next(&self, limits: Limits, now: Instant) -> Next {
        let mut order: Vec<usize> = (0..self.waiting.len()).collect();
        order.sort_by_key(|place| self.waiting[*place].turn());
        let Some(first) = order.first().map(|place| &self.waiting[*place]) else {
            return Next::Rest;
        };
        let goes = |place: &usize| first.question.goes_with(&self.waiting[*place].question);
        let batch: Vec<usize> = order.into_iter().filter(goes).take(limits.most).collect();
        let until = first.since + limits.patience;
        let is_full = batch.len() == limits.most;
        let all_have_asked = self.waiting.len() >= self.callers;
        let is_urgent = self.waiting.iter().any(|waiting| waiting.urgent);
        if is_full || all_have_asked || is_urgent || until <= now || self.closed {
            Next::Answer(batch)
        } else {
            Next::HoldBackUntil(until)
        }
    }

    fn take(&mut self, places: &[usize]) -> Vec<Waiting<Q, A>> {
        let (mut batch, mut rest) = (Vec::new(), Vec::new());
        for (place, waiting) in self.waiting.drain(..).enumerate() {
            if places.contains(&place) {
                batch.push(waiting);
            } else {
                rest.push(waiting);
            }
        }
        self.waiting = rest;
        batch
    }
}

impl<Q, A> Waiting<Q, A> {
    /// Whoever has the earliest comes first.
    fn turn(&self) -> Instant {
        if self.urgent {
            self.since
        } else {
            self.since + HEAD_START
        }
    }
}

fn answer<Q, A>(batch: Vec<Waiting<Q, A>>, compute: &impl Fn(&[Q]) -> Result<Vec<A>, Ct2Error>) {
    let (questions, replies): (Vec<Q>, Vec<_>) = (batch.into_iter())
        .map(|waiting| (waiting.question, waiting.reply))
        .unzip();
    let computed = catch_unwind(AssertUnwindSafe(|| compute(&questions)));
    let computed = computed.unwrap_or_else(|_| Err(failed("the computation panicked")));
    let answers: Vec<Result<A, Ct2Error>> = match computed {
        Ok(answers) if answers.len() == replies.len() => answers.into_iter().map(Ok).collect(),
        Ok(_) => replies
            .iter()
            .map(|_| Err(failed("a row has no answer")))
            .collect(),
        Err(error) => replies.iter().map(|_| Err(error.clone())).collect(),
    };
    for (reply, answer) in replies.into_iter().zip(answers) {
        // Whoever has left wants none.
        let _ = reply.send(answer);
    }
}

fn failed(why: &str) -> Ct2Error {
    Ct2Error::Computation(why.to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    /// A number; those of a kind go together.
    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Asked {
        kind: char,
        number: usize,
    }

    impl Question for Asked {
        fn goes_with(&self, other: &Self) -> bool {
            self.kind == other.kind
        }
    }

    /// Answered with the numbers of the whole batch.
    type Answer = Vec<usize>;

    const EVER: Duration = Duration::from_hours(24);

    fn limits(most: usize, patience: Duration) -> Limits {
        Limits { most, patience }
    }

    fn a(number: usize) -> Asked {
        Asked { kind: 'a', number }
    }

    #[expect(clippy::unnecessary_wraps, reason = "as computations are")]
    fn numbers(batch: &[Asked]) -> Result<Vec<Answer>, Ct2Error> {
        let mut numbers: Vec<usize> = batch.iter().map(|asked| asked.number).collect();
        numbers.sort_unstable();
        Ok(vec![numbers; batch.len()])
    }

    /// What is left at the desk by `callers`: kind, urgency, and when, milliseconds.
    fn state(callers: usize, waiting: &[(char, bool, u64)]) -> (State<Asked, ()>, Instant) {
        let start = Instant::now();
        let waiting = waiting.iter().enumerate();
        let waiting = waiting.map(|(number, (kind, urgent, at))| Waiting {
            question: Asked {
                kind: *kind,
                number,
            },
            urgent: *urgent,
            since: start + Duration::from_millis(*at),
            reply: mpsc::sync_channel(1).0,
        });
        let state = State {
            waiting: waiting.collect(),
            callers,
            closed: false,
        };
        (state, start)
    }

    const THIRTY: Limits = Limits {
        most: 3,
        patience: Duration::from_millis(30),
    };

    #[test]
    fn a_question_is_held_back_while_another_caller_may_join_it_and_no_longer() {
        let (state, start) = state(2, &[('a', false, 0)]);
        let then = start + THIRTY.patience;
        assert_eq!(state.next(THIRTY, start), Next::HoldBackUntil(then));
        let just_before = then.checked_sub(Duration::from_nanos(1)).unwrap();
        assert_eq!(state.next(THIRTY, just_before), Next::HoldBackUntil(then));
        assert_eq!(state.next(THIRTY, then), Next::Answer(vec![0]));
    }

    #[test]
    fn nothing_is_held_back_when_all_have_asked_or_the_batch_is_full() {
        let (alone, start) = state(1, &[('a', false, 0)]);
        assert_eq!(alone.next(THIRTY, start), Next::Answer(vec![0]));
        let (full, start) = state(9, &[('a', false, 0); 4]);
        assert_eq!(full.next(THIRTY, start), Next::Answer(vec![0, 1, 2]));
    }

    #[test]
    fn an_urgent_question_goes_at_once_and_takes_along_what_is_there() {
        let waiting = [('a', false, 0), ('b', false, 1), ('b', true, 2)];
        let (state, start) = state(9, &waiting);
        let now = start + Duration::from_millis(2);
        assert_eq!(state.next(THIRTY, now), Next::Answer(vec![2, 1]));
    }

    #[test]
    fn an_urgent_question_does_not_go_before_one_that_has_waited_for_long() {
        let (state, start) = state(9, &[('a', false, 0), ('b', true, 1_001)]);
        let now = start + Duration::from_millis(1_001);
        assert_eq!(state.next(THIRTY, now), Next::Answer(vec![0]));
    }

    #[test]
    fn only_what_goes_together_is_answered_together_the_oldest_first() {
        let waiting = [('b', false, 1), ('a', false, 0), ('b', false, 2)];
        let (mut state, start) = state(3, &waiting);
        assert_eq!(state.next(THIRTY, start), Next::Answer(vec![1]));
        let taken = state.take(&[1]);
        assert_eq!(taken[0].question.number, 1);
        let left: Vec<usize> = (state.waiting.iter())
            .map(|waiting| waiting.question.number)
            .collect();
        assert_eq!(left, [0, 2]);
    }

    #[test]
    fn no_question_means_rest() {
        let (state, start) = state(2, &[]);
        assert_eq!(state.next(THIRTY, start), Next::Rest);
    }

    #[test]
    fn callers_that_ask_together_are_answered_together() {
        // Nobody is ever out of patience: only that all have asked begins the batch.
        let batches = Batches::start(limits(8, EVER), numbers).unwrap();
        let callers: Vec<_> = (0..4).map(|_| batches.caller(false)).collect();
        thread::scope(|scope| {
            let asking: Vec<_> = (callers.iter().enumerate())
                .map(|(number, caller)| scope.spawn(move || caller.ask(a(number))))
                .collect();
            for asked in asking {
                assert_eq!(asked.join().unwrap(), Ok(vec![0, 1, 2, 3]));
            }
        });
    }

    #[test]
    fn a_batch_has_no_more_rows_than_it_may() {
        let batches = Batches::start(limits(2, EVER), numbers).unwrap();
        let callers: Vec<_> = (0..4).map(|_| batches.caller(false)).collect();
        thread::scope(|scope| {
            let asking: Vec<_> = (callers.iter().enumerate())
                .map(|(number, caller)| scope.spawn(move || caller.ask(a(number))))
                .collect();
            for asked in asking {
                assert_eq!(asked.join().unwrap().unwrap().len(), 2);
            }
        });
    }

    #[test]
    fn an_urgent_caller_waits_for_nobody() {
        let batches = Batches::start(limits(8, EVER), numbers).unwrap();
        let _others = [batches.caller(false), batches.caller(false)];
        assert_eq!(batches.caller(true).ask(a(7)), Ok(vec![7]));
    }

    #[test]
    fn whoever_leaves_is_not_waited_for() {
        let batches = Batches::start(limits(8, EVER), numbers).unwrap();
        let (stays, leaves) = (batches.caller(false), batches.caller(false));
        thread::scope(|scope| {
            let answered = scope.spawn(|| stays.ask(a(1)));
            drop(leaves);
            assert_eq!(answered.join().unwrap(), Ok(vec![1]));
        });
    }

    #[test]
    fn whoever_is_out_of_patience_goes_alone() {
        let batches = Batches::start(limits(8, Duration::ZERO), numbers).unwrap();
        let _other = batches.caller(false);
        assert_eq!(batches.caller(false).ask(a(3)), Ok(vec![3]));
    }

    #[test]
    fn a_batch_that_fails_or_panics_fails_its_own_rows_and_no_others() {
        let compute = |batch: &[Asked]| match batch[0].kind {
            'f' => Err(Ct2Error::Computation("out of memory".to_owned())),
            'p' => panic!("in the computation"),
            's' => Ok(vec![]),
            _ => numbers(batch),
        };
        let batches = Batches::start(limits(8, EVER), compute).unwrap();
        for (kind, told) in [
            ('f', "out of memory"),
            ('p', "panicked"),
            ('s', "no answer"),
        ] {
            let callers: Vec<_> = (0..3).map(|_| batches.caller(false)).collect();
            let fine = batches.caller(false);
            thread::scope(|scope| {
                let asked = |number| Asked { kind, number };
                // Whoever has its answer leaves.
                let failing: Vec<_> = (callers.into_iter().enumerate())
                    .map(|(number, caller)| scope.spawn(move || caller.ask(asked(number))))
                    .collect();
                let fine = scope.spawn(move || fine.ask(a(9)));
                for failed in failing {
                    let error = failed.join().unwrap().unwrap_err().to_string();
                    assert!(error.contains(told), "{error}");
                }
                assert_eq!(fine.join().unwrap(), Ok(vec![9]));
            });
        }
    }

    #[test]
    fn what_comes_while_a_batch_is_computed_goes_into_the_next() {
        let (begun, end) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
        let (ours, ends) = (Arc::clone(&begun), Arc::clone(&end));
        let compute = move |batch: &[Asked]| {
            if batch[0].number == 0 {
                ours.wait();
                ends.wait();
            }
            numbers(batch)
        };
        let batches = Batches::start(limits(8, EVER), compute).unwrap();
        let first = batches.caller(true);
        let others = [batches.caller(false), batches.caller(false)];
        thread::scope(|scope| {
            let alone = scope.spawn(move || first.ask(a(0)));
            begun.wait();
            let asking: Vec<_> = (others.iter().enumerate())
                .map(|(number, caller)| scope.spawn(move || caller.ask(a(number + 1))))
                .collect();
            end.wait();
            // It has left, too.
            assert_eq!(alone.join().unwrap(), Ok(vec![0]));
            for asked in asking {
                assert_eq!(asked.join().unwrap(), Ok(vec![1, 2]));
            }
        });
    }
}
