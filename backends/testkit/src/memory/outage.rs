//! A switch that makes a fake fail as a server does that has gone away.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// While it is down, every call on the fake that holds it answers `Unavailable`. Clones are the same switch.
#[derive(Clone, Debug, Default)]
pub struct Outage(Arc<AtomicBool>);

impl Outage {
    /// Takes the fake down, or brings it back.
    pub fn set_down(&self, down: bool) {
        self.0.store(down, Ordering::SeqCst);
    }

    /// `Err` with a reason while down.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.0.load(Ordering::SeqCst) {
            Err("switched off by the test".to_owned())
        } else {
            Ok(())
        }
    }
}
