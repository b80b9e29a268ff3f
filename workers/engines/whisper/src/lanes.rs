//! A fixed set of instances that are handed out to one call at a time.

use std::{
    ops::{Deref, DerefMut},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

/// As many instances of `T` as calls may compute at the same time.
pub(crate) struct Lanes<T> {
    idle: Mutex<Vec<T>>,
    returned: Condvar,
}

impl<T> Lanes<T> {
    /// Lanes for these instances, at least one.
    pub(crate) fn new(instances: Vec<T>) -> Self {
        debug_assert!(!instances.is_empty(), "no lane: every call would wait");
        Self {
            idle: Mutex::new(instances),
            returned: Condvar::new(),
        }
    }

    /// An instance for the caller alone; waits for one if all are taken.
    pub(crate) fn take(&self) -> Lane<'_, T> {
        let mut idle = self.lock();
        loop {
            if let Some(instance) = idle.pop() {
                return Lane {
                    instance: Some(instance),
                    home: self,
                };
            }
            idle = self
                .returned
                .wait(idle)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<T>> {
        // Nothing that can panic runs under this lock, so what it guards is whole.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An instance on loan; goes back when dropped, also by a panic.
pub(crate) struct Lane<'a, T> {
    /// Some until dropped.
    instance: Option<T>,
    home: &'a Lanes<T>,
}

impl<T> Deref for Lane<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.instance.as_ref().expect("held until dropped")
    }
}

impl<T> DerefMut for Lane<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.instance.as_mut().expect("held until dropped")
    }
}

impl<T> Drop for Lane<'_, T> {
    fn drop(&mut self) {
        self.home.lock().extend(self.instance.take());
        self.home.returned.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        sync::{
            Barrier,
            atomic::{AtomicUsize, Ordering},
        },
        thread,
    };

    use super::*;

    #[test]
    fn as_many_calls_as_lanes_run_at_the_same_time() {
        let lanes = Lanes::new(vec![1, 2, 3]);
        let together = Barrier::new(3);
        thread::scope(|scope| {
            for _ in 0..3 {
                // Opens only if all three hold an instance at once.
                scope.spawn(|| {
                    let _lane = lanes.take();
                    together.wait();
                });
            }
        });
    }

    #[test]
    fn no_two_calls_hold_one_instance() {
        let lanes = Lanes::new(vec![AtomicUsize::new(0)]);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        let lane = lanes.take();
                        assert_eq!(lane.fetch_add(1, Ordering::SeqCst), 0);
                        thread::yield_now();
                        assert_eq!(lane.fetch_sub(1, Ordering::SeqCst), 1);
                    }
                });
            }
        });
    }

    #[test]
    fn a_panic_gives_the_instance_back() {
        let lanes = Lanes::new(vec![7]);
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _lane = lanes.take();
            panic!("in the work");
        }));
        assert!(panicked.is_err());
        assert_eq!(*lanes.take(), 7);
    }
}
