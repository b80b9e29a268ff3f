//! What a fake engine is to do besides answering.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use voicefleet_core::ports::EngineError;

use super::Gate;

/// The hooks of a fake engine. Clones are the same script: keep one, give one to the engine.
///
/// A call first passes the gate, then panics or fails if that is planned, then answers.
#[derive(Clone, Debug, Default)]
pub struct Script {
    gate: Gate,
    plan: Arc<Plan>,
}

#[derive(Debug, Default)]
struct Plan {
    calls: AtomicUsize,
    failures: AtomicUsize,
    panics: AtomicUsize,
}

impl Script {
    /// Holds calls while it is closed.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Makes the next `times` calls fail with [`EngineError::Inference`] (a loader's: [`EngineError::Load`]).
    pub fn fail_next(&self, times: usize) {
        self.plan.failures.store(times, Ordering::SeqCst);
    }

    /// Makes the next `times` calls panic.
    pub fn panic_next(&self, times: usize) {
        self.plan.panics.store(times, Ordering::SeqCst);
    }

    /// Calls so far that reached the script; planning the work does not count.
    pub fn calls(&self) -> usize {
        self.plan.calls.load(Ordering::SeqCst)
    }

    /// One call: holds, panics or fails as planned.
    pub(super) fn play(&self, failure: fn(String) -> EngineError) -> Result<(), EngineError> {
        self.plan.calls.fetch_add(1, Ordering::SeqCst);
        self.gate.pass();
        assert!(
            !take_one(&self.plan.panics),
            "the test wants this call to panic"
        );
        if take_one(&self.plan.failures) {
            return Err(failure("the test wants this call to fail".to_owned()));
        }
        Ok(())
    }
}

fn take_one(left: &AtomicUsize) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
        left.checked_sub(1)
    })
    .is_ok()
}
