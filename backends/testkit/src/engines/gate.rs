//! Holds blocking calls until a test lets them go.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::watch;

/// Longest that a call is held or a test waits for one: a test that forgets its gate fails with this,
/// it does not hang.
const PATIENCE: Duration = Duration::from_secs(30);

/// A gate that blocking calls pass one by one. Open to begin with. Clones are the same gate.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    passes: Mutex<Passes>,
    changed: Condvar,
    arrivals: watch::Sender<usize>,
}

#[derive(Debug)]
enum Passes {
    Open,
    Left(usize),
}

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new(Inner {
            passes: Mutex::new(Passes::Open),
            changed: Condvar::new(),
            arrivals: watch::Sender::new(0),
        }))
    }
}

impl Gate {
    /// Holds every call that arrives from now on.
    pub fn close(&self) {
        self.set(Passes::Left(0));
    }

    /// Lets everybody through, now and later.
    pub fn open(&self) {
        self.set(Passes::Open);
    }

    /// Lets `calls` more calls through a closed gate.
    pub fn admit(&self, calls: usize) {
        if let Passes::Left(left) = &mut *self.passes() {
            *left += calls;
        }
        self.0.changed.notify_all();
    }

    /// Calls that have arrived so far, held or not.
    pub fn arrivals(&self) -> usize {
        *self.0.arrivals.borrow()
    }

    /// Returns once `calls` calls in all have arrived.
    ///
    /// # Panics
    /// After 30 s.
    pub async fn arrived(&self, calls: usize) {
        let mut arrivals = self.0.arrivals.subscribe();
        let enough = arrivals.wait_for(|count| *count >= calls);
        let waited = tokio::time::timeout(PATIENCE, enough).await;
        assert!(
            waited.is_ok(),
            "{} calls arrived in {PATIENCE:?}, not {calls}",
            self.arrivals()
        );
    }

    /// Passes the gate, blocking the thread while it is closed.
    ///
    /// # Panics
    /// After 30 s.
    pub fn pass(&self) {
        self.0.arrivals.send_modify(|count| *count += 1);
        let closed = |passes: &mut Passes| matches!(passes, Passes::Left(0));
        let (mut passes, waited) = self
            .0
            .changed
            .wait_timeout_while(self.passes(), PATIENCE, closed)
            .unwrap_or_else(PoisonError::into_inner);
        if let Passes::Left(left) = &mut *passes {
            *left = left.saturating_sub(1);
        }
        drop(passes);
        assert!(
            !waited.timed_out(),
            "nobody opened the gate for {PATIENCE:?}"
        );
    }

    fn set(&self, passes: Passes) {
        *self.passes() = passes;
        self.0.changed.notify_all();
    }

    fn passes(&self) -> MutexGuard<'_, Passes> {
        self.0.passes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_closed_gate_lets_through_exactly_those_admitted() {
        let gate = Gate::default();
        gate.close();
        let (through, mut passed) = tokio::sync::mpsc::channel(4);
        let mut callers = tokio::task::JoinSet::new();
        for _ in 0..3 {
            let (gate, through) = (gate.clone(), through.clone());
            callers.spawn_blocking(move || {
                gate.pass();
                through.blocking_send(()).expect("the test listens");
            });
        }
        gate.arrived(3).await;
        assert!(passed.try_recv().is_err());
        gate.admit(2);
        passed.recv().await.expect("first");
        passed.recv().await.expect("second");
        assert_eq!(callers.len(), 3);
        gate.open();
        passed.recv().await.expect("third");
        callers.join_all().await;
    }
}
